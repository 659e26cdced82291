"""The SGAN's compiled epoch: all steps of all members in one call, data on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from models.sgan import SGAN

N_REPLAY_SLOTS = 64
GENUINE, FRAUD, FAKE = 0, 1, 2


@dataclass(frozen=True)
class SGANTrainingSettings:
    """How an SGAN is trained; `SGANClassifier` explains each field."""

    steps_per_epoch: int = 100
    batch_size: int = 256
    fraud_share: float | None = 0.1
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    generator_learning_rate: float = 2.5e-4
    beta_1: float = 0.9
    weight_decay: float = 1e-4
    clip_norm: float | None = 5.0
    ema_decay: float = 0.995
    unsupervised_weight: float = 0.5
    feature_matching_weight: float = 1.0
    real_label: float = 0.9
    label_noise: float = 0.05
    replay_share: float = 0.25
    separate_batches: bool = True
    real_fake_head: str = "shared"


class RowPools(NamedTuple):
    """The training rows on the device, and which of them may be drawn as what.

    Attributes
    ----------
    rows : float32 (n_rows, n_features)
        All scaled rows, synthetic frauds included.
    genuine, fraud : int32 (n,)
        Positions of labelled rows.
    real : int32 (n,)
        Positions of real rows, labelled or not: the real side of the real/fake game.
    """

    rows: tf.Tensor
    genuine: tf.Tensor
    fraud: tf.Tensor
    real: tf.Tensor


class StepMetrics(NamedTuple):
    """Figures of one step or the mean over an epoch; each of shape (n_members,)."""

    discriminator_loss: tf.Tensor
    generator_loss: tf.Tensor
    class_loss: tf.Tensor
    real_accuracy: tf.Tensor
    fake_accuracy: tf.Tensor
    fake_spread: tf.Tensor


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
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.n_replay = round(settings.batch_size * settings.replay_share)
        n_slots = N_REPLAY_SLOTS if self.n_replay else 1
        self.replay = tf.Variable(
            tf.zeros((n_slots, model.n_members, max(self.n_replay, 1), model.n_features)),
            trainable=False,
        )
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.discriminator_optimizer = self._optimizer(
            settings.learning_rate, model.discriminator.trainable_variables
        )
        self.generator_optimizer = self._optimizer(
            settings.generator_learning_rate, model.generator.trainable_variables
        )
        # Without autograph, whose conversion of every called function takes longer than tracing.
        self._compiled_epoch = tf.function(self._epoch, autograph=False)

    def standardise_inputs(self, rows: np.ndarray) -> None:
        """Fit the discriminator's input standardisation. **Fitted on:** training rows."""
        self.model.standardise_inputs(tf.constant(rows, tf.float32))
        self._copy_weights(self.model, self.average)

    def run_epoch(self, pools: RowPools, input_noise: float) -> dict[str, np.ndarray]:
        """Train for one epoch in one compiled call; mean figures of shape (n_members,)."""
        metrics = self._compiled_epoch(pools, tf.constant(input_noise, tf.float32))
        return {name: value.numpy() for name, value in metrics._asdict().items()}

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
            *self.discriminator_optimizer.variables,
            *self.generator_optimizer.variables,
            self.seed_generator.state,
            self.replay,
            self.step,
        ]

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

    def _epoch(self, pools: RowPools, input_noise) -> StepMetrics:
        n_steps = self.settings.steps_per_epoch

        def add_step(i, totals):
            step = self._train_step(pools, input_noise)
            return i + 1, StepMetrics(*[a + b for a, b in zip(totals, step, strict=True)])

        zeros = StepMetrics(*[tf.zeros((self.model.n_members,))] * len(StepMetrics._fields))
        _, totals = tf.while_loop(lambda i, _: i < n_steps, add_step, (0, zeros))
        return StepMetrics(*[total / n_steps for total in totals])

    def _train_step(self, pools: RowPools, input_noise) -> StepMetrics:
        settings, model = self.settings, self.model
        labelled, labels = self._draw_labelled(pools)
        real = self._draw(pools.rows, pools.real, settings.batch_size)
        noise = keras.random.normal(
            (model.n_members, settings.batch_size, model.noise_dim), seed=self.seed_generator
        )
        old_fakes = self._draw_replay()
        with tf.GradientTape(persistent=True) as tape:
            fakes = model.generator(noise, training=True)
            on_labelled, on_real, on_fakes, on_old = self._discriminate(
                labelled, real, fakes, old_fakes, input_noise
            )
            class_loss = self._class_loss(on_labelled, labels, on_fakes)
            real_fake_loss = self._real_fake_loss(on_real, on_fakes, on_old)
            discriminator_loss = class_loss + settings.unsupervised_weight * real_fake_loss
            generator_loss = self._generator_loss(on_real, on_fakes)
        self._apply(tape, discriminator_loss, model.discriminator, self.discriminator_optimizer)
        self._apply(tape, generator_loss, model.generator, self.generator_optimizer)
        self._remember(fakes)
        self._average_weights()
        self.step.assign_add(1)
        return StepMetrics(
            discriminator_loss,
            generator_loss,
            class_loss,
            tf.reduce_mean(tf.cast(on_real.real_logit > 0, tf.float32), axis=1),
            tf.reduce_mean(tf.cast(on_fakes.real_logit < 0, tf.float32), axis=1),
            _spread(fakes) / (_spread(real) + 1e-12),
        )

    # Batches: every member draws its own rows.

    def _draw(self, rows, positions, n):
        which = keras.random.randint(
            (self.model.n_members, n), 0, tf.shape(positions)[0], seed=self.seed_generator
        )
        return tf.gather(rows, tf.gather(positions, which))

    def _draw_labelled(self, pools: RowPools):
        settings = self.settings
        n_labelled = tf.shape(pools.genuine)[0] + tf.shape(pools.fraud)[0]
        if settings.fraud_share is None:
            positions = tf.concat([pools.genuine, pools.fraud], axis=0)
            which = keras.random.randint(
                (self.model.n_members, settings.batch_size), 0, n_labelled,
                seed=self.seed_generator,
            )  # fmt: skip
            labels = tf.cast(which >= tf.shape(pools.genuine)[0], tf.int32)
            return tf.gather(pools.rows, tf.gather(positions, which)), labels
        n_frauds = min(max(round(settings.batch_size * settings.fraud_share), 1),
                       settings.batch_size - 1)  # fmt: skip
        frauds = self._draw(pools.rows, pools.fraud, n_frauds)
        genuine = self._draw(pools.rows, pools.genuine, settings.batch_size - n_frauds)
        labels = np.zeros((self.model.n_members, settings.batch_size), np.int32)
        labels[:, :n_frauds] = FRAUD
        return tf.concat([frauds, genuine], axis=1), tf.constant(labels)

    def _draw_replay(self):
        """Old fakes of shape (n_members, n_replay, n_features); none before the first step."""
        n_filled = tf.minimum(self.step, self.replay.shape[0])
        slot = keras.random.randint((), 0, 2**31 - 1, dtype="int32", seed=self.seed_generator)
        slot = tf.cast(slot, tf.int64) % tf.maximum(n_filled, 1)
        return self.replay[slot][:, : self.n_replay]

    def _remember(self, fakes):
        if self.n_replay:
            slot = tf.cast(self.step % self.replay.shape[0], tf.int32)
            self.replay.scatter_nd_update([[slot]], fakes[None, :, : self.n_replay])

    def _discriminate(self, labelled, real, fakes, old_fakes, input_noise):
        """Judge all rows, noise added; real and fake in one batch or in one each."""
        groups = [labelled, real, fakes, old_fakes]
        sizes = [group.shape[1] for group in groups]
        calls = [groups[:2], groups[2:]] if self.settings.separate_batches else [groups]
        judged = []
        for call in calls:
            rows = tf.concat(call, axis=1)
            rows += input_noise * keras.random.normal(tf.shape(rows), seed=self.seed_generator)
            output = self.model.discriminate(rows, training=True)
            widths = [group.shape[1] for group in call]
            pieces = [tf.split(part, widths, axis=1) for part in output]
            judged.extend(type(output)(*piece) for piece in zip(*pieces, strict=True))
        if len(judged) != len(sizes):
            raise ValueError(f"expected {len(sizes)} groups of rows, got {len(judged)}")
        return judged

    # Losses, each of shape (n_members,): a member's gradient comes from its own entry only.

    def _class_loss(self, on_labelled, labels, on_fakes):
        if self.settings.real_fake_head == "shared":
            return tf.reduce_mean(_cross_entropy(on_labelled.class_logits[..., :2], labels), axis=1)
        # A fake third class of its own; real classes weigh twice a fake row (docs/reference.md).
        fake_labels = tf.fill(tf.shape(on_fakes.class_logits)[:2], FAKE)
        of_real = tf.reduce_mean(_cross_entropy(on_labelled.class_logits, labels), axis=1)
        of_fakes = tf.reduce_mean(_cross_entropy(on_fakes.class_logits, fake_labels), axis=1)
        return of_real + 0.5 * of_fakes

    def _real_fake_loss(self, on_real, on_fakes, on_old):
        logits_real = on_real.real_logit
        logits_fake = tf.concat([on_fakes.real_logit, on_old.real_logit], axis=1)
        targets_real = self._flip(tf.shape(logits_real), self.settings.real_label, 0.0)
        targets_fake = self._flip(tf.shape(logits_fake), 0.0, self.settings.real_label)
        of_real = tf.nn.sigmoid_cross_entropy_with_logits(targets_real, logits_real)
        of_fakes = tf.nn.sigmoid_cross_entropy_with_logits(targets_fake, logits_fake)
        return 0.5 * (tf.reduce_mean(of_real, axis=1) + tf.reduce_mean(of_fakes, axis=1))

    def _flip(self, shape, target, flipped):
        chance = keras.random.uniform(shape, seed=self.seed_generator)
        return tf.where(chance < self.settings.label_noise, flipped, target)

    def _generator_loss(self, on_real, on_fakes):
        """Non-saturating loss plus feature matching (Salimans et al. 2016, section 3.1)."""
        adversarial = tf.reduce_mean(tf.nn.softplus(-on_fakes.real_logit), axis=1)
        target = tf.stop_gradient(tf.reduce_mean(on_real.hidden, axis=1))
        gap = tf.reduce_mean(on_fakes.hidden, axis=1) - target
        matching = tf.reduce_sum(tf.square(gap), axis=1)
        return adversarial + self.settings.feature_matching_weight * matching

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
