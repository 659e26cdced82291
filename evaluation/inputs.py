"""Checks of what every judge is given: labels, scores and weights of the same rows."""

import numpy as np


def check_scored_rows(y_true, score, sample_weight=None):
    """Labels, scores and weights as float64 arrays, without the rows of weight zero.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    score : array-like of shape (n_samples,)
        Higher is more suspicious; finite.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for, at least 0; None counts each row once.

    Returns
    -------
    y_true, score, sample_weight : ndarray of shape (n_kept,)

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, a label is not 0 or 1, a weight is negative,
        or no row of class 1 with a positive weight is left.
    """
    y_true = check_labels(y_true)
    score = _check_column("score", score, len(y_true))
    if sample_weight is None:
        weight = np.ones(len(y_true))
    else:
        weight = _check_column("sample_weight", sample_weight, len(y_true))
        if (weight < 0).any():
            raise ValueError(f"sample_weight must be at least 0, got {weight.min()}")
        kept = weight > 0
        if not kept.all():
            y_true, score, weight = y_true[kept], score[kept], weight[kept]
    if not y_true.any():
        raise ValueError(
            f"expected at least one fraud (label 1) with a positive weight, got none in "
            f"{len(y_true)} rows; judge on a part that holds frauds"
        )
    return y_true, score, weight


def check_labels(y_true):
    """Labels as a float64 array; anything but 0 and 1 is a `ValueError`."""
    y_true = np.asarray(y_true, dtype=np.float64)
    if y_true.ndim != 1:
        raise ValueError(f"y_true must have one dimension, got shape {y_true.shape}")
    wrong = (y_true != 0) & (y_true != 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"y_true must hold only 0 and 1, got {y_true[row]} in row {row}")
    return y_true


def check_both_classes(y_true):
    """Raise `ValueError` unless frauds and genuine rows are both there."""
    n_frauds = int(np.sum(y_true))
    if n_frauds in (0, len(y_true)):
        raise ValueError(
            f"expected frauds and genuine rows, got {n_frauds} frauds among {len(y_true)} rows"
        )


def check_probabilities(score):
    """Raise `ValueError` unless every score lies in [0, 1]."""
    if score.size and (score.min() < 0 or score.max() > 1):
        raise ValueError(
            f"expected probabilities in [0, 1], got scores from {score.min()} to {score.max()}; "
            "calibrate the scores first"
        )


def _check_column(name, values, n_rows):
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (n_rows,):
        raise ValueError(f"{name} must have shape ({n_rows},) like y_true, got {values.shape}")
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"{name} must be finite, got {values[row]} in row {row}")
    return values
