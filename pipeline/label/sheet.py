"""A file of suggestions and the answers in it; each answer is on the disk when it is given."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import naming_the_file
from pipeline.files.given_labels import KEY, is_transaction_key
from pipeline.files.locks import held_by

OUR_COLUMNS = (KEY, "label", "labelled_by", "labelled_at", "guess", "score")
LABELS = ("", "0", "1")
WORDS = {"0": "genuine", "1": "FRAUD", "": "no answer"}
Stamp = tuple[int, int, int]


@dataclass
class Sheet:
    """Suggestions, one row a transaction, all values as text.

    Attributes
    ----------
    path : Path
        The CSV file.
    columns : list of str
        Its header.
    rows : list of dict of str to str
        In its order.
    """

    path: Path
    columns: list[str]
    rows: list[dict[str, str]]
    _stamp: Stamp = field(repr=False, default=(0, 0, 0))

    @classmethod
    def read(cls, path: Path) -> Sheet:
        """Read a file of suggestions.

        Raises
        ------
        InputError
            If there is none, or it is not what `counterfoil label suggest` wrote.
        """
        try:
            stamp = _stamp(path)
            text = path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            raise InputError(
                f"{path} does not exist; make one with `counterfoil label suggest --out {path}`"
            ) from None
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is not UTF-8 text; save it as CSV in UTF-8") from error
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
        try:
            columns, rows = list(reader.fieldnames or ()), list(reader)
        except csv.Error as error:
            raise InputError(
                f"{path}, line {reader.line_num}: no regular CSV ({error}); it may be truncated"
            ) from error
        _check(path, columns, rows)
        return cls(path, columns, rows, stamp)

    @property
    def n_answered(self) -> int:
        """Rows with a label."""
        return sum(row["label"] != "" for row in self.rows)

    def first_open(self, start: int = 0) -> int | None:
        """Return the first row from `start` on that has no label; None if all have."""
        return next((i for i in range(start, len(self.rows)) if not self.rows[i]["label"]), None)

    def answer(self, position: int, label: str, by: str) -> None:
        """Set the label of a row ("0", "1", or "" to take it back), and write the file.

        Raises
        ------
        InputError
            If the file cannot be written, or somebody else has changed it; the row is as before.
        """
        if label not in LABELS:
            raise ValueError(f"expected a label of 0, 1 or nothing, got {label!r}")
        at = datetime.now(UTC).isoformat(timespec="seconds")
        said = {"label": label, "labelled_by": by if label else "", "labelled_at": at}
        if not label:
            said["labelled_at"] = ""
        before = dict(self.rows[position])
        self.rows[position] |= said
        try:
            self._write()
        except BaseException:
            self.rows[position] = before
            raise

    def _write(self) -> None:
        """Replace the file; a kill or a power cut at any moment leaves the old or the new one."""
        with naming_the_file(self.path):
            if _stamp(self.path) != self._stamp:
                raise InputError(
                    f"{self.path} was changed by another program meanwhile; the last answer is not "
                    "in it. Close that program and start the review again"
                )
            fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}.new")
            try:
                with fresh.open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, self.columns, lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(self.rows)
                    file.flush()
                    os.fsync(file.fileno())
                fresh.replace(self.path)
            finally:
                fresh.unlink(missing_ok=True)
            _sync_folder(self.path.parent)
            self._stamp = _stamp(self.path)


@contextmanager
def reviewed_alone(path: Path) -> Iterator[Sheet]:
    """Open a sheet for one review at a time.

    Raises
    ------
    UsageError
        If another review of the file is open.
    InputError
        As of `Sheet.read`.
    """
    Sheet.read(path)  # its errors come before a lock file is made
    with naming_the_file(path), held_by(path.with_name(f".{path.name}.lock")) as holder:
        if holder is not None:
            raise UsageError(
                f"{path} is being reviewed by another process ({holder}); close that review first"
            )
        yield Sheet.read(path)


def label_in_words(label: str) -> str:
    """Return what a label means.

    Examples
    --------
    >>> [label_in_words(label) for label in ("0", "1", "")]
    ['genuine', 'FRAUD', 'no answer']
    """
    return WORDS[label]


def _check(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    missing = [name for name in OUR_COLUMNS if name not in columns]
    if missing:
        raise InputError(
            f"{path} has no column {', '.join(missing)}; expected what `counterfoil label suggest` "
            "writes, with commas between the values (a spreadsheet may have put semicolons)"
        )
    if not rows:
        raise InputError(f"{path} holds no transactions")
    for number, row in enumerate(rows, 1):
        if None in row or not is_transaction_key(row[KEY]):
            raise InputError(
                f"{path}, row {number}: expected {len(columns)} values and a {KEY}; it may be "
                "truncated, or was edited"
            )
        if row["label"] not in LABELS or row["guess"] not in LABELS[1:]:
            raise InputError(
                f"{path}, row {number}: label must be 0, 1 or empty and guess 0 or 1, got "
                f"{row['label'][:8]!r} and {row['guess'][:8]!r}; correct the row"
            )


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk as well."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def facts_of(row: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the columns of the transaction itself, with their values."""
    ours = {*OUR_COLUMNS, "disagreement", "strategy"}
    return [
        (name, value)
        for name, value in row.items()
        if name not in ours and not name.startswith("reason_")
    ]


def reasons_of(row: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the inputs that pushed the score up: name, value, contribution in log odds."""
    found = []
    for name in row:
        if name.startswith("reason_") and not name.endswith("_contribution") and row[name]:
            found.append((row[name], row.get(row[name], ""), row.get(f"{name}_contribution", "")))
    return found
