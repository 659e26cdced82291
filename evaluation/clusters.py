"""Groups of rows in a picture of codes, and the columns that set each of them apart."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest, rankdata

NO_CLUSTER = -1
MIN_SAMPLES = 10
SMALLEST_CLUSTER = 20  # rows
SMALLEST_SHARE = 1 / 500  # of the rows
LEVEL = 0.95


def smallest_cluster(n_rows):
    """Fewest rows of a cluster where nobody says: 1 in 500, and at least 20.

    Parameters
    ----------
    n_rows : int

    Returns
    -------
    int

    Examples
    --------
    >>> smallest_cluster(1000), smallest_cluster(50_000)
    (20, 100)
    """
    return max(SMALLEST_CLUSTER, round(n_rows * SMALLEST_SHARE))


def find_clusters(embedding, *, min_cluster_size=None):
    """Cluster of each row, the largest first: HDBSCAN (Campello et al. 2013).

    It finds groups of any shape, says of rows between them that they belong to none, and needs no
    number of clusters. Labels of frauds take no part.

    **Fitted on:** the rows given.

    Parameters
    ----------
    embedding : array-like of shape (n_samples, n_dimensions)
        Of a picture, from `evaluation.embedding.tsne`, or codes.
    min_cluster_size : int >= 2, optional
        Fewest rows of a cluster, `smallest_cluster` of them unless given.

    Returns
    -------
    int ndarray of shape (n_samples,)
        0 for the largest cluster, 1 for the next; -1 for none.
    """
    from sklearn.cluster import HDBSCAN

    embedding = np.asarray(embedding, dtype=np.float64)
    size = min_cluster_size or smallest_cluster(len(embedding))
    if len(embedding) < max(size, MIN_SAMPLES):
        return np.full(len(embedding), NO_CLUSTER)
    found = HDBSCAN(
        min_cluster_size=size, min_samples=min(MIN_SAMPLES, size), n_jobs=1, copy=True
    ).fit(embedding)
    counts = np.bincount(found.labels_[found.labels_ >= 0], minlength=1)
    # Clusters of one size keep the order in which they were found.
    place = np.empty(len(counts) + 1, dtype=int)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    place[NO_CLUSTER] = NO_CLUSTER
    return place[found.labels_]


def describe_clusters(cluster, columns, *, is_fraud=None, n_columns=5):
    """What sets each cluster apart from all other rows, and the frauds in it.

    The effect of a column is Cliff's delta (1993): the probability that a row of the cluster has
    the larger value, minus the probability that a row outside has it. Of a category it is the
    difference of its shares, which is the same figure for two values. Neither changes when a
    column is rescaled, and no single large amount decides it.

    Parameters
    ----------
    cluster : int array-like of shape (n_samples,)
        From `find_clusters`.
    columns : DataFrame of shape (n_samples, n_columns)
        In their own units; what is no number is a category.
    is_fraud : array-like of shape (n_samples,), values in {0, 1, nan}, optional
        nan where the label is not known.
    n_columns : int
        Columns that are named for each cluster, the largest effect first.

    Returns
    -------
    list of dict, in the order of the clusters
        `cluster`, `n_rows`; `n_labelled`, `n_frauds`, `fraud_share`, `low` and `high` (of the
        share, 95 %, Clopper and Pearson 1934), None without labels; `columns`, each a dict of
        `name` and `effect` in [-1, 1], and of a number `median`, `low`, `high` (quartiles) and
        `others` (the median outside), of a category `category`, `share`, `others` (its share).
    """
    cluster = np.asarray(cluster)
    fraud = None if is_fraud is None else np.asarray(is_fraud, dtype=np.float64)
    n_clusters = int(cluster.max(initial=NO_CLUSTER)) + 1
    effects = {name: _effects(columns[name], cluster, n_clusters) for name in columns}
    described = []
    for number in range(n_clusters):
        inside = cluster == number
        strongest = sorted(effects, key=lambda name: -abs(effects[name][number][0]))
        described.append(
            {
                "cluster": number,
                "n_rows": int(inside.sum()),
                **_frauds(fraud, inside),
                "columns": [
                    _column(name, columns[name], inside, *effects[name][number])
                    for name in strongest[:n_columns]
                ],
            }
        )
    return described


def _effects(column, cluster, n_clusters):
    """Effect of a column and the category that has it (None of a number), by cluster."""
    if not pd.api.types.is_numeric_dtype(column):
        codes, names = pd.factorize(column, sort=True)
        counts = np.zeros((n_clusters, len(names)))
        inside = cluster >= 0
        np.add.at(counts, (cluster[inside], codes[inside]), 1)
        n_inside = counts.sum(axis=1, keepdims=True)
        others = np.bincount(codes, minlength=len(names)) - counts
        n_outside = np.maximum(len(column) - n_inside, 1)
        difference = counts / n_inside - others / n_outside
        # Of two values one is as much more common as the other is rarer: the common one is named.
        largest = (np.abs(difference) + 1e-9 * difference).argmax(axis=1)
        return [(float(difference[i, j]), str(names[j])) for i, j in enumerate(largest)]
    ranks = rankdata(column.to_numpy(dtype=np.float64))
    inside = cluster >= 0
    n = np.bincount(cluster[inside], minlength=n_clusters)
    sums = np.bincount(cluster[inside], weights=ranks[inside], minlength=n_clusters)
    pairs = np.maximum(n * (len(column) - n), 1)
    delta = 2 * (sums - n * (n + 1) / 2) / pairs - 1
    return [(float(value), None) for value in np.where(n == len(column), 0.0, delta)]


def _column(name, column, inside, effect, category):
    """Describe one column of one cluster, in the column's units."""
    if category is not None:
        has_it = (column.astype(str) == category).to_numpy()
        shares = {
            "share": has_it[inside].mean(),
            "others": has_it[~inside].mean() if not inside.all() else 0.0,
        }
        return {"name": str(name), "effect": effect, "category": category} | {
            key: float(value) for key, value in shares.items()
        }
    values = column.to_numpy(dtype=np.float64)
    low, median, high = np.percentile(values[inside], [25, 50, 75])
    others = np.median(values[~inside]) if not inside.all() else median
    return {
        "name": str(name), "effect": effect, "median": float(median), "low": float(low),
        "high": float(high), "others": float(others),
    }  # fmt: skip


def _frauds(fraud, inside):
    labels = None if fraud is None else fraud[inside & ~np.isnan(fraud)]
    if labels is None or not len(labels):
        return dict.fromkeys(("n_labelled", "n_frauds", "fraud_share", "low", "high"))
    n_frauds = int(labels.sum())
    interval = binomtest(n_frauds, len(labels)).proportion_ci(LEVEL, method="exact")
    return {
        "n_labelled": len(labels),
        "n_frauds": n_frauds,
        "fraud_share": n_frauds / len(labels),
        "low": float(interval.low),
        "high": float(interval.high),
    }
