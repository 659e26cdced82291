"""Which rows of a transaction table cannot be used, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from features.schema import TransactionSchema

# Models compute in float32; a larger number would become infinite there.
LARGEST_VALUE = float(np.finfo(np.float32).max)
MISSING = "missing value"
UNKNOWN = -1  # label of a row that nobody has labelled yet
_MAX_SHOWN_CHARACTERS = 12


@dataclass(frozen=True)
class RowProblem:
    """One kind of mistake in one column.

    Parameters
    ----------
    column : str
        Where.
    reason : str
        What is wrong, e.g. ``"not a number"``.
    expected : str
        What a value must be.
    rows : ndarray of int
        Positions of the bad rows in the table.
    received : str
        The first bad value, shortened.
    """

    column: str
    reason: str
    expected: str
    rows: np.ndarray
    received: str


def check_rows(
    frame: pd.DataFrame, schema: TransactionSchema
) -> tuple[pd.DataFrame, list[RowProblem]]:
    """Table in canonical types and the problems of its rows.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        The table as read; not changed.
    schema : TransactionSchema
        From `resolve_schema` on the same table.

    Returns
    -------
    table : DataFrame of shape (n_rows, len(schema.columns))
        Columns in the order of ``schema.columns``: numbers float64 (no negative zero), categories
        str, label int8. A timestamp column becomes seconds since 1970 (UTC). Rows with problems
        hold placeholders.
    problems : list of RowProblem
        Values that are missing, infinite (or above the float32 range), no numbers, times below
        0 and labels other than 0 and 1.

    Examples
    --------
    >>> frame = pd.DataFrame({"V1": [0.5, np.inf], "Class": [0, 2]})
    >>> schema = TransactionSchema(label="Class", time=None, amount=None, features=("V1",))
    >>> table, problems = check_rows(frame, schema)
    >>> [(problem.column, problem.reason, problem.rows.tolist()) for problem in problems]
    [('V1', 'infinite or too large', [1]), ('Class', 'not 0 or 1', [1])]
    """
    table: dict[str, np.ndarray | pd.Series] = {}
    problems: list[RowProblem] = []
    for name in schema.columns:
        if name in schema.categorical:
            table[name], found = _check_category(frame[name])
        else:
            column = seconds_of(frame[name]) if name == schema.time else frame[name]
            table[name], found = _check_number(column)
            if name == schema.time:
                found += _check_time(table[name], column, found)
            if name == schema.label:
                found += _check_label(table[name], column, found)
                table[name] = np.where(table[name] == 1, 1, 0).astype(np.int8)
        problems += found
    return pd.DataFrame(table, index=pd.RangeIndex(len(frame))), problems


def reasons_by_row(problems: Sequence[RowProblem]) -> dict[int, str]:
    """All that is wrong with each bad row, under its position."""
    reasons: dict[int, list[str]] = {}
    for problem in problems:
        for row in problem.rows.tolist():
            reasons.setdefault(row, []).append(f"{problem.column}: {problem.reason}")
    return {row: "; ".join(texts) for row, texts in sorted(reasons.items())}


def drop_duplicates(table: pd.DataFrame) -> pd.DataFrame:
    """Distinct rows of a table with unique row labels; of equal rows the first stays."""
    # Comparing every column takes long; equal hashes single out the few rows worth it.
    hashes = pd.util.hash_pandas_object(table, index=False)
    suspects = table.loc[hashes.duplicated(keep=False).to_numpy()]
    repeated = suspects.index[suspects.duplicated()]
    return table.drop(index=repeated).reset_index(drop=True)


def drop_open_copies(table: pd.DataFrame, schema: TransactionSchema) -> pd.DataFrame:
    """Rows without those of unknown label (-1) that another row repeats with its label.

    A transaction may come twice, first without and later with its label.

    Examples
    --------
    >>> table = pd.DataFrame({"V1": [0.5, 0.5, 1.0], "Class": [-1, 1, -1]})
    >>> schema = TransactionSchema(label="Class", time=None, amount=None, features=("V1",))
    >>> drop_open_copies(table, schema).to_numpy().tolist()
    [[0.5, 1.0], [1.0, -1.0]]
    """
    is_open = (table[schema.label] == UNKNOWN).to_numpy()
    if not is_open.any():
        return table
    hashes = pd.util.hash_pandas_object(table.drop(columns=schema.label), index=False).to_numpy()
    is_answered = is_open & np.isin(hashes, hashes[~is_open])
    return table.loc[~is_answered].reset_index(drop=True)


def order_rows(table: pd.DataFrame, schema: TransactionSchema) -> pd.DataFrame:
    """Rows in order of time; ties, and tables without time, in order of their values.

    The result therefore does not depend on the order of the rows in the file.

    Examples
    --------
    >>> table = pd.DataFrame({"Time": [5.0, 1.0, 1.0], "V1": [0.0, 2.0, 1.0], "Class": 0})
    >>> schema = TransactionSchema(label="Class", time="Time", amount=None, features=("V1",))
    >>> order_rows(table, schema)["V1"].tolist()
    [1.0, 2.0, 0.0]
    """
    order = np.arange(len(table))
    # Rows from one start to the next are equal in all columns looked at so far.
    is_start = np.zeros(len(table), dtype=bool)
    is_start[:1] = True
    for name in schema.columns:
        tied = np.flatnonzero(~(is_start & np.append(is_start[1:], True)))
        if not len(tied):
            break
        codes = pd.factorize(table[name].to_numpy()[order[tied]], sort=True)[0]
        sorting = np.lexsort([codes, np.cumsum(is_start)[tied]])
        order[tied] = order[tied][sorting]
        is_start[tied[1:]] |= np.diff(codes[sorting]) != 0
    return table.take(order).reset_index(drop=True)


def seconds_of(column):
    """Time in seconds: numbers as they are, timestamps since 1970.

    Parameters
    ----------
    column : Series
        Numbers, or timestamps (ISO 8601 where they are text).

    Returns
    -------
    Series
        The column itself where its values are neither.
    """
    if types.is_datetime64_any_dtype(column):
        stamps = column
    elif types.is_numeric_dtype(column) or pd.to_numeric(column, errors="coerce").notna().any():
        return column
    else:
        stamps = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
        if not stamps.notna().any():
            return column
    epoch = pd.Timestamp(0, tz=stamps.dt.tz)
    return (stamps - epoch) / pd.Timedelta(seconds=1)


def _check_number(column):
    """Values of a numeric column (float64; 0 where unusable) and its problems."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    is_missing = column.isna().to_numpy()
    is_unreadable = np.isnan(numbers) & ~is_missing
    with np.errstate(invalid="ignore"):
        is_infinite = np.abs(numbers) > LARGEST_VALUE
    problems = [
        _problem(column, MISSING, "a number", is_missing),
        _problem(column, "not a number", "a number", is_unreadable),
        _problem(column, "infinite or too large", "a finite number below 3.4e38", is_infinite),
    ]
    is_bad = is_missing | is_unreadable | is_infinite
    # Adding 0 turns -0.0 into 0.0, so that equal numbers have equal bytes.
    return np.where(is_bad, 0.0, numbers) + 0.0, [found for found in problems if found]


def _check_category(column):
    is_missing = column.isna().to_numpy()
    found = _problem(column, MISSING, "a category", is_missing)
    texts = column.astype(object).where(~is_missing, "").astype(str)
    return texts.reset_index(drop=True), [found] if found else []


def _check_time(numbers, column, found):
    problem = _problem(column, "negative time", "seconds from 0", _unless(found, numbers < 0))
    return [problem] if problem else []


def _check_label(numbers, column, found):
    is_label = (numbers == 0) | (numbers == 1)
    expected = "0 (genuine) or 1 (fraud)"
    problem = _problem(column, "not 0 or 1", expected, _unless(found, ~is_label))
    # One sentence about a label is enough: whatever is wrong, 0 or 1 is the cure.
    found[:] = [RowProblem(p.column, p.reason, expected, p.rows, p.received) for p in found]
    return [problem] if problem else []


def _unless(found, is_bad):
    """Mask of rows that are bad and not yet named by one of the problems found."""
    is_bad = is_bad.copy()
    for problem in found:
        is_bad[problem.rows] = False
    return is_bad


def _problem(column, reason, expected, is_bad):
    if not is_bad.any():
        return None
    rows = np.flatnonzero(is_bad)
    return RowProblem(str(column.name), reason, expected, rows, _shown(column.iloc[rows[0]]))


def _shown(value):
    """Shorten a bad value, so that no message carries a whole card number."""
    if pd.isna(value):
        return "nothing"
    if isinstance(value, (float, int, np.number)):
        return f"{value:.6g}"
    text = repr(str(value))
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else text[:_MAX_SHOWN_CHARACTERS] + "..."
