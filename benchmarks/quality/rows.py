"""The development rows, and which of them each job may be fitted and judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.model_selection import StratifiedKFold, train_test_split

from evaluation.metrics import prevalence_weights

FEATURES = tuple([f"V{i}" for i in range(1, 29)] + ["Amount"])
PREVALENCE = 0.00167
N_FOLDS = 5
VALIDATION_SHARE = 0.2
UNLABELLED = -1
SMALL = {"n_frauds": 150, "n_genuine": 4000}  # rows of a smoke test


@dataclass(frozen=True)
class Table:
    """The transactions.

    Attributes
    ----------
    X : float64 (n_rows, n_features)
        V1..V28 and Amount, as they are.
    y : int8 (n_rows,)
        1 marks fraud.
    time : float64 (n_rows,)
        Seconds.
    weight : float64 (n_rows,)
        Transactions of the full set that a row stands for; 1 for frauds.
    """

    X: np.ndarray
    y: np.ndarray
    time: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Parts:
    """Positions of the rows of one job.

    Attributes
    ----------
    train, validation, test : int (n,)
        Without overlap; validation may be empty.
    y_train : int8 (n_train,)
        Labels of the training rows; -1 where the label is hidden.
    """

    train: np.ndarray
    y_train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class FitRows:
    """All that a fit is given; no test row is in it.

    Attributes
    ----------
    X, y
        Training rows, y -1 where the label is hidden.
    X_validation, y_validation, validation_weight
        Rows that choose threshold, epoch and tuning; empty with few labels.
    """

    X: np.ndarray
    y: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray
    validation_weight: np.ndarray

    @property
    def has_validation(self) -> bool:
        """Whether there are validation rows."""
        return len(self.y_validation) > 0

    def labelled(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows whose label may be used, and their labels."""
        known = self.y != UNLABELLED
        return self.X[known], self.y[known]


def load(path: Path, *, small: bool = False) -> Table:
    """Read the development file; with `small`, an evenly drawn part of it."""
    frame = pd.read_parquet(path)
    if small:
        rng = np.random.default_rng(0)
        kept = [
            rng.permutation(np.flatnonzero(frame["Class"] == label))[: SMALL[name]]
            for label, name in ((1, "n_frauds"), (0, "n_genuine"))
        ]
        frame = frame.iloc[np.sort(np.concatenate(kept))]
    y = frame["Class"].to_numpy(np.int8)
    return Table(
        X=frame[list(FEATURES)].to_numpy(np.float64),
        y=y,
        time=frame["Time"].to_numpy(np.float64),
        weight=prevalence_weights(y, PREVALENCE),
    )


def fit_rows(table: Table, parts: Parts) -> FitRows:
    """Return what a fit may see of the table."""
    return FitRows(
        X=table.X[parts.train],
        y=parts.y_train,
        X_validation=table.X[parts.validation],
        y_validation=table.y[parts.validation],
        validation_weight=table.weight[parts.validation],
    )


def stratified_fold(table: Table, *, seed: int, fold: int) -> Parts:
    """One of five stratified folds; a fifth of its training part is validation."""
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    outside, test = list(folds.split(table.y, table.y))[fold]
    train, validation = train_test_split(
        outside, test_size=VALIDATION_SHARE, stratify=table.y[outside], random_state=seed
    )
    train, validation = np.sort(train), np.sort(validation)
    return Parts(train, table.y[train].copy(), validation, test)


def out_of_time(table: Table, *, share: float) -> Parts:
    """Train on the first `share` of the rows by time, its last fifth being validation."""
    order = np.argsort(table.time, kind="stable")
    n_before = round(share * len(order))
    n_train = round((1 - VALIDATION_SHARE) * n_before)
    train = order[:n_train]
    return Parts(train, table.y[train].copy(), order[n_train:n_before], order[n_before:])


def few_labels(
    table: Table, *, n_frauds: int | None, n_genuine: int, seed: int, fold: int
) -> Parts:
    """Four fifths of the rows with only a few of their labels; the last fifth is the test part.

    There are no validation rows: whoever needs some takes them from the labelled rows.
    `n_frauds` None keeps the labels of all training frauds.
    """
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    train, test = list(folds.split(table.y, table.y))[fold]
    rng = np.random.default_rng([seed, fold])
    y_train = np.full(len(train), UNLABELLED, np.int8)
    for label, budget in ((1, n_frauds), (0, n_genuine)):
        # Drawn in any case, so that a larger budget only adds rows.
        candidates = rng.permutation(np.flatnonzero(table.y[train] == label))
        y_train[candidates[:budget]] = label
    return Parts(train, y_train, np.empty(0, dtype=np.int64), test)


def few_frauds(table: Table, *, n_frauds: int, seed: int, fold: int) -> Parts:
    """A stratified fold whose training part keeps only a few of its frauds.

    The other training frauds are left out: unlabelled rows that are all frauds would give
    themselves away. The validation rows are those of the whole fold.
    """
    parts = stratified_fold(table, seed=seed, fold=fold)
    rng = np.random.default_rng([seed, fold])
    frauds = rng.permutation(np.flatnonzero(parts.y_train == 1))
    kept = np.setdiff1d(np.arange(len(parts.train)), frauds[n_frauds:])
    return Parts(parts.train[kept], parts.y_train[kept], parts.validation, parts.test)


def fraud_patterns(table: Table, n_patterns: int) -> list[np.ndarray]:
    """Positions of the frauds of each pattern, the largest first.

    Patterns are clusters (k-means) of frauds by arcsinh of their columns, each in deviations of
    all rows from their mean. Labels of all rows make them, which is no leak: they decide what is
    asked, not what is learned.
    """
    frauds = np.flatnonzero(table.y == 1)
    deviations = (table.X[frauds] - table.X.mean(axis=0)) / table.X.std(axis=0)
    clusters = KMeans(n_patterns, n_init=10, random_state=0).fit_predict(np.arcsinh(deviations))
    found = [frauds[clusters == number] for number in range(n_patterns)]
    return sorted(found, key=len, reverse=True)


def new_pattern(table: Table, *, seed: int, fold: int) -> Parts:
    """A stratified fold without one pattern of fraud in training and validation.

    All frauds of that pattern, and no others, are in the test part, with the fold's genuine rows.
    """
    parts = stratified_fold(table, seed=seed, fold=fold)
    pattern = fraud_patterns(table, N_FOLDS)[fold]
    is_known = ~np.isin(parts.train, pattern)
    return Parts(
        train=parts.train[is_known],
        y_train=parts.y_train[is_known],
        validation=np.setdiff1d(parts.validation, pattern),
        test=np.union1d(parts.test[table.y[parts.test] == 0], pattern),
    )


def few_genuine(table: Table, *, n_genuine: int, seed: int, fold: int) -> Parts:
    """A stratified fold in which only a few genuine training rows are labelled (and all frauds)."""
    parts = stratified_fold(table, seed=seed, fold=fold)
    rng = np.random.default_rng([seed, fold])
    genuine = rng.permutation(np.flatnonzero(parts.y_train == 0))
    parts.y_train[genuine[n_genuine:]] = UNLABELLED
    return parts
