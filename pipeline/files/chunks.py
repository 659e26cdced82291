"""The transactions to score as a stream of chunks, from one file or all files of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import InputError
from pipeline.files.chunk import Chunk, rows_per_chunk
from pipeline.files.tables import SUFFIXES

if TYPE_CHECKING:
    import pyarrow as pa

    from features.schema import TransactionSchema

FILE, ROW = "file", "row"


class TableFile(Protocol):
    """A file that can be read in chunks; opening it has checked its names and its end."""

    path: Path
    names: list[str]

    def chunks(self, schema: TransactionSchema, n_rows: int) -> Iterator[Chunk]:
        """Yield the transactions, `n_rows` at a time."""

    def key_types(self, keys: Sequence[str], schema: TransactionSchema) -> dict[str, pa.DataType]:
        """Return the types that key columns get in a Parquet file."""


def open_tables(path: Path) -> list[TableFile]:
    """Open one CSV or Parquet file, or those of a folder sorted by name (not of its subfolders).

    Raises
    ------
    InputError
        If there is nothing to read, a file is damaged at its start or end, or the columns differ.
    """
    files = [_open(found) for found in _find(path)]
    for file in files[1:]:
        _check_same_columns(files[0], file)
    return files


def read_chunks(files: Sequence[TableFile], schema: TransactionSchema) -> Iterator[Chunk]:
    """Yield the transactions of all files, file after file, in the order of their rows.

    Raises
    ------
    InputError
        If a file is damaged or changes while it is read.
    """
    for file in files:
        before = _state(file.path)
        n_rows = rows_per_chunk(len(file.names))
        try:
            yield from file.chunks(schema, n_rows)
        except OSError as error:
            raise InputError(f"{file.path} cannot be read: {error.strerror or error}") from error
        if _state(file.path) != before:
            raise InputError(
                f"{file.path} was changed while it was read; wait until it is complete, then "
                "score it again"
            )


def key_names(files: Sequence[TableFile], schema: TransactionSchema) -> list[str]:
    """Return the columns that the model does not use, as the first file orders them."""
    return [name for name in files[0].names if name not in schema.inputs]


def _open(path: Path) -> TableFile:
    from pipeline.files.csv_file import CsvFile
    from pipeline.files.parquet_file import ParquetTable

    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes); check the export that made it")
        return ParquetTable(path) if path.suffix.lower() == ".parquet" else CsvFile(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _find(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(
            (entry for entry in path.iterdir() if entry.is_file() and _is_table(entry)),
            key=lambda entry: entry.name,
        )
        if not found:
            raise InputError(f"{path} holds no .csv or .parquet file; give a file or a folder")
        return found
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a CSV or Parquet file, or a folder of them")
    if not _is_table(path):
        raise InputError(f"{path}: expected a file that ends in .csv or .parquet")
    return [path]


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _check_same_columns(first: TableFile, other: TableFile) -> None:
    lacking = [name for name in first.names if name not in other.names]
    extra = [name for name in other.names if name not in first.names]
    differences = [
        f"{text} {', '.join(names)}"
        for text, names in (("lacks", lacking), ("has in addition", extra))
        if names
    ]
    if differences:
        raise InputError(
            f"{other.path} {' and '.join(differences)} compared with {first.path.name}; expected "
            "the same columns in all files of the folder; correct it or move it elsewhere"
        )


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
