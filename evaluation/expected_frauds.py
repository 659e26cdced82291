"""Compares the number of frauds that scores predict with the number that came."""

from typing import NamedTuple

import numpy as np
from scipy.stats import poisson

from evaluation.inputs import check_probabilities, check_scored_rows

NEGLIGIBLE = 1e-3  # rows below it are one Poisson count, off by at most this in any probability
SPREADS = 12  # standard deviations above the mean that a distribution is computed to


class ExpectedFrauds(NamedTuple):
    """Frauds that scores predict among some rows, and those that came.

    Attributes
    ----------
    expected : float
        Mean number of frauds if the scores are the probabilities of fraud.
    observed : int
        Frauds among the rows.
    low, high : int
        Interval of the number of frauds under the scores.
    n_rows : int
        Rows of the table that were looked at.
    """

    expected: float
    observed: int
    low: int
    high: int
    n_rows: int


def expected_frauds(y_true, score, sample_weight=None, *, k=None, level=0.95):
    """Expected and observed number of frauds, with the interval that calibrated scores allow.

    With a score p that holds in the weighted population, where a genuine row stands for w times
    as many transactions as a fraud, a row of the table is a fraud with probability
    w p / (w p + 1 - p): the frauds were all kept, of the genuine rows one in w (Elkan 2001,
    theorem 2, turned around). Given the scores, the frauds of the table are a sum of independent
    draws with these probabilities, so their number has a Poisson-binomial distribution, and no
    variance of the weights enters.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud.
    score : array-like of shape (n_samples,), in [0, 1]
        Probability of fraud in the weighted population.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for: one weight for all frauds and one for all genuine
        rows, as from `evaluation.metrics.prevalence_weights`.
    k : float above 0, or None
        Look only at the highest scores that stand for k transactions of the weighted population;
        without weights these are k rows. Which rows they are is decided by scores alone: a row
        counts as many transactions as it stands for on average, labels unseen. Rows of equal
        score at the cut are all in. None, or more than there are, looks at all rows.
    level : float in (0, 1)
        Coverage of the interval; at least that, since counts are whole numbers.

    Returns
    -------
    ExpectedFrauds
        Counts of rows of the table.

    Raises
    ------
    ValueError
        If the input is malformed, a score is no probability, rows of one class differ in weight,
        or `k` or `level` is outside its range.

    Examples
    --------
    >>> expected_frauds([0, 1, 1], [0.5, 0.5, 0.5], level=0.5)
    ExpectedFrauds(expected=1.5, observed=2, low=1, high=2, n_rows=3)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    if k is not None and not k > 0:
        raise ValueError(f"k must be above 0, got {k}")
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    check_probabilities(score)
    fraud_weight = _common_weight(weight[y_true == 1])
    genuine_weight = _common_weight(weight[y_true == 0]) if (y_true == 0).any() else fraud_weight
    odds_ratio = genuine_weight / fraud_weight
    probability = odds_ratio * score / (odds_ratio * score + 1 - score)
    if k is not None:
        transactions = probability * fraud_weight + (1 - probability) * genuine_weight
        inside = score >= _score_at(score, transactions, k)
        y_true, probability = y_true[inside], probability[inside]
    low, high = _interval(probability, level)
    return ExpectedFrauds(float(probability.sum()), int(y_true.sum()), low, high, len(y_true))


def _common_weight(weight):
    """Weight that all rows of one class have."""
    if np.ptp(weight) > 1e-9 * weight[0]:
        raise ValueError(
            f"expected one sample_weight for all frauds and one for all genuine rows, got from "
            f"{weight.min():g} to {weight.max():g} within a class; use prevalence_weights"
        )
    return float(weight[0])


def _score_at(score, transactions, k):
    """Lowest of the highest scores that together stand for k transactions."""
    order = np.argsort(-score, kind="stable")
    # The tolerance forgives the rounding of summed weights, not a row.
    cut = np.searchsorted(np.cumsum(transactions[order]), k * (1 - 1e-12))
    return score[order[min(cut, len(order) - 1)]]


def _interval(probability, level):
    """Quantiles (1 - level) / 2 and (1 + level) / 2 of the number of successes."""
    below = np.cumsum(_poisson_binomial(probability))
    low, high = np.searchsorted(below, [(1 - level) / 2, (1 + level) / 2])
    return int(low), int(high)


def _poisson_binomial(probability):
    """Distribution of the number of successes, from 0 to well above its mean.

    Row by row for what matters; the many rows of negligible probability are one Poisson draw,
    which is off by at most the largest of them (Barbour and Hall 1984, theorem 1).
    """
    mean, variance = probability.sum(), (probability * (1 - probability)).sum()
    counts = np.arange(int(mean + SPREADS * (np.sqrt(variance) + 1)) + 1)
    is_negligible = probability < NEGLIGIBLE
    share = poisson.pmf(counts, probability[is_negligible].sum())
    for success in probability[~is_negligible]:
        one_more = np.append(0.0, share[:-1])
        share = share * (1 - success) + one_more * success
    return share
