"""How far a distribution has moved: the population stability index."""

import numpy as np

N_BINS = 10
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

    Bins are the deciles of `expected`, those that coincide taken as one.

    Parameters
    ----------
    expected, actual : array-like of shape (n_quantiles,)
        Quantiles at equal steps from 0 to 1, rising.

    Returns
    -------
    float, at least 0
    """
    expected, actual = (np.asarray(q, dtype=np.float64) for q in (expected, actual))
    levels = np.linspace(0, 1, len(expected))
    edges = np.unique(np.interp(np.linspace(0, 1, N_BINS + 1)[1:-1], levels, expected))
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
    expected = np.asarray(expected, dtype=np.float64)
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, N_BINS + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, values, "right"), minlength=len(edges) + 1)
        for values in (expected, actual)
    ]
    return population_stability_index(*counts)


def _between(quantiles, edges):
    """Share of a column between neighbouring edges, from its quantiles."""
    levels = np.linspace(0, 1, len(quantiles))
    # A repeated value has all its weight below the next one.
    values, last = np.unique(quantiles[::-1], return_index=True)
    reached = np.interp(edges, values, levels[::-1][last], left=0.0, right=1.0)
    return np.diff(np.concatenate([[0.0], reached, [1.0]]))


def _shares(bins):
    bins = np.asarray(bins, dtype=np.float64)
    bins = np.maximum(bins / bins.sum(), SMALLEST_SHARE)
    return bins / bins.sum()
