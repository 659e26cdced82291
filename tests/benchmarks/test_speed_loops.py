"""The loops that our training is compared with do what they say."""

import importlib.util

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], [400, 100])
    return rng.normal(size=(500, 29)).astype(np.float32) + labels[:, None], labels


def weights_of(model):
    return [weight.copy() for weight in model.get_weights()]


def is_changed(before, model):
    return any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


@pytest.fixture(scope="module")
def reference(rows):
    from benchmarks.speed.reference_loop import ReferenceLoop

    return ReferenceLoop(*rows)


def test_the_reference_networks_have_the_widths_of_the_reference(reference):
    def widths(model):
        return [layer.units for layer in model.layers if hasattr(layer, "units")]

    assert reference.generator.input_shape == (None, 10)
    assert widths(reference.generator) == [16, 32, 29]
    assert widths(reference.discriminator) == [31, 16, 1, 3]


def test_a_reference_step_is_one_prediction_and_three_updates(reference, monkeypatch):
    calls = []
    for name in ("generator", "discriminator", "combined"):
        model = getattr(reference, name)
        for method in ("predict", "train_on_batch"):
            original = getattr(model, method)

            def record(*arguments, _call=(name, method), _original=original, **options):
                calls.append((*_call, len(arguments[0])))
                return _original(*arguments, **options)

            monkeypatch.setattr(model, method, record)
    for _ in range(3):
        reference.step()
    assert calls == 3 * [
        ("discriminator", "train_on_batch", 64),
        ("generator", "predict", 64),
        ("discriminator", "train_on_batch", 64),
        ("combined", "train_on_batch", 64),
    ]


def test_each_reference_update_moves_its_own_network_only(reference):
    generator = weights_of(reference.generator)
    kernel = np.array(reference.discriminator.layers[1].kernel)
    reference.train_on_real()
    reference.train_on_fakes()
    assert not is_changed(generator, reference.generator)
    assert not np.array_equal(kernel, reference.discriminator.layers[1].kernel)
    discriminator = weights_of(reference.discriminator)
    reference.train_generator()
    assert is_changed(generator, reference.generator)
    assert not is_changed(discriminator, reference.discriminator)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax_members_learn_both_networks_apart(rows):
    import jax

    from benchmarks.speed.jax_loop import make_loop

    state, advance = make_loop(*rows, n_members=2, n_steps=200)
    after, losses = advance(state)
    assert losses.shape == (2, 200, 2)
    assert np.isfinite(losses).all()
    discriminator_loss = np.asarray(losses)[:, :, 0]
    assert (discriminator_loss[:, -20:].mean(1) < discriminator_loss[:, :20].mean(1)).all()
    for before, now in zip(jax.tree.leaves(state[0]), jax.tree.leaves(after[0]), strict=True):
        assert (np.abs(np.asarray(now) - np.asarray(before)).reshape(2, -1).max(1) > 0).all()
        # Members start apart where weights are drawn, and learn from batches of their own.
        assert not np.array_equal(now[0], now[1])


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_torch_steps_learn(rows):
    from benchmarks.speed.torch_loop import TorchLoop

    loop = TorchLoop(*rows)
    losses = np.array([[float(loss) for loss in loop.step()] for _ in range(200)])
    assert np.isfinite(losses).all()
    assert losses[-20:, 0].mean() < losses[:20, 0].mean()


@pytest.mark.parametrize("name", ["autoencoder", "vae"])
def test_the_plain_keras_encoders_have_as_many_weights_as_ours(rows, name):
    from benchmarks.speed.contenders import encoders
    from benchmarks.speed.keras_encoders import build
    from benchmarks.speed.samples import project_params

    params = project_params()
    model, targets = build(name, getattr(params, name), rows[0])
    ours = encoders(params, 29)[name]

    def shapes(weights):
        return sorted(tuple(weight.shape) for weight in weights)

    assert shapes(model.trainable_variables) == shapes(ours.trainable_variables)
    history = model.fit(rows[0], targets, epochs=2, batch_size=64, verbose=0).history["loss"]
    assert history[1] < history[0]
