"""Figures made from the scores of several fits, kept for where the scores are not at hand."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Figures that tell one fit from another. Of a calibration the sixth decimal differs from machine to
# machine.
TELLING = ("average_precision", "f1", "recall_at_100_alerts", "frauds_predicted",
           "calibration_slope", "n_test", "frauds_came")  # fmt: skip
TELLING_DECIMALS = 4
SCORES = "scores"


class KeptFigures:
    """A JSON file of figures by what they were made from.

    Scores of all fits are hundreds of megabytes and no part of the repository; what intervals and
    calibrations came out of them is a few kilobytes. Entries that are not "from" scores were put
    in by hand, from a page whose scores were lost.

    Parameters
    ----------
    path : Path
        The file; made where it is missing.

    Attributes
    ----------
    used : dict of str to str
        Names of the figures that were looked up, and where each came from.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.used: dict[str, str] = {}
        self._figures = self._read()
        self._fresh: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        """Return what is kept under a name, or None."""
        if name not in self._figures:
            return None
        self.used[name] = self._figures[name]["from"]
        return self._figures[name]["figures"]

    def keep(self, name: str, figures: Any) -> None:
        """Keep something that JSON can hold; `save` writes it."""
        figures = json.loads(json.dumps(figures, allow_nan=False))
        self._fresh[name] = self._figures[name] = {"figures": figures, "from": SCORES}

    def save(self) -> None:
        """Add what is new to the file, beside what another process may have added."""
        known = self._read()
        if all(known.get(name) == one for name, one in self._fresh.items()):
            return
        known |= self._fresh
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        lines = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(known[name])}" for name in sorted(known)
        )
        fresh.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        fresh.replace(self.path)

    def _read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}


def are_of_one_fit(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two lines have the same figures, up to what machines differ by."""
    tolerance = 10.0**-TELLING_DECIMALS
    pairs = [(a.get(name), b.get(name)) for name in TELLING]
    return all(
        x == y or (None not in (x, y) and math.isclose(x, y, rel_tol=0.0, abs_tol=tolerance))
        for x, y in pairs
    )


def stamp(line: Mapping[str, Any]) -> str:
    """Hash of the figures of a line, by which its scores are known as its own."""
    figures = {name: line.get(name) for name in TELLING}
    return short_hash(
        {n: None if x is None else round(x, TELLING_DECIMALS) for n, x in figures.items()}
    )


def short_hash(facts: Any) -> str:
    """First 16 digits of the SHA-256 of what JSON can hold."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
