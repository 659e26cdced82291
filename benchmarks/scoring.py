"""Measures `counterfoil score` on tables of any length: seconds and peak memory.

Run from the repository root: ``python -m benchmarks.scoring artifacts/evaluate/model``.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from pipeline.model.folder import read_manifest

ROWS_PER_WRITE = 250_000
# The memory of the process that scores, from its start to its end.
SCORE = """
import resource, sys
sys.argv[0] = "counterfoil"
from pipeline.__main__ import main
try:
    main()
except SystemExit as ended:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    raise
"""


def main():
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a folder with a packaged model of numbers only")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 500_000, 5_000_000])
    parser.add_argument("--suffixes", nargs="+", default=[".parquet", ".csv"])
    parser.add_argument("--reasons", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/scoring.md"))
    arguments = parser.parse_args()
    inputs = read_manifest(arguments.model)["inputs"]
    command = " ".join(["python -m benchmarks.scoring", *sys.argv[1:]])
    lines = []
    for suffix in arguments.suffixes:
        for n_rows in arguments.rows:
            lines.append(_measure(arguments.model, inputs, n_rows, suffix, arguments.reasons))
            print(lines[-1], flush=True)
    page = (
        f"# Scoring files\n\nMade by `{command}`.\n\n"
        "Made-up rows of a key and the model's inputs, scored into a file of the same kind; the "
        "peak is the largest resident memory of the process (`ru_maxrss`), with Python, TensorFlow "
        "and the model. Seconds include the start of both.\n\n"
        "| input | rows | file, MB | seconds | rows a second | peak memory, MB |\n"
        "|---|---|---|---|---|---|\n" + "\n".join(lines) + "\n"
    )
    arguments.out.write_text(page, encoding="utf-8")


def _measure(model, inputs, n_rows, suffix, reasons):
    """Return a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = (Path(folder) / f"{name}{suffix}" for name in ("in", "out"))
        _write(source, inputs, n_rows)
        options = ["--out", str(out), *(["--reasons"] if reasons else [])]
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", SCORE, "score", str(model), str(source), *options],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        if done.returncode:
            raise SystemExit(done.stderr)
        n_scored = _count(out)
        if n_scored != n_rows:
            raise SystemExit(f"{n_rows} rows in, {n_scored} out")
        megabytes = source.stat().st_size / 1e6
    peak = int(done.stdout.split()[-1]) / 1024
    return (
        f"| {suffix} | {n_rows:,} | {megabytes:,.0f} | {seconds:.1f} | {n_rows / seconds:,.0f} "
        f"| {peak:,.0f} |"
    )


def _write(path, inputs, n_rows):
    """Write a table piece by piece, so that this process stays small as well."""
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, n_rows, ROWS_PER_WRITE):
        n = min(ROWS_PER_WRITE, n_rows - start)
        piece = {name: rng.normal(size=n).round(6) for name in inputs}
        keys = pd.Series(range(start, start + n)).map("{:09d}".format)
        table = pa.table({"card": pa.array(keys, pa.string()), **piece})
        if writer is None:
            kind = pa.csv.CSVWriter if path.suffix == ".csv" else pa.parquet.ParquetWriter
            writer = kind(str(path), table.schema)
        writer.write_table(table)
    writer.close()


def _count(path):
    if path.suffix == ".parquet":
        return pa.parquet.ParquetFile(path).metadata.num_rows
    with path.open("rb") as file:
        return sum(1 for _ in file) - 1


if __name__ == "__main__":
    main()
