"""Metrics of the alerts that a threshold raises."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evaluation.inputs import check_labels, check_scored_rows


class Confusion(NamedTuple):
    """Weighted counts of the four outcomes; an alert is a positive."""

    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float

    @property
    def precision(self):
        """Share of frauds among the alerts; 0 without alerts."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self):
        """Share of the frauds that raise an alert."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self):
        """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall."""
        errors = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + errors)


@dataclass(frozen=True)
class AlertCounts:
    """Counts that stand beside the rates; its text is the sentence for reports.

    Attributes
    ----------
    n_rows, n_frauds : int
        Rows judged, and frauds among them.
    n_alerts, n_caught, n_missed, n_false_alarms : int
        Raw rows, never weighted.
    n_false_alarms_weighted : float
        Transactions that the false alarms stand for at the weighted prevalence.
    """

    n_rows: int
    n_frauds: int
    n_alerts: int
    n_caught: int
    n_missed: int
    n_false_alarms: int
    n_false_alarms_weighted: float

    def __str__(self):
        plural = "" if self.n_false_alarms == 1 else "s"
        return (
            f"{self.n_caught} of {self.n_frauds} frauds caught, "
            f"{self.n_false_alarms} false alarm{plural}"
        )


def confusion_at(y_true, score, threshold, sample_weight=None):
    """Weighted counts of the four outcomes where `score >= threshold` is an alert.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    score : array-like of shape (n_samples,)
        Higher is more suspicious.
    threshold : float
        Lowest score that raises an alert.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for.

    Returns
    -------
    Confusion
        With `precision`, `recall` and `f1`.

    Raises
    ------
    ValueError
        If there is no fraud, or the input is malformed.

    Examples
    --------
    >>> confusion_at([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.8], threshold=0.5)[:]
    (1.0, 1.0, 1.0, 1.0)
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    alert = score >= threshold
    frauds = y_true * weight
    genuine = weight - frauds
    caught, false_alarms = float(frauds[alert].sum()), float(genuine[alert].sum())
    missed, passed = float(frauds[~alert].sum()), float(genuine[~alert].sum())
    return Confusion(caught, false_alarms, missed, passed)


def f1_at(y_true, score, threshold, sample_weight=None):
    """F1 of the alerts `score >= threshold`; 0 where no fraud is caught.

    Parameters and errors as in `confusion_at`.

    Returns
    -------
    float in [0, 1]

    Examples
    --------
    >>> f1_at([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.8], threshold=0.4)
    0.8
    """
    return confusion_at(y_true, score, threshold, sample_weight).f1


def count_summary(y_true, score, threshold, sample_weight=None):
    """Raw counts at a threshold, to stand beside the rates.

    Parameters and errors as in `confusion_at`; the rows of weight zero do not count.

    Returns
    -------
    AlertCounts

    Examples
    --------
    >>> str(count_summary([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.8], threshold=0.5))
    '1 of 2 frauds caught, 1 false alarm'
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    raw = confusion_at(y_true, score, threshold)
    weighted = confusion_at(y_true, score, threshold, weight)
    return AlertCounts(
        n_rows=len(y_true),
        n_frauds=int(raw.true_positives + raw.false_negatives),
        n_alerts=int(raw.true_positives + raw.false_positives),
        n_caught=int(raw.true_positives),
        n_missed=int(raw.false_negatives),
        n_false_alarms=int(raw.false_positives),
        n_false_alarms_weighted=weighted.false_positives,
    )


def amount_saved(y_true, amount, alerts, sample_weight=None):
    """Money in the frauds that raised an alert, in the unit of `amount`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    amount : array-like of shape (n_samples,)
        Money moved by each transaction.
    alerts : array-like of shape (n_samples,), of bool
        Which transactions were stopped; all of them give the amount at risk.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for.

    Returns
    -------
    float

    Examples
    --------
    >>> amount_saved([0, 1, 1], [10.0, 20.0, 30.0], [True, True, False])
    20.0
    """
    y_true, amount = check_labels(y_true), np.asarray(amount, dtype=np.float64)
    alerts = np.asarray(alerts, dtype=bool)
    weight = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, float)
    if not y_true.shape == amount.shape == alerts.shape == weight.shape:
        raise ValueError(
            "y_true, amount, alerts and sample_weight must have one shape, got "
            f"{y_true.shape}, {amount.shape}, {alerts.shape} and {weight.shape}"
        )
    return float(np.sum((y_true * weight * amount)[alerts]))


def _ratio(part, whole):
    return part / whole if whole > 0 else 0.0
