"""Where transactions come from: the simulator, files, or OpenML."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.atomic import file_sha256
from pipeline.files.tables import SUFFIXES, read_table
from pipeline.params.sections import DataParams

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SourceFile:
    """One file that was read.

    Parameters
    ----------
    name : str
        File name without folders.
    sha256 : str
        Of its bytes.
    n_rows : int
        Transactions in it.
    """

    name: str
    sha256: str
    n_rows: int


@dataclass(frozen=True)
class Source:
    """Transactions as read, and where each row came from.

    Parameters
    ----------
    frame : DataFrame
        All rows, file after file.
    files : tuple of SourceFile
        Empty for the simulator.
    name : str
        What messages call the whole, e.g. ``"data (2 files)"``.
    """

    frame: pd.DataFrame
    files: tuple[SourceFile, ...]
    name: str

    def locate(self, position: int) -> tuple[str, int]:
        """Return file name and row number (from 1, header not counted) of a row of `frame`."""
        start = 0
        for file in self.files:
            if position < start + file.n_rows:
                return file.name, position - start + 1
            start += file.n_rows
        return self.name, position - start + 1


def read_transactions(data: DataParams, root: Path) -> Source:
    """Read the transactions that the section `data` describes.

    Parameters
    ----------
    data : DataParams
        Source, path and columns.
    root : Path
        The folder that relative paths start from.

    Raises
    ------
    InputError
        If the source cannot be read; the message says what to do.
    """
    if data.source == "simulated":
        return _simulate(data)
    if data.source == "openml":
        from pipeline.files.openml import read_openml

        frame, name, sha256 = read_openml(data.openml, root)
        return Source(frame, (SourceFile(name, sha256, len(frame)),), f"OpenML {data.openml.id}")
    return read_files(root / data.path)


def _simulate(data: DataParams) -> Source:
    from features.simulation import simulate_transactions

    try:
        frame = simulate_transactions(**data.simulated.model_dump())
    except ValueError as error:
        raise InputError(f"params.yaml: data.simulated: {error}") from error
    return Source(frame, (), "simulated transactions")


def read_files(path: Path, as_text: Collection[str] = ()) -> Source:
    """Read one CSV or Parquet file, or those of a folder sorted by name (not of its subfolders).

    A column of codes may read as numbers in one CSV file and not in another; it is text in all.

    Parameters
    ----------
    path : Path
    as_text : collection of str, default=()
        As of `pipeline.files.tables.read_table`.

    Raises
    ------
    InputError
        If there is nothing to read, a file is damaged, or columns differ between files.
    """
    import pandas as pd

    paths = _find_files(path)
    frames = [read_table(file, as_text) for file in paths]
    for file, frame in zip(paths[1:], frames[1:], strict=True):
        _check_same_columns(paths[0].name, frames[0], file.name, frame)
    if mixed := _of_several_kinds(frames):
        frames = [read_table(file, {*as_text, *mixed}) for file in paths]
    files = tuple(
        SourceFile(file.name, file_sha256(file), len(frame))
        for file, frame in zip(paths, frames, strict=True)
    )
    if sum(file.n_rows for file in files) == 0:
        raise InputError(
            f"{path} holds no transactions (0 rows below the header); expected at least one row "
            "per transaction; check the export that made it"
        )
    first = frames[0]
    frame = pd.concat([frame[first.columns] for frame in frames], ignore_index=True)
    name = path.name if len(files) == 1 else f"{path.name} ({len(files)} files)"
    return Source(frame, files, name)


def _find_files(path: Path) -> list[Path]:
    try:
        if path.is_dir():
            entries = sorted(path.iterdir(), key=lambda entry: entry.name)
            found = [
                entry
                for entry in entries
                if entry.is_file()
                and entry.suffix.lower() in SUFFIXES
                and not entry.name.startswith(".")
            ]
            if found:
                return found
            raise InputError(
                f"{path} holds no .csv or .parquet file; put transactions there, set data.path in "
                "params.yaml to another place, or use data.source: simulated"
            )
        if path.exists():
            if path.suffix.lower() in SUFFIXES:
                return [path]
            raise InputError(
                f"{path} has the suffix {path.suffix or '(none)'}; expected .csv or .parquet; "
                "convert the file, or rename it if it is one of these"
            )
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    raise InputError(
        f"{path} does not exist; set data.path in params.yaml to a CSV or Parquet file or to a "
        "folder of them"
    )


def _of_several_kinds(frames: list[pd.DataFrame]) -> list[str]:
    """Return the columns that hold text in one file, and numbers or booleans in another."""
    from pandas.api import types

    def kind(column: pd.Series) -> str:
        if types.is_bool_dtype(column):
            return "boolean"
        return "number" if types.is_numeric_dtype(column) else "text"

    filled = [frame for frame in frames if len(frame)]
    kinds = {
        str(name): {kind(frame[name]) for frame in filled if frame[name].notna().any()}
        for name in frames[0].columns
    }
    return [name for name, found in kinds.items() if "text" in found and len(found) > 1]


def _check_same_columns(
    first_name: str, first: pd.DataFrame, other_name: str, other: pd.DataFrame
) -> None:
    missing = [name for name in first.columns if name not in other.columns]
    extra = [name for name in other.columns if name not in first.columns]
    if missing or extra:
        differences = [
            f"{text} {', '.join(map(str, names))}"
            for text, names in (("lacks", missing), ("has in addition", extra))
            if names
        ]
        raise InputError(
            f"{other_name} {' and '.join(differences)} compared with {first_name}; expected the "
            "same columns in all files of the folder; correct it or move it elsewhere"
        )
