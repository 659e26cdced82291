"""Where each stage's outputs live, written atomically and in safe formats only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files.atomic import read_json

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

STAGES = ("ingest", "split", "scale", "autoencoder", "vae", "augment", "sgan", "evaluate")

# In the table of training rows: a label that is not known, and the source of a row that is no
# synthetic fraud.
UNLABELLED = -1
REAL = "real"


class Artifacts:
    """The folder tree ``artifacts/<stage>/`` and what later stages read from it.

    Parameters
    ----------
    root : Path
        Usually ``artifacts`` beside params.yaml.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def folder(self, stage: str) -> Path:
        """Return the finished folder of a stage, whether or not it exists."""
        return self.root / stage

    def workspace(self, stage: str) -> Path:
        """Return a folder that outlives a killed run, for checkpoints to resume from."""
        return self.root / f".{stage}.partial"

    @contextmanager
    def replacing(self, stage: str) -> Iterator[Path]:
        """Yield an empty folder that takes the stage's place when the block succeeds.

        The finished folder is never half-written: a failed or killed block leaves what was
        there before.
        """
        final = self.folder(stage)
        fresh = self.root / f".{stage}.new"
        former = self.root / f".{stage}.old"
        self._recover(final, fresh, former)
        fresh.mkdir(parents=True)
        try:
            yield fresh
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        if final.exists():
            final.rename(former)
        fresh.rename(final)
        shutil.rmtree(former, ignore_errors=True)
        shutil.rmtree(self.workspace(stage), ignore_errors=True)

    @staticmethod
    def _recover(final: Path, fresh: Path, former: Path) -> None:
        """Clear what a killed run left; put the former folder back if it was in mid-swap."""
        if former.exists() and not final.exists():
            former.rename(final)
        for leftover in (fresh, former):
            shutil.rmtree(leftover, ignore_errors=True)

    # What one stage writes and later ones read. Row i of every array is row_id i.

    def transactions(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the checked table, in order of time, as `ingest` wrote it.

        Reading one of its columns takes a thirtieth of the memory of reading all (None).
        """
        return _read_parquet(self.folder("ingest") / "transactions.parquet", columns)

    def data_summary(self) -> dict[str, Any]:
        """Return data.json of `ingest`: SHA-256, rows, frauds, columns, what was dropped."""
        return read_json(self.folder("ingest") / "data.json")

    def split(self) -> pd.DataFrame:
        """Return row_id, part and is_labelled of every row."""
        return _read_parquet(self.folder("split") / "split.parquet")

    def scaled(self) -> np.ndarray:
        """Return all rows, scaled; float32 of shape (n_rows, n_inputs)."""
        return _read_array(self.folder("scale") / "scaled.npy")

    def input_names(self) -> list[str]:
        """Return the names of the columns of `scaled`."""
        return list(read_json(self.folder("scale") / "scale.json")["inputs"])

    def training_set(self) -> pd.DataFrame:
        """Return the training rows after `augment`: inputs, label, is_labelled, source."""
        return _read_parquet(self.folder("augment") / "training.parquet")


def _read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path, columns=None if columns is None else list(columns))


def _read_array(path: Path) -> np.ndarray:
    import numpy as np

    array: np.ndarray = np.load(path, allow_pickle=False)
    return array
