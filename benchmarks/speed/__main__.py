"""How fast Counterfoil trains, scores and runs, beside others doing the same.

Run from the repository root: ``python -m benchmarks.speed [PART...]``; without a part, all of
them. Raw figures go to benchmarks/results/speed.json, where a part that is not run again keeps
its old ones, and the page is written anew from there.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from functools import partial
from importlib import metadata
from pathlib import Path

from benchmarks.speed.page import as_markdown
from benchmarks.speed.parts import PARTS, ROOT

PACKAGES = ("tensorflow", "keras", "numpy", "jax", "torch", "xgboost")
RESULTS = Path("benchmarks/results/speed.json")
PAGE = Path("docs/benchmarks/speed.md")


def main(arguments=None):
    """Measure the parts asked for, store their figures and write the page."""
    options = parse(arguments)
    options.say = lambda line: print(line, file=sys.stderr, flush=True)
    options.describe = lambda: describe(options.command)
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    for name in options.parts or PARTS:
        measured = options.describe()
        former = results.get(name, {})
        # Stored piece by piece: the next one may take long, or fail.
        options.keep = partial(keep, results, name, measured, options)
        options.keep(PARTS[name](options, former))
    print(options.page)


def parse(arguments):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__.split("\n\n", maxsplit=1)[0]
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=7, help="turns of every contender")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn, about")
    parser.add_argument("--members", type=int, nargs="+", default=[1, 8, 64], help="of the SGAN")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[50_000, 285_000, 2_800_000],
        help="simulated rows of the pipeline",
    )  # fmt: skip
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"PART must be among {', '.join(PARTS)}, got {', '.join(unknown)}")
    words = sys.argv[1:] if arguments is None else arguments
    options.command = " ".join(["python -m benchmarks.speed", *words])
    return options


def keep(results, name, measured, options, part):
    """Put what has been measured of a part in place and write everything."""
    results[name] = {**part, "measured": measured}
    store(results, options)


def store(results, options):
    """Write the figures and the page."""
    for path, text in (
        (options.results, json.dumps(results, indent=1) + "\n"),
        (options.page, as_markdown(results)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def describe(command):
    """Return when, with what and on what kind of machine something is measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "machine": f"{platform.system()} on {platform.machine()}, {os.cpu_count()} processors, "
        f"{memory:.0f} GiB",
        "versions": versions,
        "load": list(os.getloadavg()),
    }


def _commit():
    """Return the short commit, and whether code or parameters were changed since."""
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    is_changed = _git("status", "--porcelain", "--", "*.py", "*.yaml")
    return commit + ", changed" * bool(is_changed)


def _git(*words):
    told = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip()


if __name__ == "__main__":
    main()
