"""The SGAN's compiled epoch: all steps of all members in one call, data on the device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import keras
import numpy as np
import tensorflow as tf

from models.sgan.batches import (
    Randomness,
    Replay,
    RowPools,
    draw_labelled,
    draw_rows,
    pool_signature,
)
from models.sgan.model import SGAN
from models.sgan.penalties import distance_from_average, likeness

# Factor of both learning rates by the part of the training that is done, 0 to 1.
LEARNING_RATE_SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda done: 1.0,  # noqa: ARG005 - it depends on nothing
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
}
# TensorFlow's other generators are slow in XLA programs, and this one is in no others.
XLA_RANDOM = "threefry"
# Mean figures of an epoch, each of shape (n_members,); without the adversarial game the first only.
METRICS = ("discriminator_loss", "generator_loss", "class_loss", "real_accuracy", "fake_accuracy",
           "fake_spread")  # fmt: skip


@dataclass(frozen=True)
class SGANTrainingSettings:
    """How an SGAN is trained; `SGANClassifier` explains each field."""

    steps_per_epoch: int = 100
    batch_size: int = 256
    unsupervised_batch_size: int = 64
    fraud_share: float | None = None
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    generator_learning_rate: float = 2.5e-4
    learning_rate_schedule: str = "constant"  # for who never calls `set_learning_rates`
    beta_1: float = 0.9
    weight_decay: float = 1e-4
    clip_norm: float | None = 5.0
    ema_decay: float = 0.995
    unsupervised_weight: float = 0.02
    feature_matching_weight: float = 1.0
    historical_averaging_weight: float = 0.0
    diversity_weight: float = 0.0
    target_networks: bool = False
    stop_at_equilibrium: bool = False
    real_label: float = 0.9
    label_noise: float = 0.05
    replay_share: float = 0.25
    pseudo_label_weight: float = 0.5
    pseudo_label_confidence: float = 0.5
    pseudo_label_agreement: float = 0.0
    drop_biased_pseudo_labels: bool = False
    separate_batches: bool = True
    real_fake_head: str = "shared"
    jit_compile: bool = False

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            # TensorFlow would not mix a whole number with floats.
            if "float" in str(one.type) and value is not None:
                object.__setattr__(self, one.name, float(value))
        for name in ("target_networks", "historical_averaging_weight"):
            if getattr(self, name) and not self.ema_decay:
                raise ValueError(f"{name} needs the averaged weights: ema_decay above 0")
        if self.learning_rate_schedule not in LEARNING_RATE_SCHEDULES:
            raise ValueError(
                f"learning_rate_schedule must be among {tuple(LEARNING_RATE_SCHEDULES)}, got "
                f"{self.learning_rate_schedule!r}"
            )


class SGANTrainer:
    """Trains all members of an SGAN and keeps the moving average of their weights.

    Parameters
    ----------
    model : SGAN
        The networks in training.
    settings : SGANTrainingSettings
        How they are trained.
    seed : int
        Of every draw: batches, noise, flipped labels. Dropout has the model's own.

    Attributes
    ----------
    average : SGAN
        The exponential moving average of the weights; this is what scores and is served.
    """

    def __init__(self, model: SGAN, settings: SGANTrainingSettings, seed: int):
        self.model = model
        self.settings = settings
        self.average = SGAN(**model.settings, autoencoder=model.autoencoder, vae=model.vae)
        self._copy_weights(model, self.average)
        self.is_adversarial = settings.unsupervised_weight > 0
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        algorithm = XLA_RANDOM if settings.jit_compile else "auto_select"
        self.random = Randomness(seed, self.step, algorithm)
        for network in (model.generator, model.discriminator):
            network.stack.random_algorithm = algorithm
        n_replay = round(settings.unsupervised_batch_size * settings.replay_share)
        self.replay = Replay(model.n_members, n_replay, model.n_features)
        self.discriminator_optimizer = self._optimizer(
            settings.learning_rate, model.discriminator.trainable_variables
        )
        self.generator_optimizer = self._optimizer(
            settings.generator_learning_rate, model.generator.trainable_variables
        )
        self._at_start = [np.asarray(variable) for variable in self._variables_of_training()]
        # Without autograph, whose conversion of every called function takes longer than tracing.
        signature = [self._pool_signature(), tf.TensorSpec((), tf.float32)]
        self._compiled_epoch = tf.function(
            self._epoch, autograph=False, input_signature=signature,
            jit_compile=settings.jit_compile,
        )  # fmt: skip

    def start_from(self, model: SGAN, seed: int) -> None:
        """Forget all training, and take over the weights and seeds of a model of equal shape."""
        for weight, start in zip(self.model.weights, model.weights, strict=True):
            weight.assign(start)
        for name in ("generator", "discriminator"):
            own, other = getattr(self.model, name).stack, getattr(model, name).stack
            own.seed_generator.state.assign(other.seed_generator.state)
        self._copy_weights(self.model, self.average)
        self.random.set_seed(seed)
        for variable, value in zip(self._variables_of_training(), self._at_start, strict=True):
            variable.assign(value)

    def fit_inputs(self, rows: np.ndarray, codes: np.ndarray) -> None:
        """Fit the discriminator's inputs. **Fitted on:** real training rows."""
        self.model.fit_inputs(rows, codes)
        self._copy_weights(self.model, self.average)

    def set_learning_rates(self, part_done: float) -> None:
        """Bring both learning rates to where the schedule has them after a part of the training."""
        factor = LEARNING_RATE_SCHEDULES[self.settings.learning_rate_schedule](part_done)
        for optimizer, rate in (
            (self.discriminator_optimizer, self.settings.learning_rate),
            (self.generator_optimizer, self.settings.generator_learning_rate),
        ):
            optimizer.learning_rate.assign(rate * factor)

    def run_epoch(self, pools: RowPools, input_noise: float) -> dict[str, np.ndarray]:
        """Train for one epoch in one compiled call; mean figures of shape (n_members,)."""
        metrics = self._compiled_epoch(pools, tf.constant(input_noise, tf.float32))
        return {name: value.numpy() for name, value in metrics.items()}

    def state(self) -> list[np.ndarray]:
        """Return everything that the next epoch depends on, in a fixed order."""
        return [np.asarray(variable) for variable in self._state_variables()]

    def restore(self, state: list[np.ndarray]) -> None:
        """Continue from a `state` of a trainer of the same shape."""
        for variable, value in zip(self._state_variables(), state, strict=True):
            variable.assign(value)

    def _state_variables(self):
        return [
            *self.model.variables,
            *self.average.variables,
            *self._variables_of_training(),
        ]

    def _variables_of_training(self):
        return [
            *self.discriminator_optimizer.variables,
            *self.generator_optimizer.variables,
            self.replay.fakes,
            self.step,
        ]

    # What a trainer of other pools than `RowPools` redefines.

    def _pool_signature(self):
        return pool_signature(self.model.n_features)

    def _draw_labelled(self, pools):
        return draw_labelled(self.random, pools, self.model.n_members, self.settings)

    def _optimizer(self, learning_rate, variables):
        settings = self.settings
        if settings.optimizer == "rmsprop":
            optimizer = keras.optimizers.RMSprop(learning_rate)
        elif settings.optimizer == "adam":
            optimizer = keras.optimizers.Adam(learning_rate, beta_1=settings.beta_1)
        else:
            optimizer = keras.optimizers.AdamW(
                learning_rate, beta_1=settings.beta_1, weight_decay=settings.weight_decay
            )
            optimizer.exclude_from_weight_decay(var_names=["bias", "scale", "shift"])
        optimizer.build(variables)
        return optimizer

    def _epoch(self, pools: RowPools, input_noise) -> dict[str, tf.Tensor]:
        n_steps = self.settings.steps_per_epoch
        train_step = self._adversarial_step if self.is_adversarial else self._class_step

        def add_step(i, totals):
            self.random.begin_step()
            step = train_step(pools, input_noise)
            self._average_weights()
            self.step.assign_add(1)
            return i + 1, {name: totals[name] + step[name] for name in totals}

        names = METRICS if self.is_adversarial else METRICS[:1]
        zeros = {name: tf.zeros((self.model.n_members,)) for name in names}
        _, totals = tf.while_loop(lambda i, _: i < n_steps, add_step, (0, zeros))
        return {name: total / n_steps for name, total in totals.items()}

    def _class_step(self, pools: RowPools, input_noise) -> dict[str, tf.Tensor]:
        """One step of the class head alone."""
        labelled, labels = self._draw_labelled(pools)
        with tf.GradientTape() as tape:
            (on_labelled,) = self._discriminate([[labelled]], input_noise)
            loss = self._loss_among_classes(on_labelled, labels)
            loss = self._near_average(loss, "discriminator")
        self._apply(tape, loss, self.model.discriminator, self.discriminator_optimizer)
        return {"discriminator_loss": loss}

    def _adversarial_step(self, pools: RowPools, input_noise) -> dict[str, tf.Tensor]:
        """One step of the discriminator and one of the generator."""
        settings, model, random = self.settings, self.model, self.random
        n_rows = settings.unsupervised_batch_size
        labelled, labels = self._draw_labelled(pools)
        real = draw_rows(random, pools.rows, pools.real, model.n_members, n_rows)
        noise = random.normal((model.n_members, n_rows, model.noise_dim))
        old_fakes = self.replay.draw(random, self.step)
        with tf.GradientTape(persistent=True) as tape:
            fakes = model.generator(noise, training=True)
            calls = [[labelled, real], [fakes, old_fakes]]
            if not settings.separate_batches:
                calls = [calls[0] + calls[1]]
            on_labelled, on_real, on_fakes, on_old = self._discriminate(calls, input_noise)
            class_loss = self._class_loss(on_labelled, labels, on_fakes)
            real_fake_loss = self._real_fake_loss(on_real, on_fakes, on_old)
            discriminator_loss = class_loss + settings.unsupervised_weight * real_fake_loss
            discriminator_loss = self._near_average(discriminator_loss, "discriminator")
            opponent = (on_real, on_fakes)
            if settings.target_networks:
                opponent = self._discriminate_by_average(real, fakes)
            generator_loss = self._near_average(self._generator_loss(*opponent), "generator")
        self._apply(tape, discriminator_loss, model.discriminator, self.discriminator_optimizer)
        self._apply(tape, generator_loss, model.generator, self.generator_optimizer)
        self.replay.keep(fakes, self.step)
        return {
            "discriminator_loss": discriminator_loss,
            "generator_loss": generator_loss,
            "class_loss": class_loss,
            "real_accuracy": tf.reduce_mean(tf.cast(on_real.real_logit > 0, tf.float32), axis=1),
            "fake_accuracy": tf.reduce_mean(tf.cast(on_fakes.real_logit < 0, tf.float32), axis=1),
            "fake_spread": _spread(fakes) / (_spread(real) + 1e-12),
        }

    def _discriminate(self, calls, input_noise):
        """Judge groups of rows, noise added; each list of groups is one batch.

        The noise is in standard deviations of each column over the training rows.
        """
        judged = []
        deviation = input_noise * self.model.input_deviation[: self.model.n_features]
        for groups in calls:
            rows = tf.concat(groups, axis=1)
            rows += deviation * self.random.normal(tf.shape(rows))
            output = self.model.discriminate(rows, training=True)
            widths = [group.shape[1] for group in groups]
            pieces = [tf.split(part, widths, axis=1) for part in output]
            judged.extend(type(output)(*piece) for piece in zip(*pieces, strict=True))
        return judged

    def _discriminate_by_average(self, real, fakes):
        """Judge real rows and fakes by the averaged discriminator, which moves slowly."""
        output = self.average.discriminate(tf.concat([real, fakes], axis=1))
        pieces = [tf.split(part, [real.shape[1], fakes.shape[1]], axis=1) for part in output]
        return [type(output)(*piece) for piece in zip(*pieces, strict=True)]

    # Losses, each of shape (n_members,): a member's gradient comes from its own entry only.

    def _class_loss(self, on_labelled, labels, on_fakes):
        if self.settings.real_fake_head == "shared":
            return self._loss_among_classes(on_labelled, labels)
        # A last class for fakes; real classes weigh twice a fake row (docs/reference.md).
        fake_labels = tf.fill(tf.shape(on_fakes.class_logits)[:2], self.model.n_classes)
        of_real = tf.reduce_mean(_cross_entropy(on_labelled.class_logits, labels), axis=1)
        of_fakes = tf.reduce_mean(_cross_entropy(on_fakes.class_logits, fake_labels), axis=1)
        return of_real + 0.5 * of_fakes

    def _loss_among_classes(self, on_labelled, labels):
        logits = on_labelled.class_logits[..., : self.model.n_classes]
        return tf.reduce_mean(_cross_entropy(logits, labels), axis=1)

    def _real_fake_loss(self, on_real, on_fakes, on_old):
        logits_real = on_real.real_logit
        logits_fake = tf.concat([on_fakes.real_logit, on_old.real_logit], axis=1)
        targets_real = self._flip(tf.shape(logits_real), self.settings.real_label, 0.0)
        targets_fake = self._flip(tf.shape(logits_fake), 0.0, self.settings.real_label)
        of_real = tf.nn.sigmoid_cross_entropy_with_logits(targets_real, logits_real)
        of_fakes = tf.nn.sigmoid_cross_entropy_with_logits(targets_fake, logits_fake)
        return 0.5 * (tf.reduce_mean(of_real, axis=1) + tf.reduce_mean(of_fakes, axis=1))

    def _flip(self, shape, target, flipped):
        chance = self.random.uniform(shape)
        return tf.where(chance < self.settings.label_noise, flipped, target)

    def _generator_loss(self, on_real, on_fakes):
        """Non-saturating loss plus feature matching (Salimans et al. 2016, section 3.1)."""
        adversarial = tf.reduce_mean(tf.nn.softplus(-on_fakes.real_logit), axis=1)
        target = tf.stop_gradient(tf.reduce_mean(on_real.hidden, axis=1))
        gap = tf.reduce_mean(on_fakes.hidden, axis=1) - target
        matching = tf.reduce_sum(tf.square(gap), axis=1)
        loss = adversarial + self.settings.feature_matching_weight * matching
        if self.settings.diversity_weight:
            loss += self.settings.diversity_weight * likeness(on_fakes.hidden)
        return loss

    def _near_average(self, loss, name):
        """Add what a network pays for leaving its average over training."""
        weight = self.settings.historical_averaging_weight
        if not weight:
            return loss
        return loss + weight * distance_from_average(
            getattr(self.model, name), getattr(self.average, name)
        )

    # Updates

    def _apply(self, tape, losses, network, optimizer):
        """Take one optimizer step; a gradient that is not finite counts as zero."""
        variables = network.trainable_variables
        gradients = tape.gradient(losses, [v.value for v in variables])
        squares = [
            tf.reduce_sum(tf.square(g), axis=list(range(1, len(g.shape)))) for g in gradients
        ]
        norm = tf.sqrt(tf.add_n(squares))
        finite = tf.math.is_finite(norm)
        factor = tf.ones_like(norm)
        if self.settings.clip_norm is not None:
            factor = tf.minimum(1.0, self.settings.clip_norm / (norm + 1e-12))
        clipped = [
            tf.where(_like(finite, g), g * _like(factor, g), tf.zeros_like(g)) for g in gradients
        ]
        optimizer.apply(clipped, variables)

    def _average_weights(self):
        step = tf.cast(self.step, tf.float32)
        # A short memory at first, so that the random initial weights do not linger.
        decay = tf.minimum(self.settings.ema_decay, (1.0 + step) / (10.0 + step))
        for name in ("generator", "discriminator"):
            current = getattr(self.model, name).weights
            averaged = getattr(self.average, name).weights
            for weight, mean in zip(current, averaged, strict=True):
                mean.assign(decay * mean + (1.0 - decay) * weight)

    @staticmethod
    def _copy_weights(source: SGAN, target: SGAN) -> None:
        for weight, copy in zip(source.weights, target.weights, strict=True):
            copy.assign(weight)


def _cross_entropy(logits, labels):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _like(per_member, gradient):
    """Bring a (n_members,) vector to the rank of a gradient, for broadcasting."""
    return tf.reshape(per_member, (-1,) + (1,) * (len(gradient.shape) - 1))


def _spread(rows):
    """Mean over columns of the deviation within a batch; (n_members, batch, f) -> (n_members,)."""
    return tf.reduce_mean(tf.math.reduce_std(rows, axis=1), axis=1)
