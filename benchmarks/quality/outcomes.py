"""Finished jobs of a plan, gathered by study and variant for the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.quality.bootstrap import Scored
from benchmarks.quality.jobs import Job, code_version
from benchmarks.quality.kept import short_hash, stamp
from benchmarks.quality.ledger import Ledger


@dataclass(frozen=True, eq=False)
class Outcome:
    """A finished job: its line of the results file, and its test scores if they are at hand."""

    job: Job
    line: dict[str, Any]
    ledger: Ledger

    @cached_property
    def scored(self) -> Scored | None:
        """Scores of the test rows, or None where only the line is left."""
        arrays = self.ledger.scores(self.line)
        if arrays is None:
            return None
        return Scored(
            rows=arrays["rows"],
            y=arrays["y"],
            score=arrays["score"],
            weight=arrays["weight"],
            threshold=self.line.get("threshold"),
        )


class Outcomes:
    """What is known of a plan.

    Parameters
    ----------
    plan : list of Job
        All jobs of the report.
    ledger : Ledger
        Results.
    data : str
        Version of the data that the results must be of.
    accept_stale : bool
        Where a job has no result, take the newest one of the same name, whatever code and
        settings it came from.
    """

    def __init__(
        self, plan: list[Job], ledger: Ledger, data: str, *, accept_stale: bool = False
    ) -> None:
        self.plan = plan
        by_key = ledger.by_key()
        by_name = {line["job"]: line for line in by_key.values()} if accept_stale else {}
        self.n_stale = 0
        self.found: list[Outcome] = []
        for job in plan:
            line = by_key.get(job.key(data))
            if line is None and job.name in by_name:
                line = by_name[job.name]
                self.n_stale += 1
            if line is not None:
                self.found.append(Outcome(job, line, ledger))
        used = {outcome.line["key"] for outcome in self.found}
        self.n_unused = len(set(by_key) - used)

    def of(self, study: str, setting: str | None = None) -> dict[str, dict[str, Outcome]]:
        """Return outcomes by variant, in the plan's order, and by cell (split and seed)."""
        jobs = [j for j in self.plan if j.study == study and setting in (None, j.setting)]
        gathered: dict[str, dict[str, Outcome]] = {job.variant.name: {} for job in jobs}
        for outcome in self.found:
            if outcome.job.study == study and setting in (None, outcome.job.setting):
                gathered[outcome.job.variant.name][outcome.job.cell] = outcome
        return gathered

    def settings(self, study: str) -> list[str]:
        """Return the settings of a study in the plan's order."""
        return list(dict.fromkeys(job.setting for job in self.plan if job.study == study))

    def n_planned(
        self, study: str, variant: str | None = None, setting: str | None = None
    ) -> int:  # fmt: skip
        """Return how many jobs of a study (and variant, and setting) are planned."""
        return sum(
            j.study == study and variant in (None, j.variant.name) and setting in (None, j.setting)
            for j in self.plan
        )

    def n_done(self, study: str) -> int:
        """Return how many jobs of a study are done."""
        return sum(outcome.job.study == study for outcome in self.found)


def values(outcomes: Iterable[Outcome], name: str) -> np.ndarray:
    """One figure of every outcome that has it."""
    return np.array([o.line[name] for o in outcomes if o.line.get(name) is not None], float)


def with_scores(cells: dict[str, Outcome]) -> dict[str, Scored]:
    """Scores by cell, of the outcomes whose scores are at hand."""
    return {cell: outcome.scored for cell, outcome in cells.items() if outcome.scored is not None}


def common_mean(
    a: dict[str, Outcome], b: dict[str, Outcome], name: str
) -> tuple[float, float] | None:
    """Means of a figure of A and B over the cells that both have, or None without any."""
    cells = [cell for cell in a if cell in b]
    if not cells:
        return None
    mean_a, mean_b = (values((one[cell] for cell in cells), name).mean() for one in (a, b))
    return float(mean_a), float(mean_b)


def name_of(what: str, code: tuple[str, ...], *groups: Sequence[Outcome]) -> str:
    """Name of figures: what they are, the code that makes them, and the fits they are made from.

    A fit is known by its split and its own figures, so that one whose code was changed without
    changing its scores is still the same.
    """
    fits = [[[o.job.cell, o.line["data"], stamp(o.line)] for o in group] for group in groups]
    return f"{what} {short_hash([code_version(code), fits])}"


def from_scores(
    what: str,
    code: tuple[str, ...],
    groups: Sequence[Sequence[Outcome]],
    make: Callable[[], Any],
) -> Any:
    """Make figures where the scores of all these fits are at hand, else look them up.

    Parameters
    ----------
    what : str
        What they are.
    code : tuple of str
        Files that make them.
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
    kept, name = everything[0].ledger.kept, name_of(what, code, *groups)
    if any(outcome.scored is None for outcome in everything):
        return kept.get(name)
    figures = make()
    kept.keep(name, figures)
    return figures
