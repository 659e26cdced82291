"""Why models raise alerts, and where they disagree: reason codes side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.errors import InputError, UsageError
from pipeline.model.reasons import N_REASONS, explain, reason_columns

if TYPE_CHECKING:
    from pipeline.compare.candidates import Candidate
    from pipeline.compare.shared_rows import SharedRows

MOST_INPUTS = 8
MOST_DISAGREEMENTS = 20


def reasons(candidates: Sequence[Candidate], rows: SharedRows) -> dict[str, Any]:
    """Return what the alerts of each model rest on, and rows that only some models alert.

    Parameters
    ----------
    candidates : sequence of Candidate
        All with their models loaded.
    rows : SharedRows
        With the raw columns.

    Raises
    ------
    UsageError
        If the raw columns are not at hand.
    InputError
        If a model was packaged without a baseline to give reasons against.
    """
    if rows.table is None:
        raise UsageError(
            "--reasons needs the columns of the rows: add --data "
            "artifacts/ingest/transactions.parquet of one of the runs"
        )
    decisions = {
        candidate.label: score >= candidate.threshold
        for candidate, score in zip(candidates, rows.scores, strict=True)
    }
    given = {
        candidate.label: _of_alerts(candidate, rows.table, decisions[candidate.label])
        for candidate in candidates
    }
    return {
        "by_model": {label: _summary(table) for label, table in given.items()},
        "disagreements": _disagreements(candidates, rows, decisions, given),
    }


def _of_alerts(candidate: Candidate, table: pd.DataFrame, alert: np.ndarray) -> pd.DataFrame:
    if candidate.model is None:
        raise InputError(f"{candidate.name} was not loaded")
    try:
        return explain(candidate.model, table[alert])
    except InputError as error:
        raise InputError(f"{candidate.name}: {error}") from error


def _summary(given: pd.DataFrame) -> dict[str, Any]:
    """Return in how many alerts each input is among the reasons, the most frequent first."""
    names, _ = reason_columns()
    counts = given[names].stack().value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return {
        "n_alerts": len(given),
        "inputs": [{"name": str(name), "n_alerts": int(n)} for name, n in ordered[:MOST_INPUTS]],
    }


def _disagreements(
    candidates: Sequence[Candidate],
    rows: SharedRows,
    decisions: dict[str, np.ndarray],
    given: dict[str, pd.DataFrame],
) -> dict[str, Any]:
    """Return the rows that some models alert and some do not, frauds and high amounts first."""
    alerts = np.stack(list(decisions.values()))
    differ = np.flatnonzero(alerts.any(axis=0) & ~alerts.all(axis=0))
    amount = np.zeros(len(rows.label)) if rows.amount is None else rows.amount
    order = sorted(differ, key=lambda row: (-rows.label[row], -amount[row], row))
    shown = []
    for row in map(int, order[:MOST_DISAGREEMENTS]):
        raised = [candidate.label for candidate in candidates if decisions[candidate.label][row]]
        shown.append(
            {
                "row_id": int(rows.row_id[row]),
                "is_fraud": bool(rows.label[row]),
                "amount": None if rows.amount is None else float(rows.amount[row]),
                "scores": {
                    candidate.label: float(score[row])
                    for candidate, score in zip(candidates, rows.scores, strict=True)
                },
                "alerted_by": raised,
                "reasons": _listed(given[raised[0]], row),
            }
        )
    return {"n_rows": len(differ), "n_frauds": int(rows.label[differ].sum()), "shown": shown}


def _listed(given: pd.DataFrame, row: int) -> list[dict[str, Any]]:
    """Return the reasons of one row; the table of the models is numbered as the rows are."""
    of: Mapping[Any, Any] = given.loc[row].to_dict()
    return [
        {"name": str(of[name]), "contribution": float(of[contribution])}
        for name, contribution in zip(*reason_columns(N_REASONS), strict=True)
        if not pd.isna(of[name])
    ]
