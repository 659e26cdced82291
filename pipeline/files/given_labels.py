"""The table of labels that people gave, by the content of the transaction."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "labels.csv"
KEY = "transaction_key"
_KEYS = re.compile(r"t-[0-9a-f]{20}")  # what features.transaction_keys makes
COLUMNS = (
    KEY, "label", "labelled_by", "labelled_at", "guess", "score", "strategy", "file", "imported_at",
)  # fmt: skip


@dataclass(frozen=True)
class GivenLabel:
    """One label, and what is known about it.

    Attributes
    ----------
    key : str
        Of the transaction, see `features.transaction_keys`.
    label : int
        1 fraud, 0 genuine.
    facts : mapping of str to str
        The other columns of the table: who, when, what the model had guessed.
    """

    key: str
    label: int
    facts: Mapping[str, str]


def is_transaction_key(text: str) -> bool:
    """Whether a text is the key of a transaction.

    Examples
    --------
    >>> is_transaction_key("t-90f5efccc22b7aa7037c"), is_transaction_key("17")
    (True, False)
    """
    return _KEYS.fullmatch(text) is not None


def read_given_labels(folder: Path) -> dict[str, GivenLabel]:
    """Return the labels of a folder by the key of their transaction; none where there is no file.

    Raises
    ------
    InputError
        If the file was damaged, names the line.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in (KEY, "label") if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path} lacks the column {missing[0]}; take it from a backup")
            return _by_key(path, reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV file of labels ({error})") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def write_given_labels(labels: Mapping[str, GivenLabel], folder: Path) -> None:
    """Write the table of a folder, which is made where it is missing, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        atomic_path(folder / FILE) as fresh,
        fresh.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for one in labels.values():
            writer.writerow({KEY: one.key, "label": one.label, **one.facts})
        file.flush()
        os.fsync(file.fileno())


def _by_key(path: Path, reader: csv.DictReader[str]) -> dict[str, GivenLabel]:
    found: dict[str, GivenLabel] = {}
    for row in reader:
        key, label = row[KEY] or "", row["label"] or ""
        place = f"{path}, line {reader.line_num}"
        if not is_transaction_key(key) or label not in ("0", "1"):
            raise InputError(
                f"{place}: expected a {KEY} such as t-0123456789abcdef0123 and a label of 0 or 1, "
                f"got {key[:24]!r} and {label[:8]!r}; correct the line or remove it"
            )
        if key in found and found[key].label != int(label):
            raise InputError(f"{place}: {key} has both labels; remove the wrong line")
        facts = {name: row.get(name) or "" for name in COLUMNS[2:]}
        found.setdefault(key, GivenLabel(key, int(label), facts))
    return found
