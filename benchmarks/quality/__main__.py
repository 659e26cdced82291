"""The command line: runs the jobs that are not done, then writes docs/RESULTS.md.

Run from the repository root: ``python -m benchmarks.quality``. It takes hours; a stopped run
continues where it was.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from benchmarks.quality.jobs import data_version
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.report import write_report
from benchmarks.quality.studies import N_STEADY_SEEDS, STUDIES, plan

logger = logging.getLogger("benchmarks.quality")

DATA = Path("../shared/data/creditcard_dev.parquet")
RESULTS = Path("benchmarks/results/quality.jsonl")
CACHE = Path(".cache/quality")
PAGE = Path("docs/RESULTS.md")
MADE_BY = "make bench-quality"
BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    # Every fit is a graph of its own; TensorFlow takes that for a mistake and says so each time.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    results = options.results or (CACHE / "small.jsonl" if options.small else RESULTS)
    page = options.page or (CACHE / "small" / "RESULTS.md" if options.small else PAGE)
    ledger = Ledger(results, CACHE / "scores")
    try:
        jobs = plan(
            small=options.small,
            studies=options.study,
            only=options.variant,
            n_steady_seeds=options.steady_seeds,
        )
    except ValueError as error:
        print(f"quality benchmark: {error}", file=sys.stderr)
        return BAD_INPUT
    if not options.data.is_file():
        print(
            f"quality benchmark: there is no {options.data.name} where --data points: the "
            "development rows are not part of the repository. docs/data.md says where such rows "
            "come from; name the file with --data FILE (columns Time, V1..V28, Amount, Class).",
            file=sys.stderr,
        )
        return BAD_INPUT
    data = data_version(options.data, small=options.small)
    if options.list:
        done = ledger.by_key()
        for job in jobs:
            print("done " if job.key(data) in done else "to do", job.name)
        return 0
    # The page is of the whole plan, whichever part of it is run now. Made before the run, so that
    # a params.yaml edited meanwhile does not hide its results.
    whole = plan(small=options.small, n_steady_seeds=options.steady_seeds)
    n_failed = 0 if options.report else _run(options, jobs, ledger, data)
    write_report(
        whole, ledger, data, page, command=_command(options), accept_stale=options.accept_stale
    )
    logger.info("the results are in %s", page)
    return 1 if n_failed else 0


def _run(options, jobs, ledger, data):
    from benchmarks.quality.confirming import confirm
    from benchmarks.quality.rows import load
    from benchmarks.quality.running import run_all

    table, folder = load(options.data, small=options.small), CACHE / "encoders"
    if options.confirm:
        confirm(jobs, table, ledger, data, folder=folder, n_refits=options.confirm)
        return 0
    return run_all(
        jobs,
        table,
        ledger,
        data,
        folder=folder,
        seconds=None if options.limit_minutes is None else 60 * options.limit_minutes,
        wants_scores=options.scores,
    )


def _command(options) -> str:
    """Return the command that makes the same page; paths of this machine are left out."""
    changes = []
    if options.small:
        changes.append("--small")
    if options.steady_seeds != N_STEADY_SEEDS:
        changes.append(f"--steady-seeds {options.steady_seeds}")
    if options.accept_stale:
        changes.append("--accept-stale")
    return f'{MADE_BY} ARGS="{" ".join(changes)}"' if changes else MADE_BY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument(
        "--study", action="append", default=[], help=f"only this one of: {', '.join(STUDIES)}"
    )
    parser.add_argument("--variant", action="append", default=[], help="only this variant")
    parser.add_argument("--limit-minutes", type=float, help="start no job after so long")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--scores",
        action="store_true",
        help="fit done jobs again whose test scores are not on this machine; intervals between "
        "an old fit and a new one need the scores of both",
    )
    instead.add_argument("--report", action="store_true", help="write the page and fit nothing")
    instead.add_argument("--list", action="store_true", help="list the jobs and fit nothing")
    parser.add_argument("--small", action="store_true", help="a smoke test with a page of its own")
    parser.add_argument("--steady-seeds", type=int, default=N_STEADY_SEEDS, help="of study steady")
    instead.add_argument(
        "--confirm",
        type=int,
        metavar="N",
        help="refit N jobs of each kind of model and split of which only the code has changed; if "
        "all their scores are equal (or, where the old ones are on another machine, their "
        "figures), all such results count as done again",
    )
    parser.add_argument(
        "--accept-stale",
        action="store_true",
        help="also report results of earlier code or settings; the page says how many",
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the development rows (Parquet)")
    parser.add_argument("--results", type=Path, help=f"results file (default {RESULTS})")
    parser.add_argument("--page", type=Path, help=f"where the page goes (default {PAGE})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
