"""Intervals of differences between variants that were judged on the same test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Scored:
    """One variant's scores of the test rows of one split.

    Attributes
    ----------
    rows : int (n,)
        Which rows of the data file.
    y, score, weight : ndarray (n,)
        Labels, scores, weights.
    threshold : float or None
        Lowest score that raises an alert.
    """

    rows: np.ndarray
    y: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    threshold: float | None


class Difference(NamedTuple):
    """Mean over splits of B's figure minus A's, with its percentile interval."""

    estimate: float
    low: float
    high: float
    n_splits: int

    def widened(self, n_comparisons: int) -> Difference:
        """Give its interval for one of several comparisons, of which the best is looked at.

        Each is allowed its part of one chance in twenty (Bonferroni). So far out a thousand
        resamples hold next to nothing, so both arms of the interval are stretched as those of a
        normal distribution would be.
        """
        usual, wanted = norm.ppf([(1 + LEVEL) / 2, 1 - (1 - LEVEL) / (2 * n_comparisons)])
        low, high = (
            self.estimate + (end - self.estimate) * wanted / usual for end in (self.low, self.high)
        )
        return self._replace(low=float(low), high=float(high))


class PooledBootstrap:
    """Paired bootstrap over splits that may share test rows.

    A row of the data file is drawn equally often wherever it is a test row, for every variant
    and in every split: two splits of the same rows are not two samples. Frauds and genuine rows
    are drawn separately. The intervals speak of the choice of rows; seeds enter through the mean.

    Parameters
    ----------
    n_resamples : int
        Resamples.
    seed : int
        Of the draws.
    """

    def __init__(self, n_resamples: int = 1000, seed: int = 0) -> None:
        self.n_resamples = n_resamples
        self.seed = seed
        self._counts: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        self._figures: dict[tuple[Scored, bytes], dict[str, np.ndarray]] = {}

    def differences(
        self,
        a: Mapping[object, Scored],
        b: Mapping[object, Scored],
    ) -> dict[str, Difference]:
        """Differences B minus A of average precision and, where both have a threshold, F1.

        Parameters
        ----------
        a, b : mapping of split to Scored
            Splits that only one of them has are left out.

        Raises
        ------
        ValueError
            If the rows of a split differ, or there is no common split.
        """
        splits = [split for split in a if split in b]
        if not splits:
            raise ValueError(f"no split in common: {list(a)} and {list(b)}")
        for split in splits:
            if not np.array_equal(a[split].rows, b[split].rows):
                raise ValueError(f"split {split}: the two were judged on different rows")
        counts = self._draw([a[split] for split in splits])
        by_split = [
            (self._resampled(a[split], counts), self._resampled(b[split], counts))
            for split in splits
        ]
        names = [name for name in by_split[0][0] if all(name in one for p in by_split for one in p)]
        return {
            name: _interval(np.mean([of_b[name] - of_a[name] for of_a, of_b in by_split], axis=0),
                            len(splits))
            for name in names
        }  # fmt: skip

    def _draw(self, scored: list[Scored]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of all splits, and how often each is drawn: (n_resamples, n_rows)."""
        rows, first = np.unique(np.concatenate([s.rows for s in scored]), return_index=True)
        y = np.concatenate([s.y for s in scored])[first]
        name = rows.tobytes()
        if name not in self._counts:
            rng = np.random.default_rng(self.seed)
            # The first line is the data as they are: it gives the estimate.
            counts = np.ones((self.n_resamples + 1, len(rows)), dtype=np.uint8)
            for label in (0, 1):
                members = np.flatnonzero(y == label)
                for line in counts[1:]:
                    drawn = rng.integers(0, len(members), len(members))
                    line[members] = np.bincount(drawn, minlength=len(members))
            self._counts[name] = rows, counts
        return self._counts[name]

    def _resampled(self, scored: Scored, drawn) -> dict[str, np.ndarray]:
        """Figures of one variant on one split, by resample; kept, since many pairs share them."""
        rows, counts = drawn
        name = (scored, rows.tobytes())
        if name not in self._figures:
            self._figures[name] = figures_by_resample(
                scored, counts[:, np.searchsorted(rows, scored.rows)]
            )
        return self._figures[name]


def figures_by_resample(scored: Scored, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Average precision and F1 for every line of counts of shape (n_lines, n_rows)."""
    order = np.argsort(-scored.score, kind="stable")
    score, is_fraud = scored.score[order], scored.y[order] == 1
    weights = counts[:, order] * scored.weight[order]
    frauds = weights[:, is_fraud].sum(axis=1)
    figures = {"average_precision": _average_precision(score, is_fraud, weights, frauds)}
    if scored.threshold is not None:
        n_alerts = int(np.sum(score >= scored.threshold))
        caught = weights[:, :n_alerts][:, is_fraud[:n_alerts]].sum(axis=1)
        alerts = weights[:, :n_alerts].sum(axis=1)
        figures["f1"] = 2 * caught / (alerts + frauds)
    return figures


def _average_precision(score, is_fraud, weights, frauds):
    """Sum over cuts of the gain in recall times precision; equal scores share a cut."""
    ends = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    cut_of_fraud = np.searchsorted(ends, np.flatnonzero(is_fraud))
    # Only cuts that bring a fraud count, so rows between two of them may be added up.
    ends = ends[np.unique(cut_of_fraud)]
    starts = np.append(0, ends[:-1] + 1)
    kept = weights[:, : ends[-1] + 1].astype(np.float64)
    alerts = np.cumsum(np.add.reduceat(kept, starts, axis=1), axis=1)
    gained = np.add.reduceat(kept * is_fraud[: ends[-1] + 1], starts, axis=1)
    with np.errstate(invalid="ignore"):
        precision = np.nan_to_num(np.cumsum(gained, axis=1) / alerts)
    return np.sum(gained * precision, axis=1) / frauds


def _interval(values: np.ndarray, n_splits: int) -> Difference:
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(values[0]), float(low), float(high), n_splits)
