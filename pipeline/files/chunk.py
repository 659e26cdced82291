"""A chunk of a table: consecutive transactions of one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


ROWS_PER_CHUNK = 100_000
VALUES_PER_CHUNK = 4_000_000  # 32 MB of numbers; a table of 500 columns gets shorter chunks
MIN_ROWS_PER_CHUNK = 1_000


@dataclass(frozen=True)
class Chunk:
    """Consecutive transactions of one file.

    Attributes
    ----------
    path : Path
        The file.
    first_row : int
        Number of its first transaction in that file, from 1.
    inputs : DataFrame of shape (n_rows, n_inputs)
        What the model reads.
    keys : pyarrow.Table of n_rows rows
        The other columns; those of a CSV file as text, as they are written there.
    n_bytes : int
        How much of the file was read up to here.
    """

    path: Path
    first_row: int
    inputs: pd.DataFrame
    keys: pa.Table
    n_bytes: int

    @property
    def place(self) -> str:
        """The file, for messages; of one that takes several chunks which of its rows these are."""
        n_columns = len(self.inputs.columns) + self.keys.num_columns
        if self.first_row == 1 and len(self.inputs) < rows_per_chunk(n_columns):
            return str(self.path)
        last = self.first_row + len(self.inputs) - 1
        return f"{self.path}, rows {self.first_row:,} to {last:,}"


def rows_per_chunk(n_columns: int) -> int:
    """Return how many rows of a table are held at once."""
    fitting = VALUES_PER_CHUNK // max(n_columns, 1)
    return min(ROWS_PER_CHUNK, max(MIN_ROWS_PER_CHUNK, fitting))
