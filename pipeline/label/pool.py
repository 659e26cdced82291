"""The unlabelled transactions that suggestions are chosen from."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.model.folder import check_columns
from pipeline.run.request import ARTIFACTS_FOLDER
from pipeline.stages.artifacts import Artifacts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from features.row_checks import RowProblem
    from features.schema import TransactionSchema
    from pipeline.files.sources import Source
    from pipeline.model.folder import FraudModel

MAX_NAMED = 5


@dataclass(frozen=True)
class Pool:
    """Transactions without a label, and some that have one.

    Attributes
    ----------
    transactions : DataFrame of shape (n_rows, n_columns)
        Columns that are no inputs, such as keys, then time and inputs in canonical types.
    keys : ndarray of shape (n_rows,), str
        See `features.transaction_keys`.
    labelled : DataFrame of shape (n_labelled, n_inputs)
        Inputs of rows whose label is known.
    """

    transactions: pd.DataFrame
    keys: np.ndarray
    labelled: pd.DataFrame


def project_pool(folder: Path, schema: TransactionSchema, given: Container[str]) -> Pool:
    """Return the training rows of the project's last run that have no label.

    Parameters
    ----------
    folder : Path
        The project's.
    schema : TransactionSchema
        Of the model.
    given : container of str
        Keys of the transactions that people have labelled already.

    Raises
    ------
    InputError
        If there was no run, every training row has its label, or columns of the model are missing.
    """
    from features.schema import TransactionSchema
    from features.splitting import TRAINING

    artifacts = Artifacts(folder / ARTIFACTS_FOLDER)
    try:
        table, split = artifacts.transactions(), artifacts.split()
        own = TransactionSchema.from_dict(artifacts.data_summary()["schema"])
    except FileNotFoundError as error:
        raise InputError(
            f"{artifacts.root} holds no run to take unlabelled rows from; run the pipeline first, "
            "or give new transactions with --data FILE"
        ) from error
    check_columns([str(name) for name in table.columns], schema.inputs)
    is_training = (split["part"] == TRAINING).to_numpy()
    is_labelled = split["is_labelled"].to_numpy()
    columns = [name for name in own.columns if name != own.label]
    pool = _pool(
        table[columns], own, is_training & ~is_labelled, is_training & is_labelled, schema, given
    )
    if not len(pool.transactions):
        raise InputError(
            "every training row of the last run has its label; give new transactions with --data "
            "FILE, or leave labels empty (ingest.on_missing_label: unlabelled)"
        )
    return pool


def delivered_pool(path: Path, model: FraudModel, given: Container[str]) -> Pool:
    """Return the rows of a CSV or Parquet file, or of a folder of them, that have no label.

    Parameters
    ----------
    path : Path
        A column with the label may be missing.
    model : FraudModel
        Knows the columns.
    given
        As of `project_pool`.

    Raises
    ------
    InputError
        If the file or one of its values cannot be used, or no row is without a label.
    """
    import numpy as np
    import pandas as pd

    from features.row_checks import check_rows
    from pipeline.files.categories import text_columns
    from pipeline.files.sources import read_files

    schema = model.schema
    source = read_files(path, text_columns(model.scaler))
    frame = source.frame
    columns = [str(name) for name in frame.columns]
    check_columns(columns, (*schema.inputs, *((schema.time,) if schema.time else ())))
    if schema.label in columns:
        is_open = frame[schema.label].isna().to_numpy()
    else:
        is_open = np.ones(len(frame), bool)
    checked, problems = check_rows(frame.assign(**{schema.label: 0}), schema)
    if problems:
        raise InputError(_describe(source, problems))
    others = [name for name in columns if name not in schema.columns]
    table = pd.concat([frame[others], checked.drop(columns=schema.label)], axis=1)
    pool = _pool(table, schema, is_open, ~is_open, schema, given)
    if not len(pool.transactions):
        raise InputError(
            f"{source.name}: every row has its label already, in the column {schema.label} or by "
            "`counterfoil label import`"
        )
    return pool


def _pool(
    table: pd.DataFrame, own: TransactionSchema, is_open: np.ndarray, is_labelled: np.ndarray,
    schema: TransactionSchema, given: Container[str],
) -> Pool:  # fmt: skip
    """Divide a table; rows that people have labelled leave the pool."""
    import numpy as np

    from features.transaction_keys import transaction_keys

    keys = np.full(len(table), "", dtype=object)
    keys[is_open] = transaction_keys(table[is_open], own)
    is_given = np.array([key in given for key in keys], bool)
    is_open = is_open & ~is_given
    known = table.loc[is_labelled | is_given, list(schema.inputs)]
    # Two rows may be one transaction; one question is enough.
    order = table[is_open].reset_index(drop=True)
    is_first = ~_repeats(keys[is_open])
    return Pool(
        order[is_first].reset_index(drop=True), keys[is_open][is_first].astype(str),
        known.reset_index(drop=True),
    )  # fmt: skip


def _repeats(keys: np.ndarray) -> np.ndarray:
    import pandas as pd

    repeats: np.ndarray = pd.Series(keys, dtype=object).duplicated().to_numpy()
    return repeats


def _describe(source: Source, problems: list[RowProblem]) -> str:
    lines = [f"{source.name}: values that cannot be used:"]
    for problem in problems[:MAX_NAMED]:
        name, row = source.locate(int(problem.rows[0]))
        lines.append(
            f"- column {problem.column}: {problem.reason} in {len(problem.rows)} rows, first in "
            f"row {row} of {name} ({problem.received}); expected {problem.expected}"
        )
    return "\n".join([*lines, "fill the values in, or leave those rows out"])
