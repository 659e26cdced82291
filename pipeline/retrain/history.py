"""The promotion history: a file of JSON lines that only grows, each sealed with the one before.

Each entry holds the SHA-256 of its predecessor and its own, so that no entry can be changed, left
out or put between without it showing. That the newest ones were cut off shows by the head, which
the model registry keeps as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files.atomic import write_text

GENESIS = "0" * 64
SEALS = ("index", "previous_sha256", "sha256")
Entry = dict[str, Any]


def read_history(path: Path) -> list[Entry]:
    """Return the entries, oldest first, after checking every seal.

    Parameters
    ----------
    path : Path
        The file; one that does not exist is an empty history.

    Raises
    ------
    InputError
        If an entry was changed, left out, or is no JSON; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    entries: list[Entry] = []
    for number, line in enumerate(lines, 1):
        try:
            entry: Entry = json.loads(line)
            found = entry["sha256"], entry["previous_sha256"], entry["index"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(f"{path}, line {number}, is no entry of a history: {error}") from error
        expected = _sha256(entry), head(entries), number - 1
        if found != expected:
            raise InputError(
                f"{path}, line {number}, was changed, or lines before it were: its seal does not "
                "fit; restore the file from a backup"
            )
        entries.append(entry)
    return entries


def append_entry(path: Path, facts: Mapping[str, Any]) -> Entry:
    """Add an entry and return it; the file is replaced in one step.

    Parameters
    ----------
    path : Path
        The history, which is checked first.
    facts : mapping
        What happened, ready for JSON; the seals are added.

    Raises
    ------
    InputError
        If the history was tampered with.
    """
    taken = [name for name in SEALS if name in facts]
    if taken:
        raise ValueError(f"the names {taken} are those of seals")
    entries = read_history(path)
    entry: Entry = {**facts, "index": len(entries), "previous_sha256": head(entries)}
    entry["sha256"] = _sha256(entry)
    lines = [json.dumps(each, sort_keys=True, allow_nan=False) for each in (*entries, entry)]
    write_text("\n".join(lines) + "\n", path)
    return entry


def head(entries: list[Entry]) -> str:
    """Return the SHA-256 of the newest entry; that of no history is all zeros."""
    return str(entries[-1]["sha256"]) if entries else GENESIS


def _sha256(entry: Mapping[str, Any]) -> str:
    content = {name: value for name, value in entry.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
