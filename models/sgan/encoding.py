"""Piecewise-linear encoding of columns, with bins that tell frauds from genuine rows."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from sklearn.tree import DecisionTreeClassifier

SMALLEST_LEAF = 8  # rows
SMALLEST_LEAF_SHARE = 5e-4  # of the rows
MOST_GENUINE_ROWS = 100_000  # that place the edges of a column; a larger table is thinned evenly
# The outermost bins go on in a straight line, so far: a row beyond the training rows is told from
# one at their edge, and no value is unbounded.
REACH = 3.0
BIN_CONSTANTS = ("slope", "offset", "lowest", "highest")


def target_aware_edges(column, is_fraud, n_bins):
    """Edges of the bins of a column, at the cuts of a decision tree.

    Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
    section 3.2.2. The classes weigh the same in the tree, so that rare frauds place edges too.

    **Fitted on:** real labelled training rows.

    Parameters
    ----------
    column : ndarray of shape (n_rows,)
        Scaled values.
    is_fraud : bool ndarray of shape (n_rows,)
        Labels.
    n_bins : int
        Largest number of bins.

    Returns
    -------
    float64 ndarray of shape (n_edges,), 2 <= n_edges <= n_bins + 1
        Strictly increasing, from the smallest to the largest value; a constant column has edges
        one unit apart.

    Examples
    --------
    >>> column = np.arange(40.0)
    >>> target_aware_edges(column, column >= 30, n_bins=2)
    array([ 0. , 29.5, 39. ])
    """
    low, high = float(column.min()), float(column.max())
    if low == high:
        return np.array([low, low + 1.0])
    tree = DecisionTreeClassifier(
        max_leaf_nodes=max(n_bins, 2),
        min_samples_leaf=max(SMALLEST_LEAF, round(SMALLEST_LEAF_SHARE * len(column))),
        class_weight="balanced",
        random_state=0,
    ).fit(column[:, None], is_fraud)
    cuts = tree.tree_.threshold[tree.tree_.feature >= 0] if n_bins > 1 else np.empty(0)
    return np.unique(np.concatenate([[low], cuts[(cuts > low) & (cuts < high)], [high]]))


@keras.saving.register_keras_serializable(package="counterfoil")
class PiecewiseLinearEncoding(keras.layers.Layer):
    """Says of each value how far it fills each bin of its column.

    A value x becomes ``(x - low) / (high - low)`` for each bin, cut to [0, 1]: 1 in the bins below
    it, 0 in those above, a fraction in its own (Gorishniy et al. 2022, equation 1). The outermost
    bins are cut `REACH` widths further out. A column with fewer bins fills the rest with zeros.

    Each member sees columns of its own. Until `set_edges` is called every value becomes zeros.

    Parameters
    ----------
    columns : sequence of sequences of int, shape (n_members, n_seen)
        The columns that each member sees.
    n_features : int
        Number of columns of a row.
    n_bins : int
        Bins of a column, at most.
    """

    def __init__(self, columns, n_features, n_bins, **kwargs):
        super().__init__(**kwargs)
        self.columns = [[int(column) for column in seen] for seen in columns]
        self.n_features = n_features
        self.n_bins = n_bins
        self.output_width = len(self.columns[0]) * n_bins

    def build(self, input_shape=None):  # noqa: ARG002 - Keras's signature
        """Create the bins, empty as yet."""
        if self.built:
            return
        shape = (len(self.columns), 1, len(self.columns[0]), self.n_bins)
        for name in BIN_CONSTANTS:
            weight = self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)
            setattr(self, name, weight)
        # Columns are chosen by a product with zeros and ones, whose gradient is one as well.
        chosen = np.eye(self.n_features, dtype=np.float32)[np.asarray(self.columns)]
        self.selection = tf.constant(np.swapaxes(chosen, 1, 2))
        self.built = True

    def fit_bins(self, rows, is_fraud):
        """Place the bins. **Fitted on:** real labelled training rows.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
            Scaled rows.
        is_fraud : bool ndarray of shape (n_rows,)
            Their labels.
        """
        genuine = np.flatnonzero(~is_fraud)
        step = max(1, -(-len(genuine) // MOST_GENUINE_ROWS))
        kept = np.sort(np.concatenate([np.flatnonzero(is_fraud), genuine[::step]]))
        rows, is_fraud = np.asarray(rows[kept], np.float64), is_fraud[kept]
        self.set_edges([target_aware_edges(column, is_fraud, self.n_bins) for column in rows.T])

    def set_edges(self, edges):
        """Set the bins of each column from its increasing edges, `n_bins + 1` of them at most."""
        of_columns = {
            name: np.zeros((self.n_features, self.n_bins), np.float32) for name in BIN_CONSTANTS
        }
        for column, column_edges in enumerate(edges):
            lower, width = np.asarray(column_edges)[:-1], np.diff(column_edges)
            n = len(width)
            of_columns["slope"][column, :n] = 1.0 / width
            of_columns["offset"][column, :n] = -lower / width
            of_columns["highest"][column, :n] = 1.0
            of_columns["lowest"][column, 0] -= REACH
            of_columns["highest"][column, n - 1] += REACH
        for name, constants in of_columns.items():
            getattr(self, name).assign(constants[np.asarray(self.columns)][:, None])

    def call(self, rows):
        """Map (n_members or 1, batch, n_features) to (n_members, batch, n_seen * n_bins)."""
        seen = tf.matmul(rows, self.selection)[..., None]
        filled = tf.clip_by_value(seen * self.slope + self.offset, self.lowest, self.highest)
        return tf.reshape(filled, (len(self.columns), -1, self.output_width))

    def get_config(self):
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "columns": self.columns,
            "n_features": self.n_features,
            "n_bins": self.n_bins,
        }
