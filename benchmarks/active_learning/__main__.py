"""Simulates active learning on the development rows and writes page and picture.

Run from the repository root: ``python -m benchmarks.active_learning``. A stopped run continues
where it was: finished fits are lines of ``benchmarks/results/active_learning.jsonl``.
"""

import argparse
import os
import sys
from pathlib import Path

from benchmarks.active_learning.page import as_markdown, draw
from benchmarks.active_learning.simulation import collect, simulate
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.rows import load

DATA = Path("../shared/data/creditcard_dev.parquet")
RESULTS = Path("benchmarks/results/active_learning.jsonl")
SCORES = Path(".cache/benchmarks/active_learning")
PAGE = Path("docs/benchmarks/active_learning.md")
PICTURE = Path("docs/images/active_learning.png")


def main(arguments=None):
    """Simulate what is missing, and write page and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="a smoke test on a few rows")
    parser.add_argument("--report", action="store_true", help="only write page and picture")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--scores", type=Path, default=SCORES)
    parser.add_argument("--out", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    ledger = Ledger(options.results, options.scores)
    seeds = range(options.seeds)
    if not options.report:
        simulate(load(options.data, small=options.small), ledger, seeds, small=options.small)
    results = collect(ledger, seeds, small=options.small)
    draw(results, options.picture)
    given = sys.argv[1:] if arguments is None else arguments
    command = " ".join(
        ["python -m benchmarks.active_learning", *(one for one in given if one != "--report")]
    )
    picture = Path(os.path.relpath(options.picture, options.out.parent)).as_posix()
    options.out.write_text(as_markdown(results, command, picture), encoding="utf-8")


if __name__ == "__main__":
    main()
