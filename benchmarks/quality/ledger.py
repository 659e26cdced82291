"""The results file, one JSON line a finished job, and the test scores beside it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.kept import KeptFigures, stamp

logger = logging.getLogger(__name__)


class Ledger:
    """Finished jobs; a kill at any moment leaves whole lines only.

    Parameters
    ----------
    path : Path
        The results file; made where it is missing.
    scores_folder : Path
        Where the test scores lie, one file a job. They are needed for paired intervals only.

    Attributes
    ----------
    kept : KeptFigures
        What was made from the scores, in a file beside the results file.
    """

    def __init__(self, path: Path, scores_folder: Path) -> None:
        self.path = Path(path)
        self.scores_folder = Path(scores_folder)
        self._has_warned = False
        self.kept = KeptFigures(self.path.with_name(f"{self.path.stem}_intervals.json"))

    def lines(self) -> list[dict[str, Any]]:
        """Return all whole lines, oldest first; what a kill left of a line is passed over."""
        if not self.path.exists():
            return []
        results = []
        for number, line in enumerate(self.path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                results.append(json.loads(line))
            except json.JSONDecodeError:
                logger.warning("%s: line %d is cut short and ignored", self.path.name, number)
        return results

    def by_key(self) -> dict[str, dict[str, Any]]:
        """Return the newest line of each key."""
        return {line["key"]: line for line in self.lines()}

    def add(self, line: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a finished job: the scores first, so that a line implies its scores."""
        self.keep_scores(line, arrays)
        self.add_line(line)

    def keep_scores(self, line: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of a job, with a stamp of its figures."""
        self.scores_folder.mkdir(parents=True, exist_ok=True)
        fresh = self.scores_folder / f".{line['key']}.{os.getpid()}.npz"
        np.savez_compressed(fresh, **arrays, stamp=np.array(stamp(line)))
        fresh.replace(self._scores_path(line["key"]))

    def add_line(self, line: Mapping[str, Any]) -> None:
        """Keep the line of a job whose scores lie there already, or are on another machine."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(line, sort_keys=True, allow_nan=False)
        # One write to a file opened for appending: lines of two processes cannot mix.
        with self.path.open("ab", buffering=0) as file:
            file.write(self._end_of_cut_line() + text.encode() + b"\n")
            os.fsync(file.fileno())

    def scores(self, line: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        """Return the arrays of a job, or None if those of this line are not on this machine."""
        path = self._scores_path(line["key"])
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if str(arrays.pop("stamp", "")) == stamp(line):
            return arrays
        # A newer line, of other scores, may have come from another machine.
        if not self._has_warned:
            logger.warning("scores that are not those of their line are passed over (%s is the "
                           "first); --scores makes them anew", line["job"])  # fmt: skip
            self._has_warned = True
        return None

    def _scores_path(self, key: str) -> Path:
        return self.scores_folder / f"{key}.npz"

    def _end_of_cut_line(self) -> bytes:
        if not self.path.exists() or self.path.stat().st_size == 0:
            return b""
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return b"" if file.read(1) == b"\n" else b"\n"
