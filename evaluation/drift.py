"""How far a distribution has moved: the population stability index, with its interval."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import chndtr, ndtri

N_BINS = 10
SMALLEST_BIN = 0.05  # between two cuts, of a column known by its quantiles
OFTEN = 1 / N_BINS  # a value that holds as much of a column is a bin of its own
MANY_STEPS = 1e4  # of an index in units of chance; from there on its root is as good as normal
SMALLEST_SHARE = 1e-4  # an empty bin counts as this much, which keeps the index finite


def population_stability_index(expected, actual):
    """Population stability index of two sets of shares.

    sum_b (a_b - e_b) ln(a_b / e_b), the symmetrised Kullback-Leibler divergence, with shares of
    at least 1e-4. Rules of thumb of the credit industry (Siddiqi 2006): below 0.1 no change
    worth mention, above 0.25 a large one.

    Parameters
    ----------
    expected, actual : array-like of shape (n_bins,)
        Shares, or counts, of the same bins.

    Returns
    -------
    float, at least 0

    Examples
    --------
    >>> round(population_stability_index([1, 1], [1, 3]), 4)  # (1/4) ln 3
    0.2747
    """
    expected, actual = (_shares(bins) for bins in (expected, actual))
    return float(np.sum((actual - expected) * np.log(actual / expected)))


def psi_of_quantiles(expected, actual):
    """Index of two columns that are known by their quantiles.

    Bins are those of `counts_beside_quantiles`.

    Parameters
    ----------
    expected, actual : array-like of shape (n_quantiles,)
        Quantiles at equal steps from 0 to 1, rising.

    Returns
    -------
    float, at least 0
    """
    expected, actual = (np.asarray(q, dtype=np.float64) for q in (expected, actual))
    edges = _edges_of_quantiles(expected)
    return population_stability_index(*(_between(q, edges) for q in (expected, actual)))


def psi_of_counts(expected, actual):
    """Index of two columns of categories.

    Parameters
    ----------
    expected, actual : mapping of str to int
        Rows by category; one that is missing has none.

    Returns
    -------
    float, at least 0
    """
    names = sorted({*expected, *actual})
    return population_stability_index(*([of.get(n, 0) for n in names] for of in (expected, actual)))


def psi_of_samples(expected, actual):
    """Index of two samples, by the deciles of the first.

    Parameters
    ----------
    expected : array-like of shape (n,)
    actual : array-like of shape (m,)

    Returns
    -------
    float, at least 0
    """
    return population_stability_index(*counts_beside_samples(expected, actual))


class Index(NamedTuple):
    """Population stability index of two samples with its interval."""

    value: float
    low: float
    high: float


def index_of_counts(expected, actual, *, n_expected=None, level=0.95):
    """Population stability index of two samples with what chance can do to it.

    With shares that differ little the index is (1/n + 1/m) times a chi-squared variable, with as
    many degrees of freedom as bins less one, and not centred where the shares do differ
    (Yurdakul and Naranjo 2020). The interval holds every index for which the one found is no
    surprise; its lower end is 0 where chance alone explains it.

    Parameters
    ----------
    expected, actual : array-like of shape (n_bins,)
        Rows by bin; those of `expected` may be shares if `n_expected` is given.
    n_expected : float or None
        Rows behind `expected`; None: its sum.
    level : float in (0, 1)
        Coverage.

    Returns
    -------
    Index
    """
    expected, actual = (np.asarray(bins, dtype=np.float64) for bins in (expected, actual))
    value = population_stability_index(expected, actual)
    n_bins = int(np.sum((expected > 0) | (actual > 0)))
    if n_bins < 2:
        return Index(value, 0.0, value)
    chance = 1 / (expected.sum() if n_expected is None else n_expected) + 1 / actual.sum()
    low, high = (
        chance * _noncentrality(value / chance, n_bins - 1, tail)
        for tail in ((1 + level) / 2, (1 - level) / 2)
    )
    return Index(value, float(low), float(max(high, value)))


def counts_beside_quantiles(quantiles, values):
    """Shares of a column known by its quantiles, and counts of new values, by the same bins.

    A value that holds a tenth of the column or more is a bin of its own; the deciles part the
    rest, those that coincide or leave less than 5 % between them taken as one: beside a value
    that is repeated often, quantiles know shares to one step only.

    Parameters
    ----------
    quantiles : array-like of shape (n_quantiles,)
        At equal steps from 0 to 1, rising.
    values : array-like of shape (n,)

    Returns
    -------
    expected, actual : ndarray of shape (n_bins,)
        Shares and counts. An edge belongs to the bin below it.
    """
    quantiles, values = (np.asarray(a, dtype=np.float64) for a in (quantiles, values))
    edges = _edges_of_quantiles(quantiles)
    places = np.searchsorted(edges, values, "left")
    return _between(quantiles, edges), np.bincount(places, minlength=len(edges) + 1)


def counts_beside_samples(expected, actual, weight=None):
    """Weights of two samples by the deciles of the first.

    A value that holds a tenth of the first or more is a bin of its own.

    Parameters
    ----------
    expected : array-like of shape (n,)
    actual : array-like of shape (m,)
    weight : array-like of shape (n,) or None
        Transactions that each of `expected` stands for.

    Returns
    -------
    expected, actual : ndarray of shape (n_bins,)
        An edge belongs to the bin above it.
    """
    expected, actual = (np.asarray(a, dtype=np.float64) for a in (expected, actual))
    steps = np.linspace(0, 1, N_BINS + 1)[1:-1]
    if weight is None:
        edges = np.unique(np.quantile(expected, steps))
    else:
        edges = np.unique(np.quantile(expected, steps, weights=weight, method="inverted_cdf"))
    # Whatever holds more than that has a decile in it.
    often = edges[[np.average(expected == edge, weights=weight) >= OFTEN for edge in edges]]
    edges = np.unique(np.concatenate([edges, np.nextafter(often, np.inf)]))
    return tuple(
        np.bincount(np.searchsorted(edges, values, "right"), of, minlength=len(edges) + 1)
        for values, of in ((expected, weight), (actual, None))
    )


def effective_size(weight):
    """Rows of equal weight that say as much: (sum w)^2 / sum w^2 (Kish 1965).

    Examples
    --------
    >>> float(effective_size(np.array([2.0, 2.0, 2.0])))
    3.0
    """
    weight = np.asarray(weight, dtype=np.float64)
    return weight.sum() ** 2 / np.sum(weight**2)


def _noncentrality(found, degrees, tail):
    """Noncentrality at which a chi-squared variable lies below `found` with probability `tail`."""
    if chndtr(found, degrees, 0.0) <= tail:
        return 0.0
    if found > MANY_STEPS:
        return max(float(np.sqrt(found - degrees) - ndtri(tail)) ** 2, 0.0)
    highest = (np.sqrt(found) + 10) ** 2
    return float(brentq(lambda nc: chndtr(found, degrees, nc) - tail, 0.0, highest))


def _edges_of_quantiles(quantiles):
    """Edges of the bins of a column known by its quantiles; an edge belongs to the bin below it."""
    values, repeats = np.unique(quantiles, return_counts=True)
    cuts = np.empty(0)
    for often in values[(repeats - 1) / (len(quantiles) - 1) >= OFTEN]:
        below = np.nextafter(often, -np.inf)
        # Between two such values quantiles may rise by a step or two where no row is.
        is_apart = np.diff(_reached(quantiles, np.append(cuts[-1:], below))) >= SMALLEST_BIN
        cuts = np.append(cuts, [below, often] if is_apart.all() else often)
    steps = np.linspace(0, 1, N_BINS + 1)[1:-1]
    deciles = np.interp(steps, np.linspace(0, 1, len(quantiles)), quantiles)
    for edge in np.setdiff1d(deciles, cuts):
        levels = np.concatenate([[0.0], _reached(quantiles, cuts), [1.0]])
        if np.abs(levels - _reached(quantiles, edge)).min() >= SMALLEST_BIN:
            cuts = np.sort(np.append(cuts, edge))
    return cuts


def _between(quantiles, edges):
    """Share of a column between neighbouring edges, from its quantiles."""
    return np.diff(np.concatenate([[0.0], _reached(quantiles, edges), [1.0]]))


def _reached(quantiles, values):
    """Share of a column up to and with each value, from its quantiles.

    Between two quantiles it rises in a straight line; at one that is repeated it jumps.
    """
    n_passed = np.searchsorted(quantiles, values, "right")
    below = quantiles[np.maximum(n_passed - 1, 0)]
    above = quantiles[np.minimum(n_passed, len(quantiles) - 1)]
    way = np.divide(values - below, above - below, where=above > below,
                    out=np.zeros(np.shape(values)))  # fmt: skip
    return np.clip((n_passed - 1 + way) / (len(quantiles) - 1), 0.0, 1.0)


def _shares(bins):
    bins = np.asarray(bins, dtype=np.float64)
    bins = np.maximum(bins / bins.sum(), SMALLEST_SHARE)
    return bins / bins.sum()
