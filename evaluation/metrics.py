"""Every metric by one import, with the summary that judges a scored part."""

import numpy as np

from evaluation.decisions import (
    AlertCounts,
    Confusion,
    amount_saved,
    confusion_at,
    count_summary,
    f1_at,
)
from evaluation.inputs import (
    check_both_classes,
    check_labels,
    check_probabilities,
    check_scored_rows,
)
from evaluation.ranking import (
    average_precision,
    best_f1,
    precision_at_k,
    precision_recall_points,
    recall_at_fpr,
    recall_at_k,
)

ALERT_BUDGET = 100
FALSE_POSITIVE_RATE = 0.001

__all__ = [
    "AlertCounts",
    "Confusion",
    "amount_saved",
    "average_precision",
    "best_f1",
    "brier_score",
    "confusion_at",
    "count_summary",
    "expected_calibration_error",
    "f1_at",
    "precision_at_k",
    "precision_recall_points",
    "prevalence_weights",
    "recall_at_fpr",
    "recall_at_k",
    "summarise",
]


def prevalence_weights(y_true, prevalence):
    """Weights under which the fraud rate of the rows is `prevalence`.

    Frauds weigh 1, so counts of frauds stay counts; genuine rows weigh
    n_frauds * (1 - prevalence) / (prevalence * n_genuine).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    prevalence : float in (0, 1) or None
        Fraud rate that figures should hold at; None leaves the rows as they are.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `prevalence` is outside (0, 1), or a class is missing.

    Examples
    --------
    >>> prevalence_weights([0, 1, 0], 0.1)
    array([4.5, 1. , 4.5])
    """
    y_true = check_labels(y_true)
    if prevalence is None:
        return np.ones(len(y_true))
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence must lie in (0, 1), got {prevalence}")
    check_both_classes(y_true)
    n_frauds = y_true.sum()
    genuine_weight = n_frauds * (1 - prevalence) / (prevalence * (len(y_true) - n_frauds))
    return np.where(y_true == 1, 1.0, genuine_weight)


def brier_score(y_true, score, sample_weight=None):
    """Weighted mean of (score - label)^2; 0 is perfect.

    Parameters
    ----------
    y_true, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`.
    score : array-like of shape (n_samples,), in [0, 1]
        Probability of fraud.

    Returns
    -------
    float in [0, 1]
        Compare it with prevalence * (1 - prevalence), the score of a constant answer: with
        rare frauds every Brier score is small.

    Raises
    ------
    ValueError
        If a score is no probability, or the input is malformed.
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    check_probabilities(score)
    return float(np.average((score - y_true) ** 2, weights=weight))


def expected_calibration_error(y_true, score, sample_weight=None, n_bins=10):
    """Mean gap between predicted and observed fraud rate over bins of equal weight.

    sum_b W_b / W * |mean label - mean score in bin b|. With rare frauds nearly all weight lies
    in bins of tiny scores, so the figure is small for any sane model: read it beside
    `evaluation.calibration.calibration_slope` and the reliability picture.

    Parameters
    ----------
    y_true, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`.
    score : array-like of shape (n_samples,), in [0, 1]
        Probability of fraud.
    n_bins : int, at least 1
        Bins of (nearly) equal weight; rows of equal score share a bin.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If a score is no probability, or the input is malformed.
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    check_probabilities(score)
    order = np.argsort(-score, kind="stable")  # linear in time on sorted rows, as `rank_cuts`
    y_true, score, weight = y_true[order], score[order], weight[order]
    group = np.append(0, np.cumsum(score[1:] != score[:-1]))
    group_weight = np.bincount(group, weight)
    middle = (np.cumsum(group_weight) - group_weight / 2) / weight.sum()
    bins = np.minimum((middle * n_bins).astype(int), n_bins - 1)[group]
    gap = np.bincount(bins, weight * (y_true - score), minlength=n_bins)
    return float(np.abs(gap).sum() / weight.sum())


def summarise(
    y_true, score, threshold, *, sample_weight=None, amount=None, alert_budget=100, fpr=0.001
):
    """Every figure that describes one scored part at one threshold.

    Parameters
    ----------
    y_true, score, sample_weight : array-like of shape (n_samples,)
        As in `average_precision`; frauds and genuine rows must both be there.
    threshold : float
        Lowest score that raises an alert, chosen on other rows.
    amount : array-like of shape (n_samples,) or None
        Money moved by each transaction.
    alert_budget : float, above 0
        Alerts for `precision_at_k` and `recall_at_k`, in transactions of the weighted
        population; more than there are counts as all of them.
    fpr : float in [0, 1]
        False-positive rate for `recall_at_fpr`.

    Returns
    -------
    dict of str to float
        `average_precision`, `f1`, `precision`, `recall`, `recall_at_fpr`, `precision_at_k`,
        `recall_at_k`; where all scores lie in [0, 1], `brier_score` and
        `expected_calibration_error`; with `amount`, `amount_saved` and `amount_at_risk`; the
        raw counts `n_rows`, `n_frauds`, `n_alerts`, `n_caught`, `n_missed`, `n_false_alarms`,
        the weighted `n_false_alarms_weighted`; the weighted `prevalence`; and `threshold`.

    Raises
    ------
    ValueError
        If a class is missing, or the input is malformed.
    """
    y_true = check_labels(y_true)
    score = np.asarray(score)
    weight = np.ones(len(y_true)) if sample_weight is None else np.asarray(sample_weight, float)
    confusion = confusion_at(y_true, score, threshold, weight)
    k = min(alert_budget, weight.sum())
    summary = {
        "average_precision": average_precision(y_true, score, weight),
        "f1": confusion.f1,
        "precision": confusion.precision,
        "recall": confusion.recall,
        "recall_at_fpr": recall_at_fpr(y_true, score, fpr, weight),
        "precision_at_k": precision_at_k(y_true, score, k, weight),
        "recall_at_k": recall_at_k(y_true, score, k, weight),
    }
    if score.min() >= 0 and score.max() <= 1:
        summary["brier_score"] = brier_score(y_true, score, weight)
        summary["expected_calibration_error"] = expected_calibration_error(y_true, score, weight)
    if amount is not None:
        summary["amount_saved"] = amount_saved(y_true, amount, score >= threshold, weight)
        summary["amount_at_risk"] = amount_saved(y_true, amount, np.ones(len(y_true)), weight)
    counts = count_summary(y_true, score, threshold, weight)
    summary.update({name: float(value) for name, value in vars(counts).items()})
    summary["prevalence"] = float(np.average(y_true, weights=weight))
    summary["threshold"] = float(threshold)
    return summary
