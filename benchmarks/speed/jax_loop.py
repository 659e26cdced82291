"""The reference networks as a hand-written JAX loop: all steps of a call in one ``lax.scan``.

Same widths, losses and rows a step as our SGAN under the preset `reference`: 64 labelled rows
(half of them frauds) and 64 real ones in one batch, 64 fakes in another, one forward pass from
which both networks learn with Adam. Members are a ``vmap``.
"""

from functools import partial

import jax
import jax.numpy as jnp

BATCH, NOISE_DIM, N_FRAUDS = 64, 10, 32
GENERATOR, DISCRIMINATOR = (10, 16, 32, 29), (29, 31, 16)
GENUINE, FRAUD, FAKE = 0, 1, 2
SLOPE, DROPOUT, MOMENTUM, EPSILON = 0.2, 0.25, 0.8, 1e-3
LEARNING_RATE, BETA_1, BETA_2, TINY = 2e-4, 0.5, 0.999, 1e-7


def make_loop(rows, labels, n_members, n_steps, seed=0):
    """Return the state of training and a compiled function that takes it `n_steps` further.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, 29)
        Scaled transactions.
    labels : ndarray of shape (n_rows,), values in {0, 1}
        1 marks fraud; both classes must be there.
    n_members : int
        Networks side by side, each with batches of its own.
    n_steps : int
        Steps of one call.
    seed : int
        Of weights and every draw.

    Returns
    -------
    state : pytree
        Weights, moving statistics, moments and key of each member.
    advance : callable
        ``advance(state) -> (state, losses)`` with losses of shape (n_members, n_steps, 2).
    """
    rows = jnp.asarray(rows, jnp.float32)
    pools = [jnp.flatnonzero(jnp.asarray(labels) == label) for label in (GENUINE, FRAUD)]
    keys = jax.random.split(jax.random.key(seed), n_members)
    step = partial(_step, rows, pools)
    advance = jax.jit(jax.vmap(lambda state: jax.lax.scan(step, state, length=n_steps)))
    return jax.vmap(_initial_state)(keys), advance


def _initial_state(key):
    keys = jax.random.split(key, 5)
    weights = {
        "generator": {"stack": _stack(keys[0], GENERATOR[:-1]), "head": _dense(keys[1], 32, 29)},
        "discriminator": {
            "stack": _stack(keys[2], DISCRIMINATOR),
            "heads": _dense(keys[3], DISCRIMINATOR[-1], 4),  # real/fake, then three classes
        },
    }
    zeros = jax.tree.map(jnp.zeros_like, weights)
    moving = {
        name: [(jnp.zeros(n), jnp.ones(n)) for n in widths]
        for name, widths in (("generator", GENERATOR[1:-1]), ("discriminator", DISCRIMINATOR[1:]))
    }
    return weights, (zeros, zeros), moving, 0, keys[4]


def _stack(key, widths):
    keys = jax.random.split(key, len(widths) - 1)
    return [
        (*_dense(k, n, m), jnp.ones(m), jnp.zeros(m))
        for k, n, m in zip(keys, widths[:-1], widths[1:], strict=True)
    ]


def _dense(key, n_inputs, n_units):
    limit = (6.0 / (n_inputs + n_units)) ** 0.5
    return jax.random.uniform(key, (n_inputs, n_units), minval=-limit, maxval=limit), jnp.zeros(
        n_units
    )


def _step(rows, pools, state, _):
    weights, moments, moving, n_steps, key = state
    key, *keys = jax.random.split(key, 8)
    frauds = _draw(keys[0], rows[pools[FRAUD]], N_FRAUDS)
    genuine = _draw(keys[1], rows[pools[GENUINE]], BATCH - N_FRAUDS)
    real = jnp.concatenate([frauds, genuine, _draw(keys[2], rows, BATCH)])
    noise = jax.random.normal(keys[3], (BATCH, NOISE_DIM))
    losses, pull_back, moving = jax.vjp(
        lambda w: _losses(w, moving, real, noise, keys[4:]), weights, has_aux=True
    )
    # Each network has a loss of its own, on one forward pass.
    (of_discriminator,) = pull_back((1.0, 0.0))
    (of_generator,) = pull_back((0.0, 1.0))
    gradients = {
        "generator": of_generator["generator"],
        "discriminator": of_discriminator["discriminator"],
    }
    weights, moments = _adam(weights, gradients, moments, n_steps + 1)
    return (weights, moments, moving, n_steps + 1, key), jnp.stack(losses)


def _draw(key, pool, n):
    return pool[jax.random.randint(key, (n,), 0, len(pool))]


def _losses(weights, moving, real, noise, keys):
    """Losses of discriminator and generator, and the new moving statistics."""
    hidden, generator_moving = _hidden(
        weights["generator"]["stack"], moving["generator"], noise, None
    )
    kernel, bias = weights["generator"]["head"]
    fakes = hidden @ kernel + bias
    real_logit, real_classes, new = _judge(weights, moving["discriminator"], real, keys[0])
    fake_logit, fake_classes, new = _judge(weights, new, fakes, keys[1])
    labels = jnp.repeat(jnp.array([FRAUD, GENUINE]), jnp.array([N_FRAUDS, BATCH - N_FRAUDS]),
                        total_repeat_length=BATCH)  # fmt: skip
    class_loss = -jnp.mean(jnp.take_along_axis(real_classes[:BATCH], labels[:, None], 1))
    class_loss -= 0.5 * jnp.mean(fake_classes[:, FAKE])
    real_fake_loss = 0.5 * (
        jnp.mean(jax.nn.softplus(-real_logit[BATCH:])) + jnp.mean(jax.nn.softplus(fake_logit))
    )
    generator_loss = jnp.mean(jax.nn.softplus(-fake_logit))
    moving = {"generator": generator_moving, "discriminator": new}
    return (class_loss + real_fake_loss, generator_loss), moving


def _judge(weights, moving, rows, key):
    """Real/fake logit, log chances of the classes and the new moving statistics."""
    hidden, moving = _hidden(weights["discriminator"]["stack"], moving, rows, key)
    kernel, bias = weights["discriminator"]["heads"]
    logits = hidden @ kernel + bias
    return logits[:, 0], jax.nn.log_softmax(logits[:, 1:]), moving


def _hidden(stack, moving, hidden, key):
    """Dense, batch normalisation, leaky ReLU and (with a key) dropout, layer by layer."""
    renewed = []
    for i, ((kernel, bias, scale, shift), (old_mean, old_variance)) in enumerate(
        zip(stack, moving, strict=True)
    ):
        hidden = hidden @ kernel + bias
        mean, variance = hidden.mean(0), hidden.var(0)
        hidden = (hidden - mean) * jax.lax.rsqrt(variance + EPSILON) * scale + shift
        hidden = jax.nn.leaky_relu(hidden, SLOPE)
        if key is not None:
            kept = jax.random.bernoulli(jax.random.fold_in(key, i), 1 - DROPOUT, hidden.shape)
            hidden = jnp.where(kept, hidden / (1 - DROPOUT), 0.0)
        renewed.append(
            (
                MOMENTUM * old_mean + (1 - MOMENTUM) * jax.lax.stop_gradient(mean),
                MOMENTUM * old_variance + (1 - MOMENTUM) * jax.lax.stop_gradient(variance),
            )
        )
    return hidden, renewed


def _adam(weights, gradients, moments, n_steps):
    first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, moments[0], gradients)
    second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, moments[1], gradients)
    rate = LEARNING_RATE * jnp.sqrt(1 - BETA_2**n_steps) / (1 - BETA_1**n_steps)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + TINY), weights, first, second
    )
    return weights, (first, second)
