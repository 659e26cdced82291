"""Renews results of earlier code where refits by the present code come out bit for bit equal."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.jobs import CODE, Job
from benchmarks.quality.kept import TELLING
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.rows import Table
from benchmarks.quality.running import run_job

logger = logging.getLogger(__name__)

SCORES = ("raw", "raw_validation")


def confirm(
    jobs: list[Job], table: Table, ledger: Ledger, data: str, *, folder: Path, n_refits: int
) -> int:
    """Refit a few jobs of which only the code has changed; return how many lines were renewed.

    A family of variants is renewed as a whole, or, if a single score of a single refit differs,
    not at all. Where the scores of earlier code are on another machine, its figures are compared,
    to the six digits of the results file. Jobs whose settings, rows or seeds have changed are
    never renewed.

    Parameters
    ----------
    n_refits : int
        Of each family, spread over its stale jobs.
    """
    n_renewed = 0
    for family in CODE:
        stale = _stale([job for job in jobs if job.variant.family == family], ledger, data)
        chosen = np.unique(np.linspace(0, len(stale) - 1, min(n_refits, len(stale))).astype(int))
        refits = [stale[index] for index in chosen]
        if refits and all(_is_equal(job, line, table, ledger, folder) for job, line in refits):
            names = [job.name for job, _ in refits]
            for job, line in stale:
                _renew(job, line, names, ledger, data)
            n_renewed += len(stale)
            logger.info("%s: %d results renewed after %d equal refits", family, len(stale),
                        len(refits))  # fmt: skip
    return n_renewed


def _stale(jobs: list[Job], ledger: Ledger, data: str) -> list[tuple[Job, dict[str, Any]]]:
    """Jobs that are not done, with the newest line that answers the same question, once each."""
    done = ledger.by_key()
    answers = {line["question"]: line for line in ledger.lines() if "question" in line}
    found = {
        job.question(data): (job, answers[job.question(data)])
        for job in jobs
        if job.key(data) not in done and job.question(data) in answers
    }
    return list(found.values())


def _is_equal(
    job: Job, line: dict[str, Any], table: Table, ledger: Ledger, folder: Path
) -> bool:  # fmt: skip
    kept = ledger.scores(line["key"])
    figures, fresh = run_job(job, table, folder)
    if kept is None:
        differing = [name for name in TELLING if figures.get(name) != line.get(name)]
        if differing:
            logger.warning("%s: a refit has another %s; nothing is renewed", job.name,
                           differing[0])  # fmt: skip
        return not differing
    if all(np.array_equal(kept[name], fresh[name]) for name in SCORES):
        return True
    apart = np.abs(kept["raw"] - fresh["raw"]).max()
    logger.warning("%s: a refit scores differently, by up to %.3g; nothing is renewed",
                   job.name, apart)  # fmt: skip
    return False


def _renew(job: Job, line: dict[str, Any], names: list[str], ledger: Ledger, data: str) -> None:
    renewed = {**line, "key": job.key(data), "confirmed_by": names}
    arrays = ledger.scores(line["key"])
    if arrays is None:
        ledger.add_line(renewed)
    else:
        ledger.add(renewed, arrays)
