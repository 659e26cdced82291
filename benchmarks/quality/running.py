"""Runs jobs one after another, each of them at most once."""

from __future__ import annotations

import logging
import platform
import time
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality import rows as splits
from benchmarks.quality.fitted import Fitted
from benchmarks.quality.jobs import Job, Variant, figures_version
from benchmarks.quality.judging import judge
from benchmarks.quality.kept import are_of_one_fit
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.peers import fit_peer
from benchmarks.quality.rows import FitRows, Parts, Table

logger = logging.getLogger(__name__)

LIBRARIES = ("numpy", "scikit-learn", "imbalanced-learn", "xgboost", "keras", "tensorflow")


def parts_of(job: Job, table: Table) -> Parts:
    """Return the rows of a job."""
    settings = dict(job.split)
    make = getattr(splits, settings.pop("function"))
    if settings.pop("backwards", False):
        # The last rows train and the first are tested: they drift as well.
        table = replace(table, time=-table.time)
    return make(table, **settings)


def fit(variant: Variant, rows: FitRows, seed: int, folder: Path) -> Fitted:
    """Fit a variant on what it may see."""
    if variant.family == "peer":
        return fit_peer(variant.kind, variant.settings["candidates"], rows, seed)
    from benchmarks.quality.networks import fit_network, forget_graphs

    forget_graphs()
    return fit_network(variant.kind, variant.settings, rows, seed, folder)


def run_job(job: Job, table: Table, folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Figures and arrays of one job: fit without test rows, then score them once."""
    start = time.perf_counter()
    parts = parts_of(job, table)
    given = splits.fit_rows(table, parts)
    fitted = fit(job.variant, given, job.fit_seed, folder)
    raw_validation = fitted.score(given.X_validation) if given.has_validation else np.empty(0)
    arrays = {
        "rows": parts.test,
        "raw": fitted.score(table.X[parts.test]),
        "validation": parts.validation,
        "raw_validation": raw_validation,
        **fitted.arrays,
    }
    seconds = round(time.perf_counter() - start, 1)
    figures, arrays = judged(arrays, table)
    return {**figures, **fitted.notes, "seconds": seconds}, arrays


def judged(
    arrays: dict[str, np.ndarray], table: Table
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Figures from kept scores, and the arrays with what the figures are made of."""
    validation, test = arrays["validation"], arrays["rows"]
    y, weight = table.y[test], table.weight[test]
    chooses = None
    if len(validation):
        chooses = (table.y[validation], arrays["raw_validation"], table.weight[validation])
    figures, score = judge(y, arrays["raw"], weight, validation=chooses)
    return (
        {**figures, "judged_by": figures_version()},
        {**arrays, "y": y, "weight": weight, "score": score},
    )


def run_all(
    jobs: list[Job],
    table: Table,
    ledger: Ledger,
    data: str,
    *,
    folder: Path,
    seconds: float | None = None,
    wants_scores: bool = False,
) -> int:
    """Run the jobs that are not done; return how many failed.

    Where only the code of the figures has changed, they are made anew from the kept scores.

    Parameters
    ----------
    seconds : float or None
        After so long no new job is started.
    wants_scores : bool
        Fit done jobs again whose scores are not on this machine. Their line stays, unless the
        figures of the new fit are others.
    """
    end = None if seconds is None else time.monotonic() + seconds
    done = ledger.by_key()
    n_failed = 0
    for number, job in enumerate(jobs, 1):
        key = job.key(data)
        if key in done and not (wants_scores and ledger.scores(done[key]) is None):
            done[key] = _up_to_date(done[key], table, ledger)
            continue
        if end is not None and time.monotonic() > end:
            logger.info("time is up: %d of %d jobs are left", len(jobs) - number + 1, len(jobs))
            break
        try:
            figures, arrays = run_job(job, table, folder)
        except (ArithmeticError, RuntimeError, ValueError):
            logger.exception("%s failed", job.name)
            n_failed += 1
            continue
        facts = {"key": key, "question": job.question(data), "job": job.name, "data": data,
                 "versions": versions()}  # fmt: skip
        if key in done and are_of_one_fit(done[key], figures):
            ledger.keep_scores(done[key], arrays)
        else:
            if key in done:
                logger.warning("%s: another outcome than before; the new one counts", job.name)
            done[key] = {**facts, **_seeds(job), **figures}
            ledger.add(done[key], arrays)
        logger.info(
            "%d/%d %s: average precision %.4f, %.0f s",
            number, len(jobs), job.name, figures["average_precision"], figures["seconds"],
        )  # fmt: skip
    return n_failed


def _up_to_date(line: dict[str, Any], table: Table, ledger: Ledger) -> dict[str, Any]:
    arrays = ledger.scores(line)
    if line["judged_by"] == figures_version() or arrays is None:
        return line
    figures, arrays = judged(arrays, table)
    ledger.add({**line, **figures}, arrays)
    return {**line, **figures}


@cache
def versions() -> dict[str, str]:
    """Return versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _seeds(job: Job) -> dict[str, Any]:
    return {"split": job.split, "fit_seed": job.fit_seed}
