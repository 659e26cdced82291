"""A Parquet file in chunks, read without holding a whole row group."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.chunk import Chunk
from pipeline.files.tables import check_names

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

    from features.schema import TransactionSchema

_BUFFER_BYTES = 262_144  # of each column, instead of all its bytes in the row group


class ParquetTable:
    """One Parquet file.

    Parameters
    ----------
    path : Path
        Not empty.

    Raises
    ------
    InputError
        If it is no whole Parquet file, or names a column twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Opened again for its chunks: a folder may have more files than a process may hold open.
        with self._open() as file:
            self._schema = file.schema_arrow
        left_out = _unnamed_index(self._schema)
        self.names = [name for name in self._schema.names if name not in left_out]
        check_names(path, self.names)

    def chunks(self, schema: TransactionSchema, n_rows: int) -> Iterator[Chunk]:
        """Yield the transactions; keys keep their types."""
        keys = [name for name in self.names if name not in schema.inputs]
        inputs = [name for name in self.names if name in schema.inputs]
        first_row = 1
        with self._open() as file:
            size = self.path.stat().st_size
            if file.schema_arrow != self._schema:
                raise InputError(f"{self.path} was changed meanwhile: its columns are others now")
            n_all = file.metadata.num_rows
            batches = file.iter_batches(n_rows)
            while (table := self._next(batches)) is not None:
                last_row = first_row + len(table) - 1
                yield Chunk(
                    path=self.path,
                    first_row=first_row,
                    inputs=table.select(inputs).to_pandas(ignore_metadata=True),
                    keys=table.select(keys),
                    n_bytes=size * last_row // n_all,
                )
                first_row = last_row + 1

    @contextmanager
    def _open(self) -> Iterator[parquet.ParquetFile]:
        from pyarrow import parquet

        with _parquet_errors(self.path):
            file = parquet.ParquetFile(self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        with file:
            yield file

    def _next(self, batches: Iterator[pa.RecordBatch]) -> pa.Table | None:
        import pyarrow as pa

        with _parquet_errors(self.path):
            batch = next(batches, None)
            return None if batch is None else pa.Table.from_batches([batch])

    def key_types(self, keys: Sequence[str], schema: TransactionSchema) -> dict[str, pa.DataType]:  # noqa: ARG002
        """Return the types in the file; of a dictionary, which may differ by chunk, its values'."""
        import pyarrow as pa

        types = {name: self._schema.field(name).type for name in keys}
        return {
            name: found.value_type if pa.types.is_dictionary(found) else found
            for name, found in types.items()
        }


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    """Name the file where pyarrow cannot read on."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} is not a whole Parquet file ({reason}); it may be truncated: copy or export "
            "it again"
        ) from error


def _unnamed_index(schema: pa.Schema) -> set[str]:
    """Return the columns in which pandas keeps an index that has no name."""
    described = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    unnamed = {
        column.get("field_name")
        for column in described.get("columns", [])
        if column.get("name") is None
    }
    # A plain count of rows is no column; it is described by a dict.
    names = {name for name in described.get("index_columns", []) if isinstance(name, str)}
    return names & unnamed
