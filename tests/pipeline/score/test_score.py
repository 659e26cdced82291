"""Scoring of files: columns, order, formats and messages."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.score.command import score

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def table(packaged):
    """Transactions with a key that looks like a number but is none."""
    keys = [f"{i:06d}" for i in range(len(packaged.transactions))]
    return packaged.transactions.assign(card=keys).sample(frac=1, random_state=1)


@pytest.mark.parametrize("suffix_in", [".csv", ".parquet"])
@pytest.mark.parametrize("suffix_out", [".csv", ".parquet"])
def test_scores_stand_beside_the_keys_in_the_order_of_the_input(
    packaged, table, tmp_path, suffix_in, suffix_out
):
    source, out = tmp_path / f"in{suffix_in}", tmp_path / f"out{suffix_out}"
    if suffix_in == ".csv":
        table.to_csv(source, index=False)
    else:
        table.to_parquet(source)

    done = score(str(packaged.folder), source, out)

    text = {"card": str}
    written = pd.read_csv(out, dtype=text) if suffix_out == ".csv" else pd.read_parquet(out)
    assert list(written.columns) == [
        "Time", "Class", "card", "score", "decision", "threshold", "model_version",
    ]  # fmt: skip
    assert written["card"].tolist() == table["card"].tolist()
    np.testing.assert_array_equal(written["Time"], table["Time"])
    np.testing.assert_allclose(written["score"], packaged.score[table.index], rtol=0, atol=1e-7)
    assert (done.n_rows, done.n_alerts) == (len(table), written["decision"].sum())
    assert set(written["decision"]) == {0, 1}


def test_a_table_of_inputs_alone_gets_row_numbers(packaged, tmp_path):
    inputs = packaged.transactions[list(packaged.schema.inputs)].head(4)
    inputs.to_parquet(tmp_path / "in.parquet")
    score(str(packaged.folder), tmp_path / "in.parquet", tmp_path / "out.csv")
    assert pd.read_csv(tmp_path / "out.csv")["row"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="V7"), r"in\.csv: the model needs columns .* V7"),
        (lambda t: t.assign(V7=np.nan), r"in\.csv: column V7: missing value"),
        (lambda t: t.assign(score=1), "has a column score already"),
        (lambda t: t.iloc[:0], "holds no transactions"),
    ],
)
def test_unusable_input_leaves_an_earlier_result_alone(packaged, tmp_path, change, message):
    change(packaged.transactions.head(20)).to_csv(tmp_path / "in.csv", index=False)
    (tmp_path / "out.csv").write_text("earlier")
    with pytest.raises(InputError, match=message):
        score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_the_input_is_never_overwritten(packaged, tmp_path):
    source = tmp_path / "in.csv"
    packaged.transactions.head(3).to_csv(source, index=False)
    (tmp_path / "link.csv").symlink_to(source)
    before = source.read_bytes()
    for out in (source, tmp_path / ".." / tmp_path.name / "in.csv", tmp_path / "link.csv"):
        with pytest.raises(InputError, match="is the input itself"):
            score(str(packaged.folder), source, out)
    assert source.read_bytes() == before


DEVICE = """
import sys
from pathlib import Path
import tensorflow as tf
from tensorflow.python.framework import config
from pipeline.score.command import score
score(sys.argv[1], Path("in.csv"), Path("out.csv"))
gpus = tf.config.list_physical_devices("GPU")
growing = all(tf.config.experimental.get_memory_growth(gpu) for gpu in gpus)
print(config.is_op_determinism_enabled(), growing)
"""


@pytest.mark.slow
def test_scoring_chooses_its_device(packaged, tmp_path):
    """Deterministic, and without taking all the memory of a GPU."""
    packaged.transactions.head(3).to_csv(tmp_path / "in.csv", index=False)
    done = subprocess.run(
        [sys.executable, "-c", DEVICE, packaged.folder], cwd=tmp_path, check=False,
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_names_that_cannot_be_meant_are_refused(packaged, tmp_path):
    source = tmp_path / "in.csv"
    packaged.transactions.head(3).to_csv(source, index=False)
    for model, source_name, out, message in [
        ("nowhere", "in.csv", "out.csv", "is no folder, no run id and no model URI"),
        (packaged.folder, "none.csv", "out.csv", "does not exist"),
        (packaged.folder, "in.csv", "out.txt", r"ends in \.csv or \.parquet"),
        (packaged.folder, "in.csv", "none/out.csv", "does not exist; make it first"),
        (tmp_path, "in.csv", "out.csv", "holds no packaged model"),
    ]:
        # A folder of its own: where there is an mlflow.db, "nowhere" could be a run's name.
        with pytest.raises(InputError, match=message):
            score(str(model), tmp_path / source_name, tmp_path / out, root=tmp_path)
