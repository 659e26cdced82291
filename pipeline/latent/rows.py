"""The transactions that are pictured: read, scored, and thinned where there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.model.evidence import Evidence
    from pipeline.model.folder import FraudModel

FRAUD_SHARE = 0.5  # of the pictured rows that frauds may take, where there are too many
TRAINING, NEW = "training", "new"
PARTS = (TRAINING, "validation", "test", NEW)
DATA_BESIDE = Path("ingest", "transactions.parquet")


@dataclass(frozen=True)
class LatentRows:
    """Pictured transactions.

    Attributes
    ----------
    name : str
        Of the file or folder.
    row_id : int ndarray of shape (n_rows,)
        Position in the table, from 0.
    inputs : DataFrame of shape (n_rows, n_inputs)
        In the columns' units.
    time : Series or None
        As it stands in the table.
    scaled : float32 ndarray of shape (n_rows, n_scaled)
    score : ndarray of shape (n_rows,)
    label : ndarray of shape (n_rows,), values in {0, 1, nan}, or None
    part : ndarray of str of shape (n_rows,)
        "training", "validation", "test", or "new" where the data are not the model's own.
    n_all, n_all_frauds : int
        Of the whole table.
    """

    name: str
    row_id: np.ndarray
    inputs: pd.DataFrame
    time: pd.Series | None
    scaled: np.ndarray
    score: np.ndarray
    label: np.ndarray | None
    part: np.ndarray
    n_all: int
    n_all_frauds: int

    @property
    def is_fraud(self) -> np.ndarray:
        """Rows that are known to be frauds."""
        import numpy as np

        return np.zeros(len(self.row_id), bool) if self.label is None else self.label == 1

    def position(self, row_id: int) -> int:
        """Return where a row of the table stands among the pictured ones."""
        import numpy as np

        return int(np.searchsorted(self.row_id, row_id))


def data_beside(model: Path) -> Path:
    """Return the checked data of the project that a packaged model lies in.

    Raises
    ------
    UsageError
        If the model lies in no project.
    """
    found = model.parent.parent / DATA_BESIDE
    if model.parent.name == "evaluate" and found.is_file():
        return found
    raise UsageError(
        "the model does not lie in a project with its data; give the transactions that are to be "
        "pictured with --data, such as artifacts/ingest/transactions.parquet of its run"
    )


def read_rows(
    path: Path, model: FraudModel, evidence: Evidence | None, *, max_rows: int, kept: Sequence[int]
) -> LatentRows:
    """Read and score transactions.

    Parameters
    ----------
    path : Path
        A CSV or Parquet file, or a folder of them; labels may be missing.
    model : FraudModel
    evidence : Evidence or None
        Says which rows of the model's own data are validation and test rows.
    max_rows : int
        Pictured rows, at most; frauds come first, genuine rows are thinned evenly.
    kept : sequence of int
        Row ids that are pictured in any case.

    Raises
    ------
    InputError
        If rows cannot be read or scored, or a row that is to be kept is not there.
    """
    from pipeline.score.delivery import is_own, read_delivery

    delivery = read_delivery(path, model)
    table, n_all = delivery.table, len(delivery.score)
    for row in kept:
        if not 0 <= row < n_all:
            raise InputError(
                f"{path} has no row {row}: it has {n_all:,} rows, counted from 0 to {n_all - 1}"
            )
    is_fraud = None if delivery.label is None else delivery.label == 1
    chosen = _chosen(n_all, is_fraud, max_rows, kept)
    own = table is not None and is_own(table, model)
    inputs = delivery.inputs.iloc[chosen].reset_index(drop=True)
    time = model.schema.time
    return LatentRows(
        name=path.name,
        row_id=chosen,
        inputs=inputs,
        time=table[time].iloc[chosen].reset_index(drop=True)
        if table is not None and time is not None and time in table
        else None,
        scaled=model.scaled(inputs),
        score=delivery.score[chosen],
        label=None if delivery.label is None else delivery.label[chosen],
        part=_parts(chosen, evidence, is_own=own),
        n_all=n_all,
        n_all_frauds=0 if is_fraud is None else int(is_fraud.sum()),
    )


def _chosen(
    n_rows: int, is_fraud: np.ndarray | None, max_rows: int, kept: Sequence[int]
) -> np.ndarray:
    """Return the positions of the pictured rows, in order."""
    import numpy as np

    if n_rows <= max_rows:
        return np.arange(n_rows)
    chosen = np.unique(np.asarray(kept, dtype=int))
    frauds = np.flatnonzero(is_fraud) if is_fraud is not None else np.empty(0, int)
    others = np.setdiff1d(np.arange(n_rows), np.union1d(frauds, chosen))
    frauds = np.setdiff1d(frauds, chosen)
    chosen = np.union1d(chosen, _evenly(frauds, int(max_rows * FRAUD_SHARE)))
    return np.union1d(chosen, _evenly(others, max(max_rows - len(chosen), 0)))


def _evenly(rows: np.ndarray, n: int) -> np.ndarray:
    import numpy as np

    if len(rows) <= n:
        return rows
    spread: np.ndarray = rows[np.linspace(0, len(rows) - 1, n).astype(int)]
    return spread


def _parts(row_id: np.ndarray, evidence: Evidence | None, *, is_own: bool) -> np.ndarray:
    import numpy as np

    if not is_own or evidence is None:
        return np.full(len(row_id), NEW, dtype=object)
    known: dict[Any, str] = dict(
        zip(evidence.rows["row_id"].tolist(), evidence.rows["part"].tolist(), strict=True)
    )
    return np.array([known.get(row, TRAINING) for row in row_id.tolist()], dtype=object)
