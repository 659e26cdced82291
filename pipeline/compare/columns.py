"""Columns of the tables that a comparison is given, read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from features.schema import TransactionSchema


def checked_data(path: Path, sha256: str) -> pd.DataFrame:
    """Return the data that models were made from.

    Parameters
    ----------
    path : Path
        ``artifacts/ingest/transactions.parquet``.
    sha256 : str
        That the models name; any other table would be cut at rows that mean nothing in it.

    Raises
    ------
    InputError
        If it is another table.
    """
    from features.table_digest import sha256_of_table
    from pipeline.files.tables import read_transactions

    table = read_transactions(path)
    found = sha256_of_table(table)
    if found != sha256:
        raise InputError(
            f"{path} is not the data that these models were made from (SHA-256 {found[:12]}... of "
            f"{len(table):,} rows, expected {sha256[:12]}...); give "
            "artifacts/ingest/transactions.parquet of one of the runs"
        )
    return table


def judged_columns(table: pd.DataFrame, schema: TransactionSchema, path: Path) -> pd.DataFrame:
    """Return label, time and amount of a table as `ingest` would read them.

    Time and amount may be missing: without them there is no budget a day and no money.

    Raises
    ------
    InputError
        If there are no labels, only one class, or values that `ingest` would not take.
    """
    from features.row_checks import check_rows
    from features.schema import TransactionSchema

    name = schema.label
    if name not in table:
        raise InputError(
            f"{path} has no column {name!r}: only labelled rows can be judged; add the labels, or "
            "use `counterfoil score`"
        )
    time, amount = (of if of in table else None for of in (schema.time, schema.amount))
    checked, problems = check_rows(table, TransactionSchema(name, time, amount, features=()))
    if problems:
        found = problems[0]
        raise InputError(
            f"{path}: column {found.column}: {found.reason} in {len(found.rows):,} rows, first in "
            f"row {found.rows[0] + 1:,} ({found.received}); expected {found.expected}; correct "
            "those rows, or leave them out"
        )
    distinct = checked[name].unique()
    if len(distinct) == 1:
        raise InputError(
            f"{path}: the column {name!r} is {distinct[0]} in all {len(table):,} rows; frauds and "
            "genuine transactions are both needed"
        )
    return checked
