"""Trains an autoencoder or a VAE, one compiled call an epoch."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

logger = logging.getLogger(__name__)

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
}
ROWS_PER_CALL = 16_384  # bounds the memory of one call; a table of any size takes few calls


COLLAPSED_KL = 0.01  # nats a row, over all code dimensions


class TrainingDivergedError(RuntimeError):
    """A loss or a weight became infinite or not a number."""


@dataclass(frozen=True)
class TrainingSettings:
    """How long and how fast to train.

    Parameters
    ----------
    epochs : int, default=20
        Passes over the rows.
    batch_size : int, default=128
        Rows in a step; the last step of an epoch takes the rows that are left.
    learning_rate : float, default=1e-3
        Step size of the optimizer.
    optimizer : {"adam", "adamw", "rmsprop"}, default="adam"
        Keras optimizer, its other arguments at their defaults.
    seed : int, default=0
        Seed of the order of the rows.
    """

    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(
                f"optimizer must be one of {sorted(OPTIMIZERS)}, got {self.optimizer!r}"
            )
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")


def train(
    model,
    x,
    settings: TrainingSettings,
    *,
    x_validation=None,
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
) -> list[dict[str, float]]:
    """Train a model on rows and return its losses epoch by epoch.

    The rows lie on the device and every epoch is one compiled call, in a new order drawn from
    `settings.seed`. Equal seeds give bit-equal weights on the same machine. Keras's and numpy's
    global random states are left alone.

    **Fitted on:** the rows of `x`; `x_validation` is only scored.

    Parameters
    ----------
    model : TabularAutoencoder or TabularVAE
        Trained in place, from the weights it has.
    x : ndarray of shape (n_rows, n_features)
        Scaled transactions, finite.
    settings : TrainingSettings
        Epochs, batch size, optimizer, learning rate and seed.
    x_validation : ndarray of shape (n_validation_rows, n_features), optional
        Rows scored after every epoch.
    on_epoch : callable, optional
        Called as ``on_epoch(epoch, metrics)`` with the epoch from 0 and a copy of its losses.

    Returns
    -------
    list of dict
        Losses of each epoch, means over rows; those of the validation rows start with
        ``validation_``.

    Raises
    ------
    ValueError
        If the model's loss is not made for the values of `x`.
    TrainingDivergedError
        If a loss or a weight is no longer finite after an epoch.
    """
    x = np.ascontiguousarray(x, dtype=np.float32)
    if hasattr(model, "check_rows"):
        model.check_rows(x)
    model.compile(optimizer=OPTIMIZERS[settings.optimizer](settings.learning_rate))
    model.optimizer.build(model.trainable_variables)
    run_epoch = _compiled_epoch(model, len(x), settings.batch_size)
    score = None if x_validation is None else _validation(model, x_validation)
    rows = tf.constant(x)
    history = []
    for epoch in range(settings.epochs):
        _begin_epoch(model, epoch)
        run_epoch(rows, tf.constant([settings.seed & 0x7FFFFFFF, epoch], tf.int32))
        metrics = {metric.name: float(metric.result()) for metric in model.metrics}
        if score is not None:
            metrics |= score()
        _stop_if_diverged(model, epoch, metrics, x)
        history.append(metrics)
        logger.debug("%s epoch %d: %s", model.name, epoch, metrics)
        if on_epoch is not None:
            on_epoch(epoch, dict(metrics))
    _warn_if_collapsed(model, history[-1])
    return history


def repeat_rows(x, n_rows: int) -> np.ndarray:
    """Repeat few rows whole, to `n_rows` of them or the next smaller number; at least once.

    An epoch of these has the steps, the batches and the warm-up of a table of that length, while
    as many epochs of the few rows alone would be one call and a few small batches each.

    Parameters
    ----------
    x : ndarray of shape (n_few, n_features)
        The rows; at least one.
    n_rows : int
        Length of the table that they stand in for.

    Returns
    -------
    ndarray of shape (n_few * max(n_rows // n_few, 1), n_features)
    """
    return np.tile(x, (max(n_rows // len(x), 1), 1))


def apply_in_batches(function, x, rows_per_call: int = ROWS_PER_CALL) -> np.ndarray:
    """Result of a compiled function over a whole table, in a few large calls.

    Parameters
    ----------
    function : callable
        Maps a float32 tensor (batch, n_features) to a tensor whose first axis is the rows.
    x : array-like of shape (n_rows, n_features)
        The table; may be empty.
    rows_per_call : int, default=16384
        Rows that one call takes.

    Returns
    -------
    ndarray of shape (n_rows, ...)
    """
    x = np.ascontiguousarray(x, dtype=np.float32)
    starts = range(0, max(len(x), 1), rows_per_call)
    return np.concatenate([np.asarray(function(x[i : i + rows_per_call])) for i in starts])


def _compiled_epoch(model, n_rows, batch_size):
    n_steps = math.ceil(n_rows / batch_size)

    @tf.function(autograph=False)  # converting Keras's code costs more than small tables train
    def run_epoch(rows, seed):
        order = tf.random.experimental.stateless_shuffle(tf.range(n_rows), seed=seed)
        shuffled = tf.gather(rows, order)

        def step(i):
            model.learn(shuffled[i * batch_size : (i + 1) * batch_size])
            return [i + 1]  # a list: eager mode takes nothing else

        tf.while_loop(lambda i: i < n_steps, step, [tf.constant(0)])

    return run_epoch


def _begin_epoch(model, epoch):
    for metric in model.metrics:
        metric.reset_state()
    if hasattr(model, "begin_epoch"):
        model.begin_epoch(epoch)


def _validation(model, x_validation):
    """Make the function that scores the validation rows in one compiled call."""
    rows = tf.constant(np.ascontiguousarray(x_validation, dtype=np.float32))

    @tf.function(autograph=False)
    def losses():
        return {name: tf.reduce_mean(v) for name, v in model.evaluate_losses(rows).items()}

    return lambda: {f"validation_{name}": float(value) for name, value in losses().items()}


def _warn_if_collapsed(model, metrics):
    kl = metrics.get("kl_loss")
    if kl is not None and kl < COLLAPSED_KL:
        logger.warning(
            "the codes of %s carry almost nothing about the rows (KL %.2g nats a row): posterior "
            "collapse; lower beta",
            model.name,
            kl,
        )


def _stop_if_diverged(model, epoch, metrics, x):
    finite = all(math.isfinite(value) for value in metrics.values()) and all(
        np.isfinite(weight).all() for weight in model.get_weights()
    )
    if not finite:
        raise TrainingDivergedError(
            f"training of {model.name} diverged in epoch {epoch}: {metrics}; expected finite "
            f"losses and weights. The largest absolute input is {np.nanmax(np.abs(x)):.4g}: lower "
            "learning_rate, or scale the columns to about [-1, 1]"
        )
