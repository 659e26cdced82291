"""Figures of one model by group of transactions: bands of a number, or categories."""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from evaluation.inputs import check_scored_rows

MAX_GROUPS = 10
N_BANDS = 5
OTHERS, MISSING = "others", "missing"
FIRST_DATE = 946_684_800  # seconds from 1970 to 2000; what lies below counts from another start


def bands(values, n_bands=N_BANDS):
    """Group numbers into bands of about equally many rows.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        Numbers; few distinct ones are a group each, and so are those that are missing (NaN).
    n_bands : int, at least 1

    Returns
    -------
    group : ndarray of int of shape (n_samples,)
    names : list of str
        "below 5", "5 to 20" and so on, by rising value.
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    if known.all():
        return _bands(values, n_bands)
    group = np.zeros(len(values), dtype=int)
    names = []
    if known.any():
        group[known], names = _bands(values[known], n_bands)
    group[~known] = len(names)
    return group, [*names, MISSING]


def _bands(values, n_bands):
    distinct = np.unique(values)
    if len(distinct) <= n_bands:
        return np.searchsorted(distinct, values), _written(distinct, "%.12g")
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_bands + 1)[1:-1]))
    edges = edges[edges > distinct[0]]
    if not len(edges):  # mostly the lowest value
        edges = distinct[1:2]
    shown = _written(edges, "%.4g")
    names = [f"below {shown[0]}", *(f"{low} to {high}" for low, high in pairwise(shown))]
    return np.searchsorted(edges, values, "right"), [*names, f"{shown[-1]} and more"]


def _written(numbers, form):
    """Numbers as a person writes them: with commas and without a power of ten below 10^15."""
    texts = [f"{x:,.0f}" if 1e4 <= abs(x) < 1e15 else form % x for x in numbers]
    # Where rounding would make two of them one, all digits are needed.
    return texts if len(set(texts)) == len(texts) else [f"{x!r}" for x in map(float, numbers)]


def categories(values):
    """Group by category, the rarest together.

    Parameters
    ----------
    values : array-like of shape (n_samples,)

    Returns
    -------
    group : ndarray of int of shape (n_samples,)
    names : list of str
        By falling number of rows; beyond nine the rest are "others". What is missing is a category.
    """
    values = np.asarray(values, dtype=object)
    texts = np.where(pd.isna(values), MISSING, [str(value) for value in values])
    names, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    if len(names) <= MAX_GROUPS:
        return rank[codes], [str(names[i]) for i in order]
    shown = [str(names[i]) for i in order[: MAX_GROUPS - 1]]
    return np.minimum(rank[codes], MAX_GROUPS - 1), [*shown, OTHERS]


def time_blocks(seconds, n_blocks=6):
    """Group by time into blocks of equal length.

    Parameters
    ----------
    seconds : array-like of shape (n_samples,)
    n_blocks : int, at least 1

    Returns
    -------
    group : ndarray of int of shape (n_samples,)
    names : list of str
        In hours, or in days where the blocks are longer than one; dates (UTC) where the seconds
        are those since 1970. One block where all rows have the same time.
    """
    seconds = np.asarray(seconds, dtype=np.float64)
    if seconds.min() == seconds.max():
        return np.zeros(len(seconds), dtype=int), [f"hour {seconds[0] / 3_600:,.1f}"]
    edges = np.linspace(seconds.min(), seconds.max(), n_blocks + 1)
    if edges[0] >= FIRST_DATE:
        ends = [f"{edge:%Y-%m-%d %H:%M}" for edge in edges.astype("datetime64[s]").tolist()]
        names = [f"{start} to {end}" for start, end in pairwise(ends)]
        return _block(seconds, edges), names
    unit, word = (86_400, "day") if edges[1] - edges[0] >= 86_400 else (3_600, "hour")
    names = [
        f"{word} {round(low / unit, 1):g} to {round(high / unit, 1):g}"
        for low, high in pairwise(edges)
    ]
    return _block(seconds, edges), names


def _block(seconds, edges):
    return np.clip(np.searchsorted(edges, seconds, "right") - 1, 0, len(edges) - 2)


def figures_by_group(y_true, score, threshold, group, n_groups, sample_weight=None, amount=None):
    """Counts and rates of the alerts in each group.

    Parameters
    ----------
    y_true, score, threshold, sample_weight
        As in `evaluation.decisions.confusion_at`.
    group : array-like of int of shape (n_samples,)
        From 0 to n_groups - 1.
    n_groups : int
    amount : array-like of shape (n_samples,) or None
        Money moved by each transaction.

    Returns
    -------
    list of dict
        One for each group: `n_rows`, `n_frauds`, `n_caught`, `n_false_alarms` (rows), `recall`
        with its 95 % Wilson interval `recall_low` and `recall_high` and (weighted) `precision`,
        None where nothing defines them, and `amount_caught` of `amount_at_risk`.
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    alert, is_fraud = score >= threshold, y_true == 1
    money = np.zeros(len(score)) if amount is None else np.asarray(amount, dtype=np.float64)

    def sums(values, rows):
        return np.bincount(np.asarray(group)[rows], values[rows], minlength=n_groups)

    ones = np.ones(len(score))
    caught, false = alert & is_fraud, alert & ~is_fraud
    columns = zip(
        sums(ones, slice(None)), sums(ones, is_fraud), sums(ones, caught), sums(ones, false),
        sums(weight, caught), sums(weight, alert), sums(money, caught), sums(money, is_fraud),
        strict=True,
    )  # fmt: skip
    return [_describe(*column) for column in columns]


def _describe(n_rows, n_frauds, n_caught, n_false, caught_weight, alert_weight, saved, at_risk):
    found = {"recall": None, "recall_low": None, "recall_high": None}
    if n_frauds:
        wilson = binomtest(int(n_caught), int(n_frauds)).proportion_ci(method="wilson")
        found = {
            "recall": float(n_caught / n_frauds),
            "recall_low": float(wilson.low),
            "recall_high": float(wilson.high),
        }
    return {
        "n_rows": int(n_rows),
        "n_frauds": int(n_frauds),
        "n_caught": int(n_caught),
        "n_false_alarms": int(n_false),
        **found,
        "precision": float(caught_weight / alert_weight) if alert_weight else None,
        "amount_caught": float(saved),
        "amount_at_risk": float(at_risk),
    }
