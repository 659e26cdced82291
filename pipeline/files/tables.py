"""Reading of one transaction table from a CSV or Parquet file."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet")
_TAIL_BYTES = 65_536  # enough for the last row of any table


def read_table(path: Path, as_text: Collection[str] = ()) -> pd.DataFrame:
    """Read one CSV (comma, UTF-8, a header) or Parquet file with all its columns.

    Parameters
    ----------
    path : Path
    as_text : collection of str, default=()
        Columns of a CSV file that are taken as they are written, so that 01 and 1 differ, where
        the file alone would make them numbers.

    Raises
    ------
    InputError
        If the file is empty, truncated or otherwise damaged, not UTF-8, or names a column twice.
    """
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes); check the export that made it")
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path)
        return _read_csv(path, as_text)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def read_transactions(path: Path, as_text: Collection[str] = ()) -> pd.DataFrame:
    """Read the transactions that a command was given, rows numbered from 0.

    Parameters
    ----------
    path : Path
    as_text : collection of str, default=()
        As of `read_table`.

    Raises
    ------
    InputError
        If there is no such file, it is of another kind, or it holds no row.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; give a CSV or Parquet file")
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a CSV or Parquet file")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected a file that ends in .csv or .parquet")
    transactions = read_table(path, as_text).reset_index(drop=True)
    if transactions.empty:
        raise InputError(f"{path} holds no transactions; expected at least one row")
    return transactions


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path, partitioning=None)
        check_names(path, table.schema.names)
        frame = table.to_pandas()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} is not a whole Parquet file ({reason}); it may be truncated: copy or export "
            "it again"
        ) from error
    # A named index is a column that pandas set aside.
    return frame.reset_index(drop=frame.index.names == [None])


def _read_csv(path: Path, as_text: Collection[str]) -> pd.DataFrame:
    import pandas as pd

    header = read_csv_header(path)
    check_csv_end(path, len(header))
    with csv_errors(path, len(header)):
        return pd.read_csv(
            path,
            encoding="utf-8-sig",
            dtype={name: str for name in as_text if name in header},
            **exact_numbers(),
            index_col=False,
            low_memory=False,
        )


def read_csv_header(path: Path) -> list[str]:
    """Return the names of the columns, checked; errors as of `read_table`."""
    with csv_errors(path, 0), path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    check_names(path, header)
    return header


@contextmanager
def csv_errors(path: Path, n_columns: int) -> Iterator[None]:
    """Name the file, and what was expected, where Python or pandas cannot read on."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            # pandas warns, and goes on, where a row is longer than the header.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text (byte {error.object[error.start]:#04x} at position "
            f"{error.start}); save it as UTF-8 or as Parquet"
        ) from error
    except (
        pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, csv.Error
    ) as error:  # fmt: skip
        reason = str(error).removeprefix("Error tokenizing data. C error: ").strip()
        raise InputError(
            f"{path} is not a regular CSV file ({reason}); expected a header and rows with "
            f"{n_columns or 'as many'} values separated by commas; correct or export it again"
        ) from error


def check_csv_end(path: Path, n_columns: int) -> None:
    """Refuse a file whose last line is unfinished and too short: pandas would fill it up."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        last_line = file.read().rpartition(b"\n")[2].decode(errors="replace")
    n_values = len(next(csv.reader([last_line]), []))
    if 0 < n_values < n_columns:
        raise InputError(
            f"{path} ends in the middle of a row ({n_values} of {n_columns} values); it may be "
            "truncated: copy or export it again"
        )


def exact_numbers() -> dict[str, Any]:
    """Return what `pandas.read_csv` needs to read the same numbers as Parquet, to the last bit."""
    import pandas as pd

    # From 3.1 on pandas is always exact, and warns if it is asked to be.
    is_always_exact = tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1)
    return {} if is_always_exact else {"float_precision": "round_trip"}


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a header with doubles or gaps, or one that another separator holds together."""
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        raise InputError(
            f"{path} seems to use another separator: its header is one name, {names[0][:60]!r}; "
            "expected values separated by commas"
        )
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise InputError(
            f"{path} has columns named twice: {', '.join(doubles)}; expected every name once; "
            "rename or remove one"
        )
    if any(not name.strip() for name in names):
        position = [bool(name.strip()) for name in names].index(False) + 1
        raise InputError(
            f"{path} has a column without a name (column {position} of {len(names)}); name it, "
            "or export without the row index"
        )
