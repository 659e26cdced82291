"""Draws what a training step of an SGAN sees: rows, noise, flipped labels, old fakes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

N_REPLAY_SLOTS = 64
FRAUD = 1


class RowPools(NamedTuple):
    """The training rows on the device, and which of them may be drawn as what.

    Attributes
    ----------
    rows : float32 (n_rows, n_features)
        All scaled rows, synthetic frauds included.
    genuine, fraud : int32 (n,)
        Positions of labelled rows.
    pseudo : int32 (n_unlabelled,)
        Positions of unlabelled rows that pass for labelled ones: those that pass for genuine,
        those that pass for frauds, and zeros that are never drawn. They are as many in every
        epoch, because XLA compiles an epoch for its shapes.
    n_pseudo_genuine, n_pseudo_fraud : int32 ()
        How many of them pass for what.
    real : int32 (n,)
        Positions of real rows, labelled or not: the real side of the real/fake game.
    """

    rows: tf.Tensor
    genuine: tf.Tensor
    fraud: tf.Tensor
    pseudo: tf.Tensor
    n_pseudo_genuine: tf.Tensor
    n_pseudo_fraud: tf.Tensor
    real: tf.Tensor

    def with_pseudo_labels(self, genuine, fraud):
        """Pools in which these rows pass for labelled ones, and no others; by their positions."""
        pseudo = np.zeros(self.pseudo.shape, np.int32)
        pseudo[: len(genuine) + len(fraud)] = np.concatenate([genuine, fraud])
        return self._replace(
            pseudo=tf.constant(pseudo),
            n_pseudo_genuine=tf.constant(len(genuine), tf.int32),
            n_pseudo_fraud=tf.constant(len(fraud), tf.int32),
        )


def pool_signature(n_features):
    """Shapes of a `RowPools`: one traced epoch serves pools of any length."""
    positions, count = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32)
    rows = tf.TensorSpec((None, n_features), tf.float32)
    return RowPools(rows, positions, positions, positions, count, count, positions)


class Randomness:
    """Random numbers as a function of seed, step and place in the step.

    Nothing is stored but the step, so that a resumed training draws what an undisturbed one draws.
    `algorithm` is one of `tf.random.Algorithm`, by name.
    """

    def __init__(self, seed, step, algorithm="auto_select"):
        # A variable, so that one traced step serves every seed.
        self.seed = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.set_seed(seed)
        self.step = step
        self.algorithm = algorithm
        self.n_draws = 0

    def set_seed(self, seed):
        """Draw from now on what this seed gives; an integer of at least 0."""
        self.seed.assign(seed % 2**31)

    def begin_step(self):
        """Count the draws of a step from its beginning; called when the step is traced."""
        self.n_draws = 0

    def _next_seed(self):
        self.n_draws += 1
        place = (self.seed + 0x9E3779B1 * self.n_draws) % 2**31
        return tf.stack([place, self.step])

    def positions(self, shape, n):
        """Integers in [0, n), n a scalar tensor."""
        drawn = tf.random.stateless_uniform(
            shape, self._next_seed(), minval=0, maxval=2**31 - 1, dtype=tf.int32,
            alg=self.algorithm,
        )  # fmt: skip
        return drawn % n

    def uniform(self, shape):
        """Numbers in [0, 1)."""
        return tf.random.stateless_uniform(shape, self._next_seed(), alg=self.algorithm)

    def normal(self, shape):
        """Standard normal numbers."""
        return tf.random.stateless_normal(shape, self._next_seed(), alg=self.algorithm)


def draw_rows(random, rows, positions, n_members, n):
    """Rows of shape (n_members, n, n_features); every member draws its own."""
    which = random.positions((n_members, n), tf.shape(positions)[0])
    return tf.gather(rows, tf.gather(positions, which))


def n_frauds_in_batch(batch_size, fraud_share):
    """Frauds among the labelled rows of a step: a whole number, at least one of each class."""
    return min(max(round(batch_size * fraud_share), 1), batch_size - 1)


def fraud_rate_of_draws(pools, settings):
    """Share of frauds among the rows that `draw_labelled` draws, a float."""
    if settings.fraud_share is not None:
        return n_frauds_in_batch(settings.batch_size, settings.fraud_share) / settings.batch_size
    weight = settings.pseudo_label_weight
    n_frauds = len(pools.fraud) + weight * int(pools.n_pseudo_fraud)
    n_genuine = len(pools.genuine) + weight * int(pools.n_pseudo_genuine)
    return n_frauds / (n_frauds + n_genuine)


def draw_labelled(random, pools, n_members, settings):
    """Labelled rows of a step and their labels, (n_members, batch_size, ...) and 1 for fraud."""
    n_genuine, n_pseudo_genuine = tf.shape(pools.genuine)[0], pools.n_pseudo_genuine
    n_fraud, n_pseudo_fraud = tf.shape(pools.fraud)[0], pools.n_pseudo_fraud
    weight = settings.pseudo_label_weight
    if settings.fraud_share is None:
        # Both classes in one pool, labelled rows first.
        pool = tf.concat([pools.genuine, pools.fraud, pools.pseudo], axis=0)
        n_labelled, n_pseudo = n_genuine + n_fraud, n_pseudo_genuine + n_pseudo_fraud
        shape = (n_members, settings.batch_size)
        which = _draw_either(random, n_labelled, n_labelled, n_pseudo, weight, shape)
        is_labelled_fraud = (which >= n_genuine) & (which < n_labelled)
        is_fraud = is_labelled_fraud | (which >= n_labelled + n_pseudo_genuine)
        return tf.gather(pools.rows, tf.gather(pool, which)), tf.cast(is_fraud, tf.int32)
    n_frauds = n_frauds_in_batch(settings.batch_size, settings.fraud_share)
    positions = []
    for labelled, n_labelled, first, n_pseudo, n in (
        (pools.fraud, n_fraud, n_fraud + n_pseudo_genuine, n_pseudo_fraud, n_frauds),
        (pools.genuine, n_genuine, n_genuine, n_pseudo_genuine, settings.batch_size - n_frauds),
    ):
        pool = tf.concat([labelled, pools.pseudo], axis=0)
        which = _draw_either(random, n_labelled, first, n_pseudo, weight, (n_members, n))
        positions.append(tf.gather(pool, which))
    labels = np.zeros((n_members, settings.batch_size), np.int32)
    labels[:, :n_frauds] = FRAUD
    return tf.gather(pools.rows, tf.concat(positions, axis=1)), tf.constant(labels)


def _draw_either(random, n_labelled, first_pseudo, n_pseudo, weight, shape):
    """Places of a pool: of its labelled rows, or `weight` times as often each of its pseudo rows.

    The former are the first of the pool, the latter `n_pseudo` of them from `first_pseudo` on.
    """
    pseudo_mass = weight * tf.cast(n_pseudo, tf.float32)
    pseudo_share = pseudo_mass / (pseudo_mass + tf.cast(n_labelled, tf.float32))
    return tf.where(
        random.uniform(shape) < pseudo_share,
        first_pseudo + random.positions(shape, tf.maximum(n_pseudo, 1)),
        random.positions(shape, n_labelled),
    )


class Replay:
    """A few fakes of earlier steps (Shrivastava et al. 2017, section 2.3)."""

    def __init__(self, n_members, n_rows, n_features):
        self.n_rows = n_rows
        n_slots = N_REPLAY_SLOTS if n_rows else 1
        self.fakes = tf.Variable(
            tf.zeros((n_slots, n_members, max(n_rows, 1), n_features)), trainable=False
        )

    def draw(self, random, step):
        """Old fakes of shape (n_members, n_rows, n_features); zeros before the first step."""
        n_filled = tf.cast(tf.clip_by_value(step, 1, self.fakes.shape[0]), tf.int32)
        # Not by indexing, which XLA compiles anew for every value of `step`.
        return tf.gather(self.fakes, random.positions((), n_filled))[:, : self.n_rows]

    def keep(self, fakes, step):
        """Put the fakes of a step into the oldest slot."""
        if self.n_rows:
            slot = tf.cast(step % self.fakes.shape[0], tf.int32)
            self.fakes.scatter_nd_update([[slot]], fakes[None, :, : self.n_rows])
