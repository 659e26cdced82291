"""Scaling is learned from training rows, applied to all, kept without pickle."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError, ParamsError
from pipeline.files.atomic import read_json
from pipeline.model.scaler import load_scaler, save_scaler


@pytest.fixture
def prepare(run_stages, tmp_path):
    """Ingest, split and scale a table; gives the artifacts."""

    def run(table, **overrides):
        table.to_parquet(tmp_path / "x.parquet", index=False)
        return run_stages(
            "ingest", "split", "scale", data__source="file", data__path="x.parquet", **overrides
        )

    return run


def test_scaled_rows_are_in_row_order_and_float32(prepare, transactions):
    artifacts = prepare(transactions, scale__method="standard")
    scaled, is_training = artifacts.scaled(), artifacts.split()["part"] == "train"
    assert (scaled.shape, scaled.dtype) == ((200, 5), np.float32)
    assert artifacts.input_names() == ["V1", "V2", "V3", "V4", "Amount"]
    X = artifacts.transactions()[artifacts.input_names()]
    mean, sd = X[is_training].mean(), X[is_training].std(ddof=0)
    np.testing.assert_allclose(scaled, (X - mean) / sd, rtol=1e-5, atol=1e-6)


def test_scaling_in_passes_loses_no_row(prepare, transactions, monkeypatch):
    whole = prepare(transactions).scaled()
    monkeypatch.setattr("pipeline.stages.scale.ROWS_PER_PASS", 7)
    np.testing.assert_array_equal(prepare(transactions).scaled(), whole)


@pytest.mark.parametrize("method", ["min_max", "standard", "robust", "arcsinh"])
def test_only_training_rows_are_seen(prepare, run_stages, transactions, method):
    artifacts = prepare(transactions, scale__method=method)
    before = read_json(artifacts.folder("scale") / "scale.json")
    is_training = artifacts.split()["part"] == "train"
    garbage = artifacts.transactions()
    garbage.loc[~is_training, ["V1", "V2", "V3", "V4", "Amount"]] = 1e6
    garbage.to_parquet(artifacts.folder("ingest") / "transactions.parquet", index=False)
    run_stages("scale", artifacts=artifacts, scale__method=method)
    assert read_json(artifacts.folder("scale") / "scale.json") == before
    assert before["n_rows_fitted_on"] == is_training.sum() == 120


def test_training_garbage_would_be_noticed(prepare, run_stages, transactions):
    artifacts = prepare(transactions)
    before = read_json(artifacts.folder("scale") / "scale.json")
    garbage = artifacts.transactions()
    garbage.loc[(artifacts.split()["part"] == "train").idxmax(), "V1"] = 1e6
    garbage.to_parquet(artifacts.folder("ingest") / "transactions.parquet", index=False)
    run_stages("scale", artifacts=artifacts)
    assert read_json(artifacts.folder("scale") / "scale.json") != before


def test_methods_by_column(prepare, transactions):
    artifacts = prepare(transactions, scale__columns={"Amount": "min_max"})
    columns = read_json(artifacts.folder("scale") / "scale.json")["columns"]
    assert {name: column["method"] for name, column in columns.items()} == {
        "V1": "arcsinh", "V2": "arcsinh", "V3": "arcsinh", "V4": "arcsinh", "Amount": "min_max",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        ({"Amonut": "robust"}, r"scale\.columns\.Amonut is not an input.*did you mean Amount"),
        ({"Time": "robust"}, r"scale\.columns\.Time is not an input"),
        ({"country": "robust"}, r"scale\.columns\.country: this column holds categories"),
    ],
)
def test_methods_for_other_columns_are_refused(prepare, transactions, columns, match):
    transactions["country"] = "DE"
    with pytest.raises(ParamsError, match=match):
        prepare(transactions, scale__columns=columns)


def test_categories_are_encoded_and_rare_ones_share_a_column(prepare, transactions):
    country = np.array(["DE", "AT", "CH"])[np.arange(200) % 3].astype(object)
    country[[3, 77]] = "IS"
    transactions.insert(1, "country", country)
    transactions["is_online"] = np.arange(200) % 2 == 0
    artifacts = prepare(transactions)
    assert artifacts.input_names() == [
        "V1", "V2", "V3", "V4", "Amount",
        "country_AT", "country_CH", "country_DE", "country_infrequent_sklearn",
        "is_online_False", "is_online_True",
    ]  # fmt: skip
    codes = artifacts.scaled()[:, 5:9]
    np.testing.assert_array_equal(codes.sum(axis=1), 1)
    table = artifacts.transactions()
    np.testing.assert_array_equal(codes[:, 2] == 1, table["country"] == "DE")
    scaler = load_scaler(artifacts.folder("scale") / "scaler.skops")
    unseen = scaler.transform(table[:1].assign(country="??"))
    assert unseen[0, 8] == 1


def test_the_saved_scaler_gives_the_same_rows(prepare, transactions):
    artifacts = prepare(transactions)
    scaler = load_scaler(artifacts.folder("scale") / "scaler.skops")
    again = scaler.transform(artifacts.transactions()[artifacts.input_names()])
    np.testing.assert_array_equal(again.astype(np.float32), artifacts.scaled())


def test_equal_scalers_give_equal_bytes_in_every_process(prepare, transactions, tmp_path):
    transactions["country"] = np.array(["DE", "AT"])[np.arange(200) % 2]
    file = prepare(transactions).folder("scale") / "scaler.skops"
    code = (
        "import sys; from pathlib import Path\n"
        "from pipeline.model.scaler import load_scaler, save_scaler\n"
        "save_scaler(load_scaler(Path(sys.argv[1])), Path(sys.argv[2]))"
    )
    copy = tmp_path / "copy.skops"
    subprocess.run([sys.executable, "-c", code, str(file), str(copy)], check=True)
    before = file.read_bytes()
    assert copy.read_bytes() == before
    assert prepare(transactions).folder("scale").joinpath("scaler.skops").read_bytes() == before


def test_a_file_with_foreign_types_is_not_loaded(tmp_path):
    save_scaler({"run": subprocess.run}, tmp_path / "bad.skops")
    with pytest.raises(InputError, match=r"not trusted: subprocess\.run; do not use"):
        load_scaler(tmp_path / "bad.skops")


def test_a_damaged_file_names_the_cure(tmp_path):
    (tmp_path / "bad.skops").write_bytes(b"PK broken")
    with pytest.raises(InputError, match=r"not a readable scaler .* run the stage scale again"):
        load_scaler(tmp_path / "bad.skops")


def test_values_that_leave_float32_are_named(prepare, run_stages, transactions):
    transactions["V1"] = np.tile([0.0, 1e-3], 100)
    artifacts = prepare(transactions, scale__method="min_max")
    table = artifacts.transactions()
    outside = (artifacts.split()["part"] == "test").idxmax()
    table.loc[outside, "V1"] = 3e38
    table.to_parquet(artifacts.folder("ingest") / "transactions.parquet", index=False)
    with pytest.raises(InputError, match=r"scaled values of V1 are too large .* arcsinh"):
        run_stages("scale", artifacts=artifacts, scale__method="min_max")


REAL = "../shared/data/creditcard_dev.parquet"


def test_real_transactions_have_29_inputs_within_one(run_stages, request):
    root = request.config.rootpath
    if not (root / REAL).exists():
        pytest.skip(f"{REAL} is not there")
    artifacts = run_stages(
        "ingest", "split", "scale", root=root, data__source="file", data__path=REAL
    )
    summary = artifacts.data_summary()
    assert (summary["n_rows"], summary["n_frauds"]) == (49_104, 355)
    assert summary["dropped"]["duplicates"] == 0
    scaled, part = artifacts.scaled(), artifacts.split()["part"]
    assert artifacts.input_names() == [*(f"V{i}" for i in range(1, 29)), "Amount"]
    largest = pd.DataFrame(np.abs(scaled)).groupby(part.to_numpy()).max().max(axis=1)
    assert largest["train"] == pytest.approx(1)
    assert largest.max() < 1.2
