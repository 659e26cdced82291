"""Where each stage's outputs live, written atomically and in safe formats only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

STAGES = ("ingest", "split", "scale", "autoencoder", "vae", "augment", "sgan", "evaluate")


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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a JSON object with sorted keys, atomically; NaN is an error, not a value."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(text + "\n", path)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(text: str, path: Path) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write a file that a user asked for into an error with a cure."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); give another place, or check "
            "the permissions of the folder and the room on the disk"
        ) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` that replaces it when the block succeeds."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path, columns=None if columns is None else list(columns))


def _read_array(path: Path) -> np.ndarray:
    import numpy as np

    array: np.ndarray = np.load(path, allow_pickle=False)
    return array
