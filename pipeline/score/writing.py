"""The result of scoring as CSV or Parquet, written chunk after chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import CounterfoilError, InputError
from pipeline.files.atomic import atomic_path
from pipeline.files.chunk import Chunk
from pipeline.files.chunks import TableFile

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from features.schema import TransactionSchema


class Writer(Protocol):
    """Takes the keys and the results of a chunk."""

    def write(self, chunk: Chunk, keys: pa.Table, results: pd.DataFrame) -> None:
        """Append a chunk."""


@contextmanager
def result_writer(
    out: Path, files: Sequence[TableFile], keys: Sequence[str], schema: TransactionSchema
) -> Iterator[Writer]:
    """Yield a writer whose file takes the name `out` when the block succeeds.

    Raises
    ------
    CounterfoilError
        If the file cannot be written.
    """
    try:
        with atomic_path(out) as fresh:
            if out.suffix.lower() == ".parquet":
                writer = ParquetWriter(fresh, _common_types(files, keys, schema))
                try:
                    yield writer
                finally:
                    writer.close()
            else:
                yield CsvWriter(fresh)
    except OSError as error:
        raise CounterfoilError(f"{out} cannot be written: {error.strerror or error}") from error


class CsvWriter:
    """Appends to a CSV file; each value is written the same way in every chunk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_new = True

    def write(self, chunk: Chunk, keys: pa.Table, results: pd.DataFrame) -> None:
        """Append a chunk."""
        import pandas as pd

        texts = {name: _as_text(chunk, name, keys[name]) for name in keys.column_names}
        table = pd.concat([pd.DataFrame(texts), results.reset_index(drop=True)], axis=1)
        table.to_csv(
            self._path, mode="a", header=self._is_new, index=False, lineterminator="\n",
            encoding="utf-8",
        )  # fmt: skip
        self._is_new = False


class ParquetWriter:
    """Appends row groups to a Parquet file.

    Parameters
    ----------
    path : Path
        A new file.
    key_types : mapping of str to pyarrow.DataType
        Of the key columns, for all chunks.
    """

    def __init__(self, path: Path, key_types: Mapping[str, pa.DataType]) -> None:
        self._path = path
        self._key_types = key_types
        self._writer: pa.parquet.ParquetWriter | None = None

    def write(self, chunk: Chunk, keys: pa.Table, results: pd.DataFrame) -> None:
        """Append a chunk."""
        import pandas as pd
        import pyarrow as pa
        from pyarrow import parquet

        columns = {
            name: _convert(chunk, name, keys[name], self._key_types.get(name, keys[name].type))
            for name in keys.column_names
        }
        for name in results.columns:
            type_ = None if pd.api.types.is_numeric_dtype(results[name]) else pa.string()
            columns[name] = pa.array(results[name], type_, from_pandas=True)
        table = pa.table(columns)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Write the footer."""
        if self._writer is not None:
            self._writer.close()


def _as_text(chunk: Chunk, name: str, column: pa.ChunkedArray) -> pd.Series:
    """Return a key column as text, floats as they are: their text is the same in any chunk."""
    import pyarrow as pa

    if pa.types.is_floating(column.type):
        found: pd.Series = column.to_pandas()
        return found
    # pandas would write 1 as 1.0 in a chunk that lacks a value, and midnight as a date.
    text: pd.Series = _convert(chunk, name, column, pa.string()).to_pandas()
    return text


def _convert(
    chunk: Chunk, name: str, column: pa.ChunkedArray, type_: pa.DataType
) -> pa.ChunkedArray | pa.Array:
    import pyarrow as pa

    if column.type == type_:
        return column
    try:
        is_number = pa.types.is_integer(type_) or pa.types.is_floating(type_)
        if pa.types.is_string(column.type) and is_number:
            return _numbers(column, type_)
        return column.cast(type_)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{chunk.place}: column {name} ({column.type}) cannot be written as {type_} "
            f"({reason}); write the other format (.csv or .parquet), or leave the column out"
        ) from error


def _numbers(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    """Return text of a CSV file as numbers; empty text is a missing one."""
    import pyarrow.compute as pc

    is_empty = pc.equal(pc.utf8_trim_whitespace(column), "")
    trimmed = pc.utf8_trim_whitespace(pc.if_else(is_empty, None, column))
    return trimmed.cast("float64").cast(type_)


def _common_types(
    files: Sequence[TableFile], keys: Sequence[str], schema: TransactionSchema
) -> dict[str, pa.DataType]:
    """Return one type for each key column that holds the values of all files."""
    import pyarrow as pa

    of_files = [file.key_types(keys, schema) for file in files]
    common = {}
    for name in keys:
        fields = [pa.schema([pa.field(name, types[name])]) for types in of_files]
        try:
            unified = pa.unify_schemas(fields, promote_options="permissive")
            common[name] = unified.field(name).type
        except pa.ArrowException:
            common[name] = pa.string()
    return common
