"""A CSV file in chunks whose values do not depend on where a chunk ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files.chunk import Chunk
from pipeline.files.tables import check_csv_end, csv_errors, exact_numbers, read_csv_header

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from features.schema import TransactionSchema

# What pandas takes for a missing value unless told otherwise; here it holds for inputs only.
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
_SAMPLED_ROWS = 10_000


class CsvFile:
    """Comma, UTF-8, a header.

    Parameters
    ----------
    path : Path
        Not empty.

    Raises
    ------
    InputError
        If it is not UTF-8, its header is unusable, or its last row is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with csv_errors(path, 0):
            self.names = read_csv_header(path)
        check_csv_end(path, len(self.names))

    def chunks(self, schema: TransactionSchema, n_rows: int) -> Iterator[Chunk]:
        """Yield the transactions; numbers by pandas, categories and keys as they are written."""
        import pyarrow as pa

        keys = [name for name in self.names if name not in schema.inputs]
        inputs = [name for name in self.names if name in schema.inputs]
        texts = [*keys, *schema.categorical]
        first_row = 1
        with (
            self.path.open("rb") as file,
            self._reader(file, texts, inputs, chunksize=n_rows) as reader,
        ):
            while (frame := self._next(reader)) is not None:
                yield Chunk(
                    path=self.path,
                    first_row=first_row,
                    inputs=_without_booleans(frame[inputs]),
                    keys=pa.table({name: _as_text(frame[name]) for name in keys}),
                    n_bytes=file.tell(),
                )
                first_row += len(frame)

    def _next(self, reader: Any) -> pd.DataFrame | None:
        with csv_errors(self.path, len(self.names)):
            frame: pd.DataFrame | None = next(reader, None)
            return frame

    def key_types(self, keys: Sequence[str], schema: TransactionSchema) -> dict[str, pa.DataType]:
        """Return text, but numbers for time and label where the first rows hold numbers."""
        import pandas as pd
        import pyarrow as pa

        types = dict.fromkeys(keys, pa.string())
        numbers = [name for name in (schema.time, schema.label) if name in types]
        if numbers:
            with csv_errors(self.path, len(self.names)):
                sample = self._reader(self.path, self.names, [], nrows=_SAMPLED_ROWS)
            for name in numbers:
                texts = sample[name][sample[name].notna() & (sample[name] != "")]
                values = pd.to_numeric(texts, errors="coerce")
                if values.notna().all():
                    is_label = name == schema.label and (values % 1 == 0).all()
                    types[name] = pa.int64() if is_label else pa.float64()
        return types

    @staticmethod
    def _reader(source: Any, texts: Sequence[str], inputs: Sequence[str], **rows: int) -> Any:
        import pandas as pd

        options: dict[str, Any] = {
            "encoding": "utf-8-sig",
            "index_col": False,
            "low_memory": False,
            "dtype": dict.fromkeys(texts, str),
            "keep_default_na": False,
            "na_values": {name: list(MISSING) for name in inputs},
            **exact_numbers(),
            **rows,
        }
        return pd.read_csv(source, **options)


def _as_text(column: pd.Series) -> pa.Array:
    import pyarrow as pa

    return pa.array(column, pa.string(), from_pandas=True)


def _without_booleans(inputs: pd.DataFrame) -> pd.DataFrame:
    """Return the inputs with true and false as text.

    pandas takes them for 1 and 0 where a chunk of a column holds nothing else.
    """
    import numpy as np

    changed = {}
    for name in inputs.columns:
        column = inputs[name]
        if column.dtype == bool:
            changed[name] = column.astype(str)
        elif column.dtype == object:
            changed[name] = column.map(
                lambda value: str(value) if isinstance(value, bool | np.bool_) else value
            )
    return inputs.assign(**changed) if changed else inputs
