"""Bootstrap of several models at once: every resample is drawn once and judges them all.

`evaluation.uncertainty` takes any figures of one or two models. Here the figures are fixed, and
all resamples of a model are computed as arrays: twenty models on 300,000 rows take seconds.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from evaluation.inputs import check_both_classes, check_scored_rows

ROUNDING = 1 + 1e-12  # forgives the rounding of summed weights, not a false alarm
# Resampling raises average precision by a fifth of its spread, so its percentiles miss the truth
# too often; an interval around the estimate does not (tests/evaluation/test_joint_bootstrap.py).
SYMMETRIC = {"average_precision"}
FEW_GROUPS = 0.25  # of the rows; more are drawn row by row, which is faster than a multinomial


class Comparison(NamedTuple):
    """One figure of several models, with what chance does to it.

    Attributes
    ----------
    estimate, low, high : ndarray of shape (n_models,)
        The figure and its interval.
    difference, difference_low, difference_high : ndarray of shape (n_models,)
        Figure minus that of the first model, on the same resamples; 0 for the first.
    family_low, family_high : ndarray of shape (n_models,)
        Intervals of the differences that hold for all models together: whoever picks the best of
        many looks at these.
    probability_better : ndarray of shape (n_models,)
        Share of resamples in which the figure is above the first model's, ties counted half.
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    difference: np.ndarray
    difference_low: np.ndarray
    difference_high: np.ndarray
    family_low: np.ndarray
    family_high: np.ndarray
    probability_better: np.ndarray


def compare_models(
    y_true,
    scores,
    thresholds,
    sample_weight=None,
    *,
    amount=None,
    alert_budget=100,
    fpr=0.001,
    n_resamples=1000,
    level=0.95,
    rng,
):
    """Figures of several models on the same rows, with paired intervals.

    Frauds and genuine rows are resampled separately. Intervals are percentiles, expanded for the
    number of frauds (Hesterberg 2015, section 4.4); that of average precision, but not that of its
    difference, is the estimate plus and minus as many standard deviations.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud; both classes must be there.
    scores : sequence of array-like of shape (n_samples,)
        One for each model; higher is more suspicious.
    thresholds : sequence of float
        Of each model: the lowest score that raises an alert.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for: one weight for all frauds, one for all genuine rows.
    amount : array-like of shape (n_samples,) or None
        Money moved by each transaction.
    alert_budget : float, above 0
        Alerts that investigators can handle, in transactions of the weighted rows.
    fpr : float in [0, 1]
        Allowed share of genuine transactions among alerts, for `recall_at_fpr`.
    n_resamples : int, at least 1
        Resamples.
    level : float in (0, 1)
        Coverage of the intervals.
    rng : numpy.random.Generator
        Source of the resamples.

    Returns
    -------
    dict of str to Comparison
        `average_precision`, `f1`, `precision`, `recall`, `recall_at_fpr`, `caught_at_budget`
        (frauds of the rows), `precision_at_budget`, `alerts` (weighted) and `false_alarms`
        (rows) at the threshold, and `amount_caught` at the threshold, if there are amounts.

    Raises
    ------
    ValueError
        If a class is missing, rows of one class differ in weight, or the input is malformed.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    if len(scores) != len(thresholds) or not len(scores):
        raise ValueError(
            f"expected one threshold for each model, got {len(thresholds)} for {len(scores)}"
        )
    checked = [check_scored_rows(y_true, score, sample_weight) for score in scores]
    y_true, _, weight = checked[0]
    check_both_classes(y_true)
    is_fraud = y_true == 1
    fraud_weight, genuine_weight = (_one_weight(weight[rows]) for rows in (is_fraud, ~is_fraud))
    models = [
        _Model.of(score, is_fraud, threshold)
        for (_, score, _), threshold in zip(checked, thresholds, strict=True)
    ]
    fraud_counts, genuine_counts = _resample(models, int(is_fraud.sum()), n_resamples, rng)
    money = None if amount is None else np.asarray(amount, dtype=np.float64)[is_fraud]
    budget = min(alert_budget, float(weight.sum()))
    found = [
        _figures(
            _Caught(model, fraud_counts, counts),
            fraud_weight, genuine_weight, budget=budget, fpr=fpr, money=money,
        )
        for model, counts in zip(models, genuine_counts, strict=True)
    ]  # fmt: skip
    return {
        name: _compare(
            np.stack([of_model[name] for of_model in found], axis=1),
            level,
            int(is_fraud.sum()),
            is_symmetric=name in SYMMETRIC,
        )
        for name in found[0]
    }


def resampled_figures(
    y_true, score, threshold, sample_weight=None, *, alert_budget=100, fpr=0.001, n_resamples, rng
):
    """Figures of one model on its rows and on every resample of them.

    Parameters
    ----------
    y_true, score, threshold, sample_weight, alert_budget, fpr, n_resamples, rng
        As of `compare_models`, for one model.

    Returns
    -------
    dict of str to ndarray of shape (1 + n_resamples,)
        The first is the figure of the rows themselves.
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    check_both_classes(y_true)
    is_fraud = y_true == 1
    weights = [_one_weight(weight[rows]) for rows in (is_fraud, ~is_fraud)]
    model = _Model.of(score, is_fraud, threshold)
    fraud_counts, (genuine_counts,) = _resample([model], int(is_fraud.sum()), n_resamples, rng)
    budget = min(alert_budget, float(weight.sum()))
    caught = _Caught(model, fraud_counts, genuine_counts)
    return _figures(caught, *weights, budget=budget, fpr=fpr, money=None)


class _Model(NamedTuple):
    """Where the rows of a model lie among its boundaries: fraud scores and threshold, rising.

    A genuine row's place is 2 j + 1 on boundary j and even between two.
    """

    n_boundaries: int
    threshold_index: int
    fraud_boundary: np.ndarray
    genuine_place: np.ndarray

    @classmethod
    def of(cls, score, is_fraud, threshold):
        boundaries = np.unique(np.append(score[is_fraud], threshold))
        place = np.searchsorted(boundaries, score[~is_fraud], "left")
        place += np.searchsorted(boundaries, score[~is_fraud], "right")
        return cls(
            len(boundaries),
            int(np.searchsorted(boundaries, threshold)),
            np.searchsorted(boundaries, score[is_fraud]),
            place.astype(np.intp),  # as bincount wants it; it would convert each time
        )


class _Caught:
    """Counts at every boundary of a model from the highest down; row 0 is the data themselves.

    Attributes
    ----------
    frauds, genuine, genuine_above : ndarray of shape (1 + n_resamples, n_boundaries)
        Rows with at least the boundary's score, and genuine ones above it.
    threshold : int
        Which column is the threshold.
    """

    def __init__(self, model, fraud_counts, genuine_counts):
        at_boundary = np.zeros((len(fraud_counts), model.n_boundaries))
        by_boundary = np.argsort(model.fraud_boundary, kind="stable")
        boundaries, first = np.unique(model.fraud_boundary[by_boundary], return_index=True)
        at_boundary[:, boundaries] = np.add.reduceat(fraud_counts[:, by_boundary], first, axis=1)
        self.frauds = np.cumsum(at_boundary[:, ::-1], axis=1)
        # Places from the highest: between, on the last boundary, between, ...
        falling = np.cumsum(genuine_counts[:, ::-1], axis=1)
        self.genuine_above, self.genuine = falling[:, 0:-1:2], falling[:, 1::2]
        self.n_genuine = falling[:, -1:]
        self.threshold = model.n_boundaries - 1 - model.threshold_index
        self.is_alert = model.fraud_boundary >= model.threshold_index
        self.fraud_counts = fraud_counts


def _resample(models, n_frauds, n_resamples, rng):
    """Fraud counts (1 + n_resamples, n_frauds) and, by model, counts of genuine rows by place."""
    fraud_counts = np.ones((n_resamples + 1, n_frauds))
    fraud_counts[1:] = rng.multinomial(n_frauds, np.full(n_frauds, 1 / n_frauds), n_resamples)
    groups, sizes = _groups([model.genuine_place for model in models])
    n_rows = int(sizes.sum())
    row_by_row = len(sizes) > FEW_GROUPS * n_rows
    group_of_row = np.repeat(np.arange(len(sizes)), sizes)
    counts = [np.empty((n_resamples + 1, 2 * model.n_boundaries + 1)) for model in models]
    for resample in range(n_resamples + 1):
        if resample == 0:
            drawn = sizes
        elif row_by_row:
            rows = group_of_row[rng.integers(0, n_rows, n_rows)]
            drawn = np.bincount(rows, minlength=len(sizes))
        else:
            drawn = rng.multinomial(n_rows, sizes / n_rows)
        drawn = drawn.astype(np.float64)
        for of_model, places in zip(counts, groups, strict=True):
            of_model[resample] = np.bincount(places, drawn, minlength=of_model.shape[1])
    return fraud_counts, counts


def _groups(places):
    """Interchangeable genuine rows: their places in each model, and how many they are."""
    group = np.zeros(len(places[0]), dtype=np.int64)
    for place in places:
        # Numbered anew after each model, so that the product never overflows.
        _, group = np.unique(group * (int(place.max()) + 1) + place, return_inverse=True)
    _, first, sizes = np.unique(group, return_index=True, return_counts=True)
    return [place[first] for place in places], sizes


def _figures(caught, fraud_weight, genuine_weight, *, budget, fpr, money):
    """Every figure for every resample, arrays of shape (1 + n_resamples,)."""
    n_frauds = caught.frauds[:, -1]
    frauds = caught.frauds * fraud_weight
    alerts = frauds + caught.genuine * genuine_weight
    precision = np.divide(frauds, alerts, out=np.zeros_like(frauds), where=alerts > 0)
    gained = np.diff(caught.frauds, axis=1, prepend=0.0)
    at = caught.threshold
    true, false = caught.frauds[:, at], caught.genuine[:, at]
    allowed = caught.genuine <= fpr * caught.n_genuine * ROUNDING
    at_budget = _frauds_within(caught, frauds, alerts, genuine_weight, budget) / fraud_weight
    figures = {
        "average_precision": (gained * precision).sum(axis=1) / n_frauds,
        "f1": 2 * frauds[:, at] / (alerts[:, at] + n_frauds * fraud_weight),
        "precision": precision[:, at],
        "recall": true / n_frauds,
        "recall_at_fpr": np.max(np.where(allowed, caught.frauds, 0.0), axis=1) / n_frauds,
        "caught_at_budget": at_budget,
        "precision_at_budget": at_budget * fraud_weight / budget,
        "alerts": alerts[:, at],
        "false_alarms": false,
    }
    if money is not None:
        figures["amount_caught"] = caught.fraud_counts @ (money * caught.is_alert * fraud_weight)
    return figures


def _frauds_within(caught, frauds, alerts, genuine_weight, budget):
    """Weight of the frauds among the `budget` highest transactions; ties by expected share."""
    former = np.concatenate([np.zeros((len(frauds), 1)), frauds[:, :-1]], axis=1)
    start = former + caught.genuine_above * genuine_weight
    width = alerts - start
    share = np.divide(budget - start, width, out=np.zeros_like(width), where=width > 0)
    return np.max(np.where(start <= budget, former + np.clip(share, 0, 1) * (frauds - former), 0),
                  axis=1)  # fmt: skip


def _compare(values, level, n_frauds, *, is_symmetric):
    estimate, resampled = values[0], values[1:]
    reach = expanded_reach(level, n_frauds)
    ends = [ndtr(-reach), ndtr(reach)]
    difference = resampled - resampled[:, :1]
    if is_symmetric:
        spread = reach * resampled.std(axis=0)
        low, high = np.maximum(estimate - spread, 0.0), np.minimum(estimate + spread, 1.0)
    else:
        low, high = np.quantile(resampled, ends, axis=0)
    difference_low, difference_high = np.quantile(difference, ends, axis=0)
    # Stretched and not read off further out, where a thousand resamples have no quantiles.
    observed, more = estimate - estimate[0], _widening(difference[:, 1:], level) - 1
    family_low = difference_low - more * np.maximum(observed - difference_low, 0.0)
    family_high = difference_high + more * np.maximum(difference_high - observed, 0.0)
    better = np.mean(difference > 0, axis=0) + np.mean(difference == 0, axis=0) / 2
    return Comparison(
        estimate, low, high, observed, difference_low, difference_high, family_low, family_high,
        better,
    )  # fmt: skip


def _widening(differences, level):
    """How much further intervals must reach to hold for all models together.

    By the largest of the standardised differences of each resample (the max-t method, Westfall
    and Young 1993), (n_resamples, n_others) -> at least 1.
    """
    spread = differences.std(axis=0)
    varies = spread > 0
    if varies.sum() < 2:
        return 1.0
    standardised = (differences - differences.mean(axis=0))[:, varies] / spread[varies]
    largest = np.quantile(np.abs(standardised).max(axis=1), level)
    return max(1.0, float(largest / ndtri((1 + level) / 2)))


def expanded_reach(level, n):
    """Standard deviations to either side, with the expansion for n draws (Hesterberg 2015)."""
    if n < 2:
        return float(ndtri((1 + level) / 2))
    return float(stdtrit(n - 1, (1 + level) / 2) * np.sqrt(n / (n - 1)))


def _one_weight(weight):
    if weight.min() != weight.max():
        raise ValueError(
            "expected one weight for all rows of a class, as from "
            f"evaluation.metrics.prevalence_weights, got {weight.min():g} to {weight.max():g}"
        )
    return float(weight[0])
