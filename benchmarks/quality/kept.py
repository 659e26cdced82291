"""Figures made from the scores of several fits, kept for where the scores are not at hand."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.quality.outcomes import Outcome

# Equal on every machine, as they are rounded; other scores change at least one of them.
TELLING = ("average_precision", "f1", "recall_at_100_alerts", "frauds_predicted",
           "calibration_slope", "n_test", "frauds_came")  # fmt: skip


class KeptFigures:
    """A JSON file of figures by what they were made from.

    Scores of all fits are hundreds of megabytes and no part of the repository; what intervals and
    calibrations came out of them is a few kilobytes.

    Parameters
    ----------
    path : Path
        The file; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._figures: dict[str, Any] = {}
        self._is_changed = False
        if self.path.exists():
            self._figures = json.loads(self.path.read_text(encoding="utf-8"))

    def get(self, name: str) -> Any:
        """Return what is kept under a name, or None."""
        return self._figures.get(name)

    def keep(self, name: str, figures: Any) -> None:
        """Keep something that JSON can hold; `save` writes it."""
        self._is_changed |= self._figures.get(name) != figures
        self._figures[name] = figures

    def save(self) -> None:
        """Write the file if anything is new."""
        if not self._is_changed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        lines = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(self._figures[name], allow_nan=False)}"
            for name in sorted(self._figures)
        )
        fresh.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
        fresh.replace(self.path)
        self._is_changed = False


def name_of(what: str, *groups: Sequence[Outcome]) -> str:
    """Name of figures: what they are, and a hash of the fits that they are made from.

    A fit is known by its split and its own figures, so that one whose code was changed without
    changing its scores is still the same.
    """
    facts = [
        [[o.job.cell, o.line["data"], *(o.line.get(figure) for figure in TELLING)] for o in group]
        for group in groups
    ]
    return f"{what} {hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]}"


def from_scores(what: str, groups: Sequence[Sequence[Outcome]], make: Callable[[], Any]) -> Any:
    """Make figures where the scores of all these fits are at hand, else look them up.

    Parameters
    ----------
    what : str
        What they are.
    groups : sequence of sequences of Outcome
        The fits, at least one; in a fixed order.
    make : callable
        Returns them as JSON can hold them.

    Returns
    -------
    object or None
        None where scores are missing and nothing is kept.
    """
    everything = [outcome for group in groups for outcome in group]
    kept, name = everything[0].ledger.kept, name_of(what, *groups)
    if any(outcome.scored is None for outcome in everything):
        return kept.get(name)
    figures = make()
    kept.keep(name, figures)
    return figures
