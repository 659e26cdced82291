"""The rows on which models are compared: the test rows they share, or a table scored anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pipeline.compare.columns import checked_data, judged_columns
from pipeline.errors import InputError
from pipeline.files.atomic import file_sha256
from pipeline.model.evidence import Evidence

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.compare.candidates import Candidate
    from pipeline.model.folder import FraudModel


class Judged(NamedTuple):
    """Rows with the scores of one model, arrays of shape (n_rows,)."""

    label: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    amount: np.ndarray | None


@dataclass(frozen=True)
class SharedRows:
    """Labelled rows with the scores of every model.

    Attributes
    ----------
    label : ndarray of shape (n_rows,), values in {0, 1}
    weight : ndarray of shape (n_rows,)
        Transactions that a row stands for at the prevalence.
    scores : list of ndarray of shape (n_rows,)
        Of each model.
    amount, time : ndarray of shape (n_rows,), or None
    row_id : ndarray of shape (n_rows,)
        Positions in the data.
    prevalence : float or None
        Fraud rate at which the figures hold; None: that of the rows.
    data_sha256 : str
        Of the checked data, or of the file that was scored.
    rescored : str or None
        Name of the file, where the rows are not the models' own test rows.
    transactions_per_day : float or None
    table : DataFrame or None
        Raw columns of the rows, where they are at hand.
    """

    label: np.ndarray
    weight: np.ndarray
    scores: list[np.ndarray]
    amount: np.ndarray | None
    time: np.ndarray | None
    row_id: np.ndarray
    prevalence: float | None
    data_sha256: str
    rescored: str | None
    transactions_per_day: float | None
    table: pd.DataFrame | None = None

    @cached_property
    def by_falling_score(self) -> list[Judged]:
        """Return the rows of each model, highest scores first: figures then need not sort."""
        import numpy as np

        found = []
        for score in self.scores:
            order = np.argsort(-score, kind="stable")
            amount = None if self.amount is None else self.amount[order]
            found.append(Judged(self.label[order], score[order], self.weight[order], amount))
        return found


def own_test_rows(candidates: Sequence[Candidate], data: Path | None = None) -> SharedRows:
    """Return the test rows of models that were tested on the same ones.

    Parameters
    ----------
    candidates : sequence of Candidate
        All with evidence.
    data : Path, optional
        The checked data (``artifacts/ingest/transactions.parquet``) with the raw columns of the
        rows; checked by its SHA-256.

    Raises
    ------
    InputError
        If the models were made from other data, or tested on other rows, or at another
        prevalence.
    """
    from evaluation.metrics import prevalence_weights

    first = _evidence(candidates[0])
    rows = first.part("test").sort_values("row_id", ignore_index=True)
    scores = [rows["score"].to_numpy()]
    for other in candidates[1:]:
        theirs = _evidence(other).part("test").sort_values("row_id", ignore_index=True)
        _check_same(candidates[0], other, rows, theirs)
        scores.append(theirs["score"].to_numpy())
    shared = SharedRows(
        label=rows["label"].to_numpy(),
        weight=prevalence_weights(rows["label"], first.prevalence),
        scores=scores,
        amount=rows["amount"].to_numpy() if "amount" in rows else None,
        time=rows["time"].to_numpy() if "time" in rows else None,
        row_id=rows["row_id"].to_numpy(),
        prevalence=first.prevalence,
        data_sha256=candidates[0].data_sha256,
        rescored=None,
        transactions_per_day=first.transactions_per_day,
    )
    if data is None:
        return shared
    table = checked_data(data, shared.data_sha256)
    return replace(shared, table=table.iloc[shared.row_id].reset_index(drop=True))


def rescored_rows(candidates: Sequence[Candidate], path: Path) -> SharedRows:
    """Return the rows of a labelled table, scored by every model.

    Parameters
    ----------
    candidates : sequence of Candidate
        All with their models loaded.
    path : Path
        CSV or Parquet with the inputs of every model and the label column of the first.

    Raises
    ------
    InputError
        If the table lacks the label, holds one class only or values that `ingest` would not take,
        or a model cannot score it.
    """
    from evaluation.metrics import prevalence_weights
    from pipeline.files.categories import text_columns
    from pipeline.files.tables import read_transactions

    as_text = {name for one in candidates for name in text_columns(_model(one).scaler)}
    table = read_transactions(path, as_text)
    schema = _model(candidates[0]).schema
    judged = judged_columns(table, schema, path)
    label = judged[schema.label].to_numpy()
    prevalence = candidates[0].manifest["trained_on"]["prevalence"]
    scores = []
    for candidate in candidates:
        try:
            scores.append(_model(candidate).predict(table)["score"].to_numpy())
        except InputError as error:
            raise InputError(f"{candidate.name} cannot score {path}: {error}") from error
    time, amount = (
        judged[name].to_numpy() if name in judged else None for name in (schema.time, schema.amount)
    )
    weight = prevalence_weights(label, prevalence)
    n_days = 0.0 if time is None else float(time.max() - time.min()) / 86_400
    return SharedRows(
        label, weight, scores, amount, time,
        row_id=table.index.to_numpy(),
        prevalence=prevalence,
        data_sha256=file_sha256(path),
        rescored=path.name,
        transactions_per_day=float(weight.sum()) / n_days if n_days else None,
        table=table,
    )  # fmt: skip


def _check_same(
    first: Candidate, other: Candidate, rows: pd.DataFrame, theirs: pd.DataFrame
) -> None:
    if first.data_sha256 != other.data_sha256:
        raise InputError(
            f"{first.name} and {other.name} were made from different data (SHA-256 "
            f"{first.data_sha256[:12]}... and {other.data_sha256[:12]}...), so their test rows "
            "differ; score both on one labelled table with --on DATA"
        )
    if not rows["row_id"].equals(theirs["row_id"]):
        n_shared = len(set(rows["row_id"]) & set(theirs["row_id"]))
        raise InputError(
            f"{first.name} and {other.name} were tested on different rows of the same data "
            f"({len(rows):,} and {len(theirs):,}, of which {n_shared:,} are in both): their "
            "`split` sections differ; use one split, or score both on one labelled table with "
            "--on DATA"
        )
    if not rows["label"].equals(theirs["label"]):
        raise InputError(f"{first.name} and {other.name} have other labels for the same rows")
    prevalences = [_evidence(candidate).prevalence for candidate in (first, other)]
    if prevalences[0] != prevalences[1]:
        raise InputError(
            f"figures of {first.name} hold at evaluate.prevalence={prevalences[0]}, those of "
            f"{other.name} at {prevalences[1]}; run `evaluate` again with one prevalence"
        )


def _evidence(candidate: Candidate) -> Evidence:
    if candidate.evidence is None:
        raise InputError(f"{candidate.name} holds no evidence; score all models with --on DATA")
    return candidate.evidence


def _model(candidate: Candidate) -> FraudModel:
    if candidate.model is None:
        raise InputError(f"{candidate.name} was not loaded for scoring")
    return candidate.model
