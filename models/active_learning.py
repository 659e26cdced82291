"""Which unlabelled rows to have labelled next: pool-based active learning for any ensemble."""

from __future__ import annotations

import numpy as np
from scipy.special import logit, xlogy
from scipy.stats import rankdata

STRATEGIES = ("highest_risk", "mixed", "boundary", "disagreement", "diversity", "random")
SMALLEST_PROBABILITY = 1e-12  # keeps the log odds of scores 0 and 1 finite
SHORTLIST = 10  # rows for each query among which "mixed" spreads its choice
MOST_KNOWN = 1_000  # labelled rows that "diversity" keeps away from


def boundary_distance(score, threshold=0.5):
    """How far each row lies from the decision boundary, in log odds.

    Uncertainty sampling (Lewis and Gale 1994) takes the rows of the smallest distance. On the
    scale of log odds a threshold of 0.02 has as much room below it as above.

    Parameters
    ----------
    score : array-like of shape (n_rows,), in [0, 1]
        Probability of fraud.
    threshold : float in [0, 1], default=0.5
        A score of at least this much is an alert.

    Returns
    -------
    ndarray of shape (n_rows,), >= 0

    Examples
    --------
    >>> boundary_distance([0.1, 0.5, 0.9]).round(2).tolist()
    [2.2, 0.0, 2.2]
    """
    return np.abs(_log_odds(score) - _log_odds(threshold))


def disagreement(member_scores):
    """How much the members of an ensemble contradict each other about each row, in nats.

    The entropy of the members' mean less the mean of their entropies: the Jensen-Shannon
    divergence of query by committee (McCallum and Nigam 1998, equation 3), and what a label would
    tell about which member is right (Houlsby et al. 2011, equation 1). Members that are equally
    unsure do not disagree.

    Parameters
    ----------
    member_scores : array-like of shape (n_rows, n_members), in [0, 1]
        Probability of fraud by each member.

    Returns
    -------
    ndarray of shape (n_rows,), from 0 to ln 2

    Examples
    --------
    >>> disagreement([[0.5, 0.5], [0.9, 0.9], [0.1, 0.9]]).round(3).tolist()
    [0.0, 0.0, 0.368]
    """
    member_scores = _probabilities(member_scores)
    mean = member_scores.mean(axis=1)
    return np.maximum(_entropy(mean) - _entropy(member_scores).mean(axis=1), 0.0)


def farthest_first(X, n_queries, weight=None, known=None):
    """Rows that lie far from each other, one after the other.

    The greedy solution of the k-centre problem (Gonzalez 1985; core-sets of Sener and Savarese
    2018, algorithm 1): each next row has the largest product of its weight and its distance to
    the nearest row that was chosen before or is known.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Scaled rows.
    n_queries : int, 0 <= n_queries <= n_rows
        How many to choose.
    weight : array-like of shape (n_rows,), >= 0, optional
        How much each row is worth by itself; all the same by default.
    known : array-like of shape (n_known, n_features), optional
        Rows to keep away from. Without any, the row of the largest weight is the first, and of
        several the one that is farthest from the mean.

    Returns
    -------
    ndarray of shape (n_queries,), int64
        Positions in `X`, in the order of choice, none twice.

    Examples
    --------
    >>> farthest_first([[0.0], [0.1], [1.0], [0.9]], 2, weight=[3, 1, 1, 1]).tolist()
    [0, 2]
    """
    X = np.asarray(X, np.float64)
    weight = np.ones(len(X)) if weight is None else np.asarray(weight, np.float64)
    gap = np.full(len(X), np.inf)
    for row in () if known is None else np.asarray(known, np.float64):
        gap = np.minimum(gap, _distance(X, row))
    chosen = np.empty(n_queries, np.int64)
    is_open = np.ones(len(X), bool)
    for query in range(n_queries):
        if np.isinf(gap[0]):
            worth, spare = weight, _distance(X, X.mean(axis=0))
        else:
            worth, spare = weight * gap, weight
        # Among rows that are worth the same, such as copies of chosen ones, the second key decides.
        best = np.lexsort([spare, worth, is_open])[-1]
        chosen[query] = best
        is_open[best] = False
        gap = np.minimum(gap, _distance(X, X[best]))
    return chosen


def choose_queries(
    strategy, n_queries, X, member_scores, *, score=None, threshold=0.5, known=None, rng=None
):
    """Rows of a pool whose label would teach the most, the best first.

    =============== ==============================================================
    strategy        takes
    =============== ==============================================================
    "highest_risk"  the highest score: highest risk querying (Carcillo et al. 2018)
    "boundary"      the smallest `boundary_distance`
    "disagreement"  the largest `disagreement`
    "diversity"     `farthest_first`, away from labelled rows too; ignores scores
    "mixed"         `farthest_first` among the ten rows for each query that rank highest by
                    boundary distance and disagreement together, weighted by that rank
                    (prefiltering as of Zhdanov 2019, section 3)
    "random"        rows at random, the control
    =============== ==============================================================

    Rows that repeat another of the pool are chosen only when nothing else is left.

    Parameters
    ----------
    strategy : str
        One of the above.
    n_queries : int, >= 1
        Size of the batch; where the pool is smaller, all of it is returned.
    X : array-like of shape (n_rows, n_features)
        Scaled rows of the pool.
    member_scores : array-like of shape (n_rows, n_members), in [0, 1]
        Probability of fraud by each member of the ensemble, at the fraud rate of the pool.
    score : array-like of shape (n_rows,), optional
        Probability of fraud by the ensemble; by default the mean log odds of the members.
    threshold : float in [0, 1], default=0.5
        Of the decision.
    known : array-like of shape (n_known, n_features), optional
        Scaled rows that have their label.
    rng : numpy.random.Generator, optional
        For "random", and where more rows are known than can be looked at.

    Returns
    -------
    ndarray of shape (min(n_queries, n_rows),), int64
        Positions in `X`, none twice.

    Raises
    ------
    ValueError
        If there is no such strategy, `n_queries` is below 1, lengths differ, or a score is no
        probability.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [1.0], [2.0]])
    >>> members = np.array([[0.1, 0.2], [0.4, 0.6], [0.4, 0.6], [0.3, 0.9]])
    >>> choose_queries("highest_risk", 2, X, members).tolist()
    [3, 1]
    >>> choose_queries("boundary", 2, X, members).tolist()
    [1, 3]
    >>> choose_queries("disagreement", 2, X, members).tolist()
    [3, 1]
    """
    X, member_scores = np.asarray(X, np.float64), _probabilities(member_scores)
    _check(strategy, n_queries, X, member_scores)
    rng = np.random.default_rng() if rng is None else rng
    n_queries = min(n_queries, len(X))
    is_first = _is_first_of_its_kind(X)
    pool = np.flatnonzero(is_first)
    if len(pool) < n_queries:  # copies are better than nothing
        copies = np.flatnonzero(~is_first)[: n_queries - len(pool)]
        pool = np.sort(np.append(pool, copies))
    if strategy == "random":
        return rng.permutation(pool)[:n_queries]
    if strategy == "diversity":
        if known is not None and len(known) > MOST_KNOWN:
            known = np.asarray(known)[rng.permutation(len(known))[:MOST_KNOWN]]
        return pool[farthest_first(X[pool], n_queries, known=known)]
    if score is None:
        score = 1.0 / (1.0 + np.exp(-_log_odds(member_scores).mean(axis=1)))
    score = np.asarray(score)[pool]
    if strategy == "highest_risk":
        return pool[_highest(score, n_queries)]
    nearness = -boundary_distance(score, threshold)
    contradiction = disagreement(member_scores[pool])
    if strategy == "boundary":
        return pool[_highest(nearness, n_queries)]
    if strategy == "disagreement":
        return pool[_highest(contradiction, n_queries)]
    rank = rankdata(nearness) + rankdata(contradiction)
    shortlist = _highest(rank, SHORTLIST * n_queries)
    weight = np.arange(len(shortlist), 0, -1) / len(shortlist)
    return pool[shortlist[farthest_first(X[pool[shortlist]], n_queries, weight)]]


def _highest(values, n):
    """Positions of the n highest values, the highest first; ties in order of their position."""
    return np.argsort(-values, kind="stable")[:n]


def _is_first_of_its_kind(X):
    """Whether no earlier row is the same."""
    rows = np.ascontiguousarray(X + 0.0)  # no negative zeros: equal numbers have equal bytes
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    is_first = np.zeros(len(X), bool)
    is_first[np.unique(keys, return_index=True)[1]] = True
    return is_first


def _distance(X, row):
    return np.sqrt(np.square(X - row).sum(axis=1))


def _entropy(probability):
    """Of a coin with that probability, in nats."""
    return -(xlogy(probability, probability) + xlogy(1 - probability, 1 - probability))


def _log_odds(score):
    return logit(np.clip(_probabilities(score), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))


def _probabilities(score):
    score = np.asarray(score, np.float64)
    if not ((score >= 0) & (score <= 1)).all():
        raise ValueError("scores must be probabilities from 0 to 1, without missing ones")
    return score


def _check(strategy, n_queries, X, member_scores):
    if strategy not in STRATEGIES:
        raise ValueError(f"there is no strategy {strategy!r}; choose among {', '.join(STRATEGIES)}")
    if n_queries < 1:
        raise ValueError(f"n_queries must be at least 1, got {n_queries}")
    if X.ndim != 2 or member_scores.ndim != 2 or len(X) != len(member_scores):
        raise ValueError(
            "X and member_scores need two dimensions and one row for each row of the pool, got "
            f"shapes {X.shape} and {member_scores.shape}"
        )
