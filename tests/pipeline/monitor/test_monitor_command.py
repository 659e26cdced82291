"""The command as a scheduler calls it: exit codes, files, and how long it takes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.files.atomic import read_json

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def monitor(tmp_path, watched):
    """Run the real command line in a process of its own, in a folder with params.yaml."""
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())

    def run(table, *options):
        table.to_parquet(tmp_path / "new.parquet", index=False)
        return subprocess.run(
            [sys.executable, "-m", "pipeline", "monitor", "--data", "new.parquet",
             "--model", str(watched.folder), *options],
            cwd=tmp_path, text=True, check=False, capture_output=True, timeout=300,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip

    return run


@pytest.mark.slow
def test_within_the_limits_it_ends_with_0(monitor, watched):
    done = monitor(watched.delivery(), "--reference", str(watched.reference))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("All measured limits are kept.\n")
    assert "Not measured" not in done.stdout


@pytest.mark.slow
def test_beyond_a_limit_it_ends_with_3_and_says_which(monitor, watched, tmp_path):
    table = watched.delivery()
    table["V4"] += table["V4"].std()
    done = monitor(table, "--html", "m.html", "--json", "m.json", "--quiet")
    assert done.returncode == 3, done.stderr
    content = read_json(tmp_path / "m.json")
    index = content["inputs"][0]["psi"]
    assert content["exit_code"] == 3
    assert f"population stability index of V4 {index:.3g} (limit 0.25)" in done.stdout
    assert (tmp_path / "m.html").stat().st_size > 10_000
    assert done.stderr == ""
    looser = monitor(table, "-S", "monitor.psi=9", "-S", "monitor.alert_share_ratio=null",
                     "-S", "monitor.f1_decay=null")  # fmt: skip
    assert looser.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("what", ["column", "label", "params"])
def test_bad_input_ends_with_2_and_writes_nothing(monitor, watched, tmp_path, what):
    table, options = watched.delivery(200), []
    if what == "column":
        table = table.drop(columns="V4")
    elif what == "label":
        table["Class"] = np.arange(200)
    else:
        options = ["-S", "monitor.psi=-1"]
    done = monitor(table, "--html", "m.html", "--json", "m.json", *options)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(("Error: ", "params.yaml", "new.parquet"))
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new.parquet", "params.yaml"]


@pytest.mark.slow
def test_three_hundred_thousand_rows_take_bounded_time(monitor, watched):
    table = watched.delivery(300_000, fraud_rate=0.002)
    started = time.perf_counter()
    done = monitor(table, "--reference", "new.parquet", "--html", "m.html")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.perf_counter() - started < 120  # 45 s were measured on two busy cores
