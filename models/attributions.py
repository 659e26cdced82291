"""Integrated gradients of an SGAN: how much each scaled input moved a row's log odds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.encoders.training import apply_in_batches
from models.sgan.layers import LEAKY_SLOPE
from models.sgan.model import SGAN

ROWS_PER_CALL = 1024  # what lies in memory for a row (6 members, 30 inputs) takes about 60 kB
# An error that moves no probability by more than 0.25 %; a hundredth of a difference near 0 is
# out of reach, since what pushes up and what pushes down must cancel.
NEGLIGIBLE = 0.01  # log odds


class Attributions(NamedTuple):
    """Contributions of the inputs of rows, in log odds.

    Attributes
    ----------
    contributions : float64 (n_rows, n_features)
        What each scaled input adds to the log odds of the baseline.
    difference : float64 (n_rows,)
        Log odds of the row less those of the baseline, from the network itself; what the
        contributions of a row should add up to.
    """

    contributions: np.ndarray
    difference: np.ndarray

    @property
    def error(self):
        """Sum of the contributions less the difference; (n_rows,)."""
        return self.contributions.sum(axis=1) - self.difference

    def is_off(self, tolerance):
        """Whether the error exceeds that share of the difference, and 0.01; (n_rows,)."""
        return np.abs(self.error) > np.maximum(tolerance * np.abs(self.difference), NEGLIGIBLE)


def integrated_gradients(
    model: SGAN, X, baseline, active_members=None, *, n_points=16, tolerance=0.01, most_points=512
) -> Attributions:
    """Contributions of the inputs to the mean log odds of the members.

    Integrated gradients (Sundararajan et al. 2017, equation 1), with the gradient at the middles
    of `n_points` equal pieces of the path. The path is straight in what the discriminator sees of
    single columns: the scaled value, and how far it fills each bin (`models.sgan.encoding`). The
    encoders' outputs, which depend on all columns, are computed at each point and their gradient
    flows back to the columns. Bins can be as narrow as a 10,000th of the range of their column, and
    along a path that is straight in the scaled values alone the log odds would jump at their edges,
    where no number of points sees a gradient; sums over the parts of one column are what is
    reported, as for the word vectors of Sundararajan et al. (section 6.3).

    Rows whose contributions miss the difference by more than `tolerance` of it are computed again
    with twice the points, until they keep it or `most_points` is reached. Nothing is rescaled.

    Parameters
    ----------
    model : SGAN
        The networks; spectral norms and normalisation as in scoring.
    X : array-like of shape (n_rows, n_features)
        Scaled rows.
    baseline : array-like of shape (n_features,)
        The scaled row that all are compared with.
    active_members : array-like of bool of shape (n_members,), optional
        Members that score, of which the mean is taken; all by default.
    n_points : int, default=16
        Points of the path at first.
    tolerance : float, default=0.01
        Error that is accepted, as a share of the difference; up to 0.01 it always is.
    most_points : int, default=512
        Points of the path at most.

    Returns
    -------
    Attributions
    """
    X = np.ascontiguousarray(X, dtype=np.float32)
    baseline = np.asarray(baseline, dtype=np.float32)
    active = np.ones(model.n_members) if active_members is None else np.asarray(active_members)
    weight = active / active.sum()
    log_odds = apply_in_batches(model.score_rows, np.vstack([baseline, X])).astype(np.float64)
    ensemble = log_odds @ weight
    difference = ensemble[1:] - ensemble[0]
    compiled = _compile(model, tf.constant(weight, tf.float32), tf.constant(baseline))

    def contributions_of(rows, n_points):
        points = tf.constant((np.arange(n_points) + 0.5) / n_points, tf.float32)
        parts = apply_in_batches(lambda batch: compiled(batch, points), rows, ROWS_PER_CALL)
        return parts.astype(np.float64)

    found = Attributions(contributions_of(X, n_points), difference)
    again = np.flatnonzero(found.is_off(tolerance))
    while len(again) and n_points < most_points:
        n_points = min(2 * n_points, most_points)
        found.contributions[again] = contributions_of(X[again], n_points)
        again = np.flatnonzero(found.is_off(tolerance))
    return found


def _compile(model, weight, baseline):
    """Make the function (batch, n_features), (n_points,) -> contributions of that shape.

    All inputs of the first layer but the encoders' outputs are linear along the path, and so is
    their part of the layer's output. It is computed at the ends of the path only, and gradients are
    summed there before they go back through the layer, its largest product.
    """
    stack = model.discriminator.stack
    layers = [*stack.dense, model.discriminator.class_head]
    first = layers[0]
    n_inputs = first.kernel.shape[1]
    kernel = first(tf.eye(n_inputs)[None]) - first(tf.zeros((1, 1, n_inputs)))
    owner = tf.constant(_owners(model, n_inputs))
    is_column = tf.reduce_max(owner, axis=2)[0]
    n_encoded = model.input_mean.shape[0]
    of_codes = (kernel * (1.0 - is_column)[None, :, None])[:, :n_encoded]

    def contributions(rows, points):
        step = rows - baseline
        start = model.discriminator_inputs(baseline[None, None]) * is_column
        way = model.discriminator_inputs(rows[None]) * is_column - start
        hidden_start, hidden_way = first(start), tf.matmul(way, kernel)

        def add_point(i, of_hidden, of_rows):
            at = baseline + points[i] * step
            linear = hidden_start + points[i] * hidden_way
            with tf.GradientTape() as tape:
                tape.watch([at, linear])
                encoded = (model.encode(at) - model.input_mean) / model.input_deviation
                hidden = linear + tf.matmul(encoded[None], of_codes)
                log_odds = tf.tensordot(weight, _log_odds(layers, stack.norms, hidden), 1)
            gradients = tape.gradient(
                log_odds, [linear, at], unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            return i + 1, of_hidden + gradients[0], of_rows + gradients[1]

        n_points = tf.shape(points)[0]
        zeros = (0, tf.zeros_like(hidden_way), tf.zeros_like(rows))
        _, of_hidden, of_rows = tf.while_loop(lambda i, *_: i < n_points, add_point, zeros)
        of_inputs = tf.matmul(of_hidden, kernel, transpose_b=True) * way
        total = tf.reduce_sum(tf.matmul(of_inputs, owner), axis=0) + of_rows * step
        return total / tf.cast(n_points, tf.float32)

    rows_like = tf.TensorSpec((None, model.n_features), tf.float32)
    return tf.function(
        contributions, input_signature=[rows_like, tf.TensorSpec((None,), tf.float32)],
        autograph=False,
    )  # fmt: skip


def _owners(model, n_inputs):
    """Which column each input of the discriminator belongs to, 1 or 0; the encoders' to none.

    float32 ndarray of shape (n_members, n_inputs, n_features)
    """
    owner = np.zeros((model.n_members, n_inputs, model.n_features), np.float32)
    columns = np.arange(model.n_features)
    owner[:, columns, columns] = 1.0
    if model.encoding is not None:
        n_encoded = model.input_mean.shape[0]
        for of_member, seen in zip(owner, model.columns_seen, strict=True):
            binned = np.repeat(seen, model.encoding.n_bins)
            of_member[n_encoded + np.arange(len(binned)), binned] = 1.0
    return owner


def _log_odds(layers, norms, hidden):
    """Log odds of fraud from the output of the first of `layers`; (n_members, batch)."""
    for layer, norm in zip(layers[1:], norms, strict=True):
        if norm is not None:
            hidden = norm(hidden)
        hidden = layer(tf.nn.leaky_relu(hidden, LEAKY_SLOPE))
    return hidden[..., 1] - hidden[..., 0]
