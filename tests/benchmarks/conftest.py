"""Small transactions that are easy to tell apart, and jobs on them."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

# `benchmarks` is not installed; `python -m benchmarks.quality` finds it in the repository root.
REPOSITORY = Path(__file__).resolve().parents[2]
if str(REPOSITORY) not in sys.path:
    sys.path.insert(0, str(REPOSITORY))


@pytest.fixture
def transactions(tmp_path):
    """A Parquet file in the layout of the development rows; frauds lie aside in V1."""
    from benchmarks.quality.rows import FEATURES

    rng = np.random.default_rng(5)
    label = np.zeros(900, dtype=int)
    label[rng.permutation(900)[:120]] = 1
    frame = pd.DataFrame(rng.normal(size=(900, len(FEATURES))), columns=list(FEATURES))
    frame["V1"] += 2.5 * label
    frame["Time"] = np.sort(rng.uniform(0, 172_792, 900))
    frame["Class"] = label
    path = tmp_path / "transactions.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture
def table(transactions):
    from benchmarks.quality.rows import load

    return load(transactions)
