"""Renews results of earlier code where refits by the present code come out equal."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.jobs import Job
from benchmarks.quality.kept import are_of_one_fit
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.rows import Table
from benchmarks.quality.running import run_job

logger = logging.getLogger(__name__)

SCORES = ("raw", "raw_validation")
# How far a refit was compared: all scores bit for bit, or, where they are on another machine, the
# figures of the results file, to four decimals.
BITS, FIGURES = "bits", "figures"


def confirm(
    jobs: list[Job], table: Table, ledger: Ledger, data: str, *, folder: Path, n_refits: int
) -> int:
    """Refit a few jobs of which only the code has changed; return how many lines were renewed.

    A kind of model on one kind of split is renewed as a whole, or, if a single score of a single
    refit differs, not at all. Where the scores of earlier code are on another machine, figures
    are compared instead. Jobs whose settings, rows or seeds have changed are never renewed.

    Parameters
    ----------
    n_refits : int
        Of each kind on each kind of split, spread over its stale jobs.
    """
    n_renewed = 0
    for kind in dict.fromkeys(map(_kind, jobs)):
        stale = _stale([job for job in jobs if _kind(job) == kind], ledger, data)
        chosen = np.unique(np.linspace(0, len(stale) - 1, min(n_refits, len(stale))).astype(int))
        refits = [stale[index] for index in chosen]
        compared = []
        for job, line in refits:
            compared.append(_compare(job, line, table, ledger, folder))
            if compared[-1] is None:
                break
        if not refits or None in compared:
            continue
        proof = {"confirmed_by": [job.name for job, _ in refits],
                 "confirmed_to": FIGURES if FIGURES in compared else BITS}  # fmt: skip
        for job, line in stale:
            _renew(line, job.key(data), proof, ledger)
        n_renewed += len(stale)
        logger.info("%s on %s: %d results renewed after %d equal refits", *kind, len(stale),
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


def _compare(
    job: Job, line: dict[str, Any], table: Table, ledger: Ledger, folder: Path
) -> str | None:
    """Fit a job again; say what of it was equal to a line, or None where something was not."""
    kept = ledger.scores(line)
    figures, fresh = run_job(job, table, folder)
    if kept is None:
        if are_of_one_fit(figures, line):
            return FIGURES
        logger.warning("%s: a refit has other figures; nothing is renewed", job.name)
        return None
    if all(np.array_equal(kept[name], fresh[name]) for name in SCORES):
        return BITS
    apart = np.abs(kept["raw"] - fresh["raw"]).max()
    logger.warning("%s: a refit scores differently, by up to %.3g; nothing is renewed",
                   job.name, apart)  # fmt: skip
    return None


def _kind(job: Job) -> tuple[str, str]:
    """Return the model and the kind of split; other code runs for another of either."""
    return job.variant.kind, job.split["function"]


def _renew(line: dict[str, Any], key: str, proof: dict[str, Any], ledger: Ledger) -> None:
    if line.get("confirmed_to") == FIGURES:
        # A chain of confirmations is as strong as its weakest link.
        names = list(dict.fromkeys(line["confirmed_by"] + proof["confirmed_by"]))
        proof = {"confirmed_by": names, "confirmed_to": FIGURES}
    arrays, renewed = ledger.scores(line), {**line, "key": key, **proof}
    if arrays is None:
        ledger.add_line(renewed)
    else:
        ledger.add(renewed, arrays)
