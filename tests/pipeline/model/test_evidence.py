"""The evidence in a packaged model: the rows, curves and inputs of the run, and nothing more."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.files.atomic import read_json
from pipeline.model.evidence import FOLDER, read_evidence


@pytest.fixture(scope="module")
def evidence(trained_project):
    return read_evidence(trained_project.path("evaluate", "model"))


def test_rows_are_the_scored_ones_with_their_time_and_amount(evidence, trained_project):
    predictions = pd.read_parquet(trained_project.path("evaluate", "predictions.parquet"))
    pd.testing.assert_frame_equal(
        evidence.rows[["row_id", "part", "label", "score"]],
        predictions[["row_id", "part", "label", "score"]],
    )
    table = trained_project.artifacts.transactions()
    row = evidence.part("test").iloc[7]
    assert row["amount"] == table.loc[row["row_id"], "Amount"]
    assert row["time"] == table.loc[row["row_id"], "Time"]
    assert list(evidence.rows) == ["row_id", "part", "label", "score", "time", "amount"]


def test_inputs_are_described_on_training_rows_alone(evidence, trained_project):
    training = trained_project.artifacts.split()["part"].to_numpy() == "train"
    values = trained_project.artifacts.transactions(["V3"])["V3"].to_numpy()
    quantiles = evidence.inputs["V3"]["quantiles"]
    assert quantiles[50] == pytest.approx(np.median(values[training]))
    assert quantiles[50] != pytest.approx(np.median(values))
    assert len(quantiles) == 101


def test_epochs_hold_the_ensemble_and_its_band(evidence):
    assert list(evidence.epochs["epoch"]) == [0, 1, 2, 3]
    assert (evidence.epochs["low"] <= evidence.epochs["mean"]).all()
    assert {"validation_f1", "validation_average_precision"} <= set(evidence.epochs)


def test_the_run_says_what_it_was_made_from(evidence, trained_project):
    metrics = read_json(trained_project.path("evaluate", "metrics.json"))
    assert evidence.run["metrics"] == metrics
    assert evidence.run["params"]["sgan"]["epochs"] == 4
    assert "device" not in evidence.run["params"]
    assert evidence.run["data"]["sha256"] == trained_project.artifacts.data_summary()["sha256"]


def test_transactions_of_a_day_at_the_stated_fraud_rate(evidence, trained_project):
    data = trained_project.artifacts.data_summary()
    assert data["time"]["n_days"] == pytest.approx(2, rel=0.01)
    # 100 frauds at a rate of 1 % stand in 10,000 transactions, over two days.
    assert evidence.transactions_per_day == pytest.approx(data["n_frauds"] / 0.01 / 2, rel=0.01)


def test_a_model_without_evidence_names_the_cure(packaged):
    assert not (packaged.folder / FOLDER).exists()
    with pytest.raises(
        InputError,
        match=r"without evidence: run the stage evaluate again \(compare can also rescore",
    ):
        read_evidence(packaged.folder)
