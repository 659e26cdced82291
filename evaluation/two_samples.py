"""Whether two samples of a column can come from one distribution."""

from typing import NamedTuple

import numpy as np
from scipy.special import betaincinv
from scipy.stats import chi2_contingency, ks_2samp, kstwo

from evaluation.drift import effective_size


class Test(NamedTuple):
    """A statistic and the probability of one as large where nothing has changed."""

    statistic: float
    p_value: float


class Ratio(NamedTuple):
    """A ratio of two shares with its interval.

    `value` is None where the first share is 0, `high` where nothing bounds it.
    """

    value: float | None
    low: float
    high: float | None


def ks_of_samples(old, new, old_weight=None):
    """Kolmogorov-Smirnov statistic of two samples.

    Parameters
    ----------
    old : array-like of shape (n,)
    new : array-like of shape (m,)
    old_weight : array-like of shape (n,) or None
        Transactions that each of `old` stands for; the p-value then takes Kish's effective size.

    Returns
    -------
    Test

    Examples
    --------
    >>> ks_of_samples([1, 2, 3, 4], [3, 4, 5, 6]).statistic
    0.5
    """
    if old_weight is None:
        found = ks_2samp(old, new, method="asymp")
        return Test(float(found.statistic), float(found.pvalue))
    old, new, weight = (np.asarray(a, dtype=np.float64) for a in (old, new, old_weight))
    order = np.argsort(old, kind="stable")
    values = np.concatenate([old, new])
    reached = np.concatenate([[0.0], np.cumsum(weight[order])]) / weight.sum()
    old_share = reached[np.searchsorted(old[order], values, "right")]
    new_share = np.searchsorted(np.sort(new), values, "right") / len(new)
    statistic = float(np.max(np.abs(old_share - new_share)))
    return Test(statistic, _ks_p_value(statistic, effective_size(weight), len(new)))


def ks_of_quantiles(quantiles, n_old, new):
    """Lower bound of the Kolmogorov-Smirnov statistic, where the old rows are gone.

    At the quantile of level p the old share of smaller values is at most p, and that of values up
    to it at least p, whatever ties there are. So the statistic is at least as large as the largest
    gap that the new rows leave there, and the p-value at most too large.

    Parameters
    ----------
    quantiles : array-like of shape (n_quantiles,)
        Of the old column, at equal steps from 0 to 1, rising.
    n_old : int
        Rows that they were taken from.
    new : array-like of shape (m,)

    Returns
    -------
    Test
    """
    quantiles = np.asarray(quantiles, dtype=np.float64)
    new = np.sort(np.asarray(new, dtype=np.float64))
    level = np.linspace(0, 1, len(quantiles))
    below = np.searchsorted(new, quantiles, "left") / len(new)
    up_to = np.searchsorted(new, quantiles, "right") / len(new)
    # An interpolated quantile may be off by one row.
    gaps = np.maximum(level - up_to, below - level) - 1 / n_old
    statistic = float(max(gaps.max(), 0.0))
    return Test(statistic, _ks_p_value(statistic, n_old, len(new)))


def chi_squared_of_counts(old, new):
    """Chi-squared test of two samples of a column of categories.

    Parameters
    ----------
    old, new : mapping of str to int
        Rows by category; one that is missing has none.

    Returns
    -------
    Test
        The statistic is Cramer's V, in [0, 1] as that of Kolmogorov and Smirnov.
    """
    names = sorted({*old, *new})
    table = np.array([[of.get(name, 0) for name in names] for of in (old, new)], dtype=np.float64)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return Test(0.0, 1.0)
    found = chi2_contingency(table, correction=False)
    return Test(float(np.sqrt(found.statistic / table.sum())), float(found.pvalue))


def holm(p_values):
    """p-values corrected for their number: the chance that any is wrong stays at the level.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)

    Returns
    -------
    ndarray of shape (n_tests,)
        Holm (1979): the k-th smallest times n - k + 1, never below the one before, at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    stepped = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return corrected


def ratio_of_shares(old_count, n_old, new_count, n_new, *, level=0.95):
    """How many times larger a share has become.

    Of all counts, those of the new sample are binomial (the counts taken as Poisson), which gives
    an interval that holds for the smallest counts as well (Clopper and Pearson 1934).

    Parameters
    ----------
    old_count, n_old, new_count, n_new : float
        Rows counted, and all rows, of the two samples; effective ones where they are weighted.
    level : float in (0, 1)
        Coverage, or more.

    Returns
    -------
    Ratio
        0 to unbounded where nothing was counted at all.

    Examples
    --------
    >>> ratio_of_shares(10, 1000, 30, 1000).value
    3.0
    """
    tail = (1 - level) / 2
    scale = n_old / n_new
    low, high = 0.0, None
    if new_count:
        share = float(betaincinv(new_count, old_count + 1, tail))
        low = scale * share / (1 - share)
    if old_count:
        share = float(betaincinv(new_count + 1, old_count, 1 - tail))
        high = scale * share / (1 - share)
    return Ratio(scale * new_count / old_count if old_count else None, low, high)


def _ks_p_value(statistic, n_old, n_new):
    """Asymptotic, as scipy's: that of one sample of the harmonic size."""
    size = max(round(n_old * n_new / (n_old + n_new)), 1)
    return float(np.clip(kstwo.sf(statistic, size), 0.0, 1.0))
