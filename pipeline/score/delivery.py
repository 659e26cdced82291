"""The rows that monitoring reads: a delivery of new transactions, and the old rows beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.categories import text_columns
from pipeline.files.sources import read_files
from pipeline.files.tables import read_transactions

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.model.folder import FraudModel


@dataclass(frozen=True)
class Delivery:
    """New transactions, scored.

    Attributes
    ----------
    name : str
        Of the file or folder.
    inputs : DataFrame of shape (n_rows, n_inputs)
        The model's columns: numbers float64, categories str.
    score : ndarray of shape (n_rows,)
    label : ndarray of shape (n_rows,), values in {0, 1, nan}, or None
        nan where the label has not arrived; None without the column.
    table : DataFrame of shape (n_rows, n_columns) or None
        As read.
    """

    name: str
    inputs: pd.DataFrame
    score: np.ndarray
    label: np.ndarray | None
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class Reference:
    """Old rows for what the evidence of a model cannot tell.

    Attributes
    ----------
    name : str
    inputs : DataFrame of shape (n_rows, n_inputs)
    is_own : bool
        Whether they are the data that the model was made from.
    """

    name: str
    inputs: pd.DataFrame
    is_own: bool


def read_delivery(path: Path, model: FraudModel) -> Delivery:
    """Read and score new transactions.

    Parameters
    ----------
    path : Path
        A CSV or Parquet file, or a folder of them. The label column may be missing, and its
        cells may be empty.
    model : FraudModel

    Raises
    ------
    InputError
        If rows cannot be read or scored, or a label is neither 0, 1 nor empty.
    """
    table = _read(path, model)
    inputs = _inputs(table, model, path)
    score = model.predict(inputs)["score"].to_numpy()
    label = _labels(table, model.schema.label, path)
    return Delivery(path.name, inputs, score, label, table)


def read_reference(path: Path, model: FraudModel) -> Reference:
    """Read old rows; errors as of `read_delivery`."""
    table = _read(path, model)
    return Reference(path.name, _inputs(table, model, path), is_own(table, model))


def _read(path: Path, model: FraudModel) -> pd.DataFrame:
    as_text = text_columns(model.scaler)
    return read_files(path, as_text).frame if path.is_dir() else read_transactions(path, as_text)


def _inputs(table: pd.DataFrame, model: FraudModel, path: Path) -> pd.DataFrame:
    try:
        return model.checked_inputs(table)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _labels(table: pd.DataFrame, name: str, path: Path) -> np.ndarray | None:
    import numpy as np
    import pandas as pd

    from features.row_checks import UNKNOWN

    if name not in table:
        return None
    column = table[name]
    is_empty = column.isna()
    if column.dtype.kind not in "fiub":
        is_empty |= column.astype(str).str.strip() == ""
    labels = pd.to_numeric(column.where(~is_empty), errors="coerce")
    found = labels.to_numpy(dtype=np.float64, na_value=np.nan).copy()
    # The stage ingest writes rows of unknown label so.
    is_unknown = found == UNKNOWN
    found[is_unknown] = np.nan
    is_wrong = ~is_empty.to_numpy() & ~is_unknown & (found != 0) & (found != 1)
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise InputError(
            f"{path}: column {name}: {int(is_wrong.sum())} rows hold neither 0 (genuine) nor 1 "
            f"(fraud) nor nothing, first row {row + 1} ({str(column.iloc[row])[:12]!r}); leave "
            "cells empty whose label has not arrived"
        )
    return found


def is_own(table: pd.DataFrame, model: FraudModel) -> bool:
    """Whether a table is the data that a model was made from."""
    from features.table_digest import sha256_of_table

    if set(table.columns) != set(model.schema.columns):
        return False
    try:
        found = sha256_of_table(table[list(model.schema.columns)])
    except (TypeError, ValueError):  # such as times that `ingest` would have turned into seconds
        return False
    return bool(found == model.manifest["trained_on"]["data_sha256"])
