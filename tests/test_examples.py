"""The examples run as their users run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_estimators_are_compared_by_cross_validation():
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-m", "examples.estimators"],
        cwd=REPOSITORY,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    header, _, *rows = done.stdout.splitlines()
    assert header == "6,000 transactions, 120 frauds, 3 folds"
    achieved = {row[:42].strip(): float(re.search(r"(0\.\d+) \+- ", row).group(1)) for row in rows}
    assert len(achieved) == 5
    # The fraud rate is 0.02: every candidate has learnt what a fraud is.
    assert min(achieved.values()) > 0.5, achieved
    assert achieved["SGAN"] > 0.7
