"""Bootstrap intervals for figures of one model and for differences between two.

Frauds and genuine rows are resampled separately, so every resample holds as many of each as
the data. What depends on scores only through their order and fixed thresholds is computed on
merged rows: genuine rows between two neighbouring frauds are interchangeable, so one row with
a multinomial count stands for all of them. That is exact and makes thousands of resamples of
300,000 rows a matter of a second.
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from evaluation.decisions import amount_saved, confusion_at, f1_at
from evaluation.inputs import check_both_classes, check_scored_rows
from evaluation.metrics import brier_score, expected_calibration_error
from evaluation.ranking import average_precision, precision_at_k, recall_at_fpr, recall_at_k


class Interval(NamedTuple):
    """A figure with its percentile interval."""

    estimate: float
    low: float
    high: float


class PairedDifference(NamedTuple):
    """Figure of B minus figure of A on the same rows, with its percentile interval.

    `probability_b_better` is the share of resamples in which B's figure is the higher one,
    ties counted half; for a figure where less is better, read it as 1 minus the share.
    """

    estimate: float
    low: float
    high: float
    probability_b_better: float


def bootstrap_intervals(
    statistics,
    y_true,
    score,
    sample_weight=None,
    *,
    cuts=None,
    n_resamples=1000,
    level=0.95,
    rng,
):
    """Stratified percentile bootstrap of any figures.

    Parameters
    ----------
    statistics : dict of str to callable
        Each maps `(y_true, score, sample_weight)` to a float.
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud; both classes must be there.
    score : array-like of shape (n_samples,)
        Higher is more suspicious.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for.
    cuts : sequence of float or None
        States that the statistics look only at the order of the scores and at comparisons
        `score >= cut` with these cuts (none for an empty sequence), which is much faster.
        None makes no such promise.
    n_resamples : int, at least 1
        Resamples.
    level : float in (0, 1)
        Coverage of the intervals.
    rng : numpy.random.Generator
        Source of the resamples.

    Returns
    -------
    dict of str to Interval

    Raises
    ------
    ValueError
        If a class is missing, the input is malformed, or `level` is outside (0, 1).
    """
    rows, scores = _merged_rows(y_true, [score], sample_weight, None if cuts is None else [cuts])
    resampled = np.array(
        [
            [statistic(rows.y_true, scores[0], weight) for statistic in statistics.values()]
            for weight in rows.resampled_weights(n_resamples, rng)
        ]
    )
    low, high = _percentiles(resampled, level)
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    return {
        name: Interval(float(statistic(y_true, score, weight)), float(low[i]), float(high[i]))
        for i, (name, statistic) in enumerate(statistics.items())
    }


def paired_difference(
    statistics,
    y_true,
    score_a,
    score_b,
    sample_weight=None,
    *,
    statistics_b=None,
    cuts=None,
    n_resamples=1000,
    level=0.95,
    rng,
):
    """Stratified bootstrap of differences between two models on the same resamples.

    Parameters
    ----------
    statistics : dict of str to callable
        Figures of A, as in `bootstrap_intervals`.
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud; both classes must be there.
    score_a, score_b : array-like of shape (n_samples,)
        Scores of the two models for the same rows.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for.
    statistics_b : dict of str to callable or None
        Figures of B under the same names, where they differ from A's (F1 at B's own
        threshold); None uses A's.
    cuts : pair of sequences of float, or None
        Cuts of A and of B, with the meaning they have in `bootstrap_intervals`.
    n_resamples, level, rng
        As in `bootstrap_intervals`.

    Returns
    -------
    dict of str to PairedDifference

    Raises
    ------
    ValueError
        If the names differ, a class is missing, or the input is malformed.
    """
    statistics_b = statistics if statistics_b is None else statistics_b
    if list(statistics) != list(statistics_b):
        raise ValueError(
            f"statistics_b must have the names {list(statistics)}, got {list(statistics_b)}"
        )
    pairs = list(zip(statistics.values(), statistics_b.values(), strict=True))

    def differences(y_true, score_a, score_b, weight):
        return [b(y_true, score_b, weight) - a(y_true, score_a, weight) for a, b in pairs]

    rows, scores = _merged_rows(y_true, [score_a, score_b], sample_weight, cuts)
    resampled = np.array(
        [
            differences(rows.y_true, *scores, weight)
            for weight in rows.resampled_weights(n_resamples, rng)
        ]
    )
    low, high = _percentiles(resampled, level)
    better = np.mean(resampled > 0, axis=0) + np.mean(resampled == 0, axis=0) / 2
    weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    estimates = differences(y_true, score_a, score_b, weight)
    return {
        name: PairedDifference(float(estimates[i]), float(low[i]), float(high[i]), float(better[i]))
        for i, name in enumerate(statistics)
    }


def threshold_statistics(threshold, *, alert_budget=100, fpr=0.001):
    """Figures of `evaluation.metrics.summarise` that need only order and threshold.

    Parameters
    ----------
    threshold : float
        Lowest score that raises an alert; pass it on as the one cut.
    alert_budget, fpr : float
        As in `evaluation.metrics.summarise`.

    Returns
    -------
    dict of str to callable
        For `bootstrap_intervals` and `paired_difference`.
    """

    def within_budget(metric):
        return lambda y, s, w: metric(y, s, min(alert_budget, w.sum()), w)

    return {
        "average_precision": average_precision,
        "f1": lambda y, s, w: f1_at(y, s, threshold, w),
        "precision": lambda y, s, w: confusion_at(y, s, threshold, w).precision,
        "recall": lambda y, s, w: confusion_at(y, s, threshold, w).recall,
        "recall_at_fpr": lambda y, s, w: recall_at_fpr(y, s, fpr, w),
        "precision_at_k": within_budget(precision_at_k),
        "recall_at_k": within_budget(recall_at_k),
    }


def summary_intervals(
    y_true,
    score,
    threshold,
    *,
    sample_weight=None,
    amount=None,
    alert_budget=100,
    fpr=0.001,
    n_resamples=1000,
    level=0.95,
    rng,
):
    """Intervals for every rate and amount that `evaluation.metrics.summarise` gives.

    Parameters
    ----------
    y_true, score, threshold, sample_weight, amount, alert_budget, fpr
        As in `evaluation.metrics.summarise`.
    n_resamples, level, rng
        As in `bootstrap_intervals`.

    Returns
    -------
    dict of str to Interval
        Under the names that `summarise` uses.
    """
    score = np.asarray(score)
    weight = np.ones(len(score)) if sample_weight is None else np.asarray(sample_weight, float)
    bootstrap = partial(bootstrap_intervals, n_resamples=n_resamples, level=level, rng=rng)
    ranks = threshold_statistics(threshold, alert_budget=alert_budget, fpr=fpr)
    intervals = bootstrap(ranks, y_true, score, weight, cuts=[threshold])
    if score.min() >= 0 and score.max() <= 1:
        probabilities = {
            "brier_score": brier_score,
            "expected_calibration_error": expected_calibration_error,
        }
        intervals |= bootstrap(probabilities, y_true, score, weight)
    if amount is not None:
        intervals["amount_saved"] = _amount_saved_interval(
            y_true, score >= threshold, amount, weight, n_resamples, level, rng
        )
    return intervals


class _Rows(NamedTuple):
    y_true: np.ndarray
    weight: np.ndarray
    size: np.ndarray

    def resampled_weights(self, n_resamples, rng):
        """One weight per merged row and resample; never held for all resamples at once."""
        frauds = self.y_true == 1
        for _ in range(n_resamples):
            count = np.empty(len(self.size))
            count[frauds] = _resampled_counts(self.size[frauds], rng)
            count[~frauds] = _resampled_counts(self.size[~frauds], rng)
            yield self.weight * count


def _merged_rows(y_true, scores, sample_weight, cuts):
    """Rows to resample, with interchangeable genuine rows merged if `cuts` allow it."""
    checked = [check_scored_rows(y_true, score, sample_weight) for score in scores]
    y_true, _, weight = checked[0]
    scores = [score for _, score, _ in checked]
    check_both_classes(y_true)
    if cuts is None:
        # Sorted once, so that statistics which sort find their rows already in order.
        first, size = np.argsort(-scores[0], kind="stable"), np.ones(len(y_true), dtype=int)
    else:
        first, size = _merge(y_true == 1, scores, weight, cuts)
    return _Rows(y_true[first], weight[first], size), [score[first] for score in scores]


def _merge(is_fraud, scores, weight, cuts):
    """First row and size of each group of interchangeable rows; a fraud is its own group."""
    _, group = np.unique(weight[~is_fraud], return_inverse=True)
    for score, score_cuts in zip(scores, cuts, strict=True):
        boundaries = np.unique(np.append(score[is_fraud], np.asarray(score_cuts, float)))
        genuine = score[~is_fraud]
        # Odd on a boundary, even between two.
        place = np.searchsorted(boundaries, genuine, "left")
        place += np.searchsorted(boundaries, genuine, "right")
        group = group * (2 * len(boundaries) + 1) + place
    _, first, size = np.unique(group, return_index=True, return_counts=True)
    frauds = np.flatnonzero(is_fraud)
    first = np.append(frauds, np.flatnonzero(~is_fraud)[first])
    return first, np.append(np.ones(len(frauds), dtype=int), size)


def _resampled_counts(size, rng):
    """How often each group of rows is drawn when as many rows as there are are drawn."""
    n_rows = size.sum()
    if n_rows == len(size):  # faster than a multinomial with a probability per row
        return np.bincount(rng.integers(0, n_rows, n_rows), minlength=n_rows)
    return rng.multinomial(n_rows, size / n_rows)


def _amount_saved_interval(y_true, alerts, amount, weight, n_resamples, level, rng):
    """Interval of the money in caught frauds, resampling the frauds alone."""
    is_fraud = np.asarray(y_true) == 1
    saved = (np.asarray(amount, dtype=np.float64) * weight * alerts)[is_fraud]
    n_frauds = len(saved)
    counts = rng.multinomial(n_frauds, np.full(n_frauds, 1 / n_frauds), size=n_resamples)
    low, high = _percentiles((counts @ saved)[:, None], level)
    estimate = amount_saved(y_true, amount, alerts, weight)
    return Interval(estimate, float(low[0]), float(high[0]))


def _percentiles(resampled, level):
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    return np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)
