"""Reasons name the inputs that matter, in the table's own columns, and `score` writes them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.special import logit
from scipy.stats import wilcoxon

from evaluation.calibration import LogisticCalibration
from features.schema import resolve_schema
from features.simulation import simulate_transactions
from models.attributions import integrated_gradients
from models.classifier import SGANClassifier
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE
from pipeline.__main__ import cli
from pipeline.errors import InputError
from pipeline.model.folder import FraudModel
from pipeline.model.reasons import contributions, explain, input_of_scaled, model_baseline
from pipeline.params.sections import ScaleParams
from pipeline.score.command import score
from pipeline.stages.scale import make_scaler

CALIBRATION = LogisticCalibration(slope=0.7, intercept=-0.5, floor=1e-4)
NAMES = ["reason_1", "reason_2", "reason_3"]
COLUMNS = [column for name in NAMES for column in (name, f"{name}_contribution")]


@pytest.fixture(scope="module")
def transactions():
    """Simulated transactions with a kind of shop; 5 of 3,000 are of two rare kinds."""
    table = simulate_transactions(3000, fraud_rate=0.05, seed=3)
    rng = np.random.default_rng(0)
    shop = np.where(table["Class"] == 1, rng.random(3000) < 0.7, rng.random(3000) < 0.1)
    table["shop"] = np.where(shop, "online", rng.choice(["food", "fuel"], 3000))
    table.loc[:4, "shop"] = ["zoo", "zoo", "art", "art", "art"]
    return table


@pytest.fixture(scope="module")
def model(transactions):
    """A trained model with every kind of input, scaled columns and a category among them."""
    schema = resolve_schema(transactions, label="Class", time="Time", amount="Amount")
    assert schema.categorical == ("shop",)
    inputs = transactions[list(schema.inputs)]
    scaler = make_scaler(ScaleParams(method="arcsinh", columns={"Amount": "standard"}), schema)
    scaled = np.asarray(scaler.fit(inputs).transform(inputs), np.float32)
    width = scaled.shape[1]
    encoders = [TabularAutoencoder(width, latent_dim=6), TabularVAE(width, latent_dim=3)]
    for encoder in encoders:
        train(encoder, scaled, TrainingSettings(epochs=3))
    classifier = SGANClassifier(
        *encoders, n_members=3, epochs=3, steps_per_epoch=60, discriminator_units=(32, 16),
        random_state=0,
    ).fit(scaled, transactions["Class"])  # fmt: skip
    # A genuine row that scores as genuine rows do.
    score = classifier.decision_function(scaled)
    genuine = score[transactions["Class"] == 0]
    typical = np.argmin(np.abs(score - np.median(genuine)))
    return FraudModel(
        schema, scaler, classifier, CALIBRATION, threshold=0.5,
        manifest={"baseline": inputs.iloc[typical].to_dict()},
    )  # fmt: skip


@pytest.fixture(scope="module")
def alerts(model, transactions):
    alerts = transactions[model.predict(transactions)["decision"] == 1]
    assert len(alerts) > 60
    return alerts


def log_odds(model, transactions):
    """Calibrated log odds above the floor, from the score that is served."""
    score = model.predict(transactions)["score"].to_numpy()
    floor = CALIBRATION.floor
    return logit((score - floor) / (1 - floor))


def test_contributions_add_up_to_the_difference_of_the_served_scores(model, alerts):
    found = contributions(model, alerts)
    difference = log_odds(model, alerts) - log_odds(model, model_baseline(model))
    assert difference.min() > 1
    np.testing.assert_allclose(found.difference, difference, rtol=1e-3)
    np.testing.assert_allclose(found.of_inputs.sum(axis=1), difference, rtol=0.011)
    assert list(found.of_inputs.columns) == list(model.schema.inputs)


def test_removing_the_named_inputs_lowers_the_score_more_than_removing_others(model, alerts):
    inputs = list(model.schema.inputs)
    baseline = model_baseline(model).iloc[0]
    named = explain(model, alerts)[NAMES]
    rng = np.random.default_rng(0)

    def drop(removed_of):
        """Fall of the log odds when inputs of each alert are set to the baseline."""
        changed = alerts.copy()
        for row, removed in zip(alerts.index, removed_of, strict=True):
            names = list(removed)
            changed.loc[row, names] = baseline[names].to_numpy()
        return log_odds(model, alerts) - log_odds(model, changed)

    of_named = drop(named.apply(lambda names: names.dropna().tolist(), axis=1))
    of_random = drop(rng.choice(inputs, 3, replace=False) for _ in range(len(alerts)))
    assert of_named.mean() > 2 * of_random.mean()
    assert wilcoxon(of_named, of_random, alternative="greater").pvalue < 1e-6


def test_the_parts_of_a_category_are_added_up(model, alerts):
    scaled_names = model.scaler.get_feature_names_out()
    is_shop = np.array([name.startswith("shop_") for name in scaled_names])
    owners = input_of_scaled(model.scaler)
    assert is_shop.sum() == 4, "online, food, fuel and one column for both rare kinds"
    np.testing.assert_array_equal(owners == "shop", is_shop)
    assert owners[~is_shop].tolist() == scaled_names[~is_shop].tolist()

    of_scaled = integrated_gradients(
        model.classifier.model_, model.scaled(alerts), model.scaled(model_baseline(model))[0],
        model.classifier.active_members_,
    ).contributions  # fmt: skip
    found = contributions(model, alerts).of_inputs
    expected = CALIBRATION.slope * of_scaled[:, is_shop].sum(axis=1)
    np.testing.assert_allclose(found["shop"], expected, atol=1e-6)
    assert model_baseline(model)["shop"].item() == "food"
    assert (found.loc[alerts["shop"] == "online", "shop"] > 0).all()
    assert not found.loc[alerts["shop"] == "food", "shop"].any()


def test_reasons_are_the_largest_contributions_that_push_up(model, alerts):
    of_inputs = contributions(model, alerts).of_inputs
    reasons = explain(model, alerts)
    assert list(reasons.columns) == COLUMNS
    assert reasons.index.equals(alerts.index)
    for row, of_row in of_inputs.iterrows():
        largest = of_row[of_row > 0].nlargest(3)
        assert reasons.loc[row, NAMES].dropna().tolist() == largest.index.tolist()
        values = reasons.loc[row, [f"{name}_contribution" for name in NAMES]].dropna()
        np.testing.assert_allclose(values.astype(float), largest, atol=1e-5)


def test_inputs_that_equal_the_baseline_are_no_reasons(model, alerts):
    baseline = model_baseline(model)
    only_two = baseline.loc[[0, 0]].reset_index(drop=True)
    for name in ("V4", "V14"):
        only_two.loc[1, name] = alerts[name].to_numpy()[0]
    reasons = explain(model, only_two)[NAMES]
    assert reasons.loc[0].isna().all()
    assert set(reasons.loc[1].dropna()) <= {"V4", "V14"}


def test_order_of_rows_and_columns_does_not_matter(model, alerts):
    mixed = alerts.sample(frac=1, random_state=0)[alerts.columns[::-1]]
    expected = contributions(model, alerts).of_inputs
    found = contributions(model, mixed).of_inputs
    np.testing.assert_allclose(found.loc[alerts.index], expected, atol=1e-4)


# The command


@pytest.fixture
def source(packaged, tmp_path):
    packaged.transactions.sample(frac=1, random_state=1).to_csv(tmp_path / "in.csv", index=False)
    return tmp_path / "in.csv"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_score_gives_each_alert_its_reasons(packaged, source, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    arguments = ["score", str(packaged.folder), str(source), "--out", str(out), "--reasons"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    score(str(packaged.folder), source, tmp_path / f"plain{suffix}")

    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    written, plain = read(out), read(tmp_path / f"plain{suffix}")
    assert list(written.columns) == [*plain.columns, *COLUMNS]
    pd.testing.assert_frame_equal(written[plain.columns], plain)
    is_alert = written["decision"] == 1
    assert 0 < is_alert.sum() < len(written)
    assert written.loc[~is_alert, COLUMNS].isna().all(axis=None)
    assert written.loc[is_alert, "reason_1"].isin(packaged.schema.inputs).all()
    assert (written.loc[is_alert, "reason_1_contribution"] > 0).all()
    missing = written[NAMES].isna().to_numpy()
    np.testing.assert_array_equal(missing, written[COLUMNS[1::2]].isna().to_numpy())


@pytest.fixture
def copy(packaged, tmp_path):
    """A copy of the packaged model and a function that changes its manifest."""
    shutil.copytree(packaged.folder, tmp_path / "model")
    path = tmp_path / "model" / "model.json"

    def change(**values):
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
        return str(tmp_path / "model")

    return change


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_without_alerts_the_columns_are_there_and_empty(copy, source, tmp_path, suffix):
    model = copy(threshold={"value": 1.0, "rule": "value", "values": {"value": 1.0}})
    out = tmp_path / f"out{suffix}"
    assert score(model, source, out, reasons=True).n_alerts == 0
    written = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    assert list(written.columns[-6:]) == COLUMNS
    assert written[COLUMNS].isna().all(axis=None)


def test_a_model_without_a_baseline_says_what_to_do(copy, source, tmp_path):
    model = copy(baseline=None)
    with pytest.raises(InputError, match=r"without a baseline .* run the stage evaluate again"):
        score(model, source, tmp_path / "out.csv", reasons=True)
    assert not (tmp_path / "out.csv").exists()
    score(model, source, tmp_path / "out.csv")


def test_a_column_of_that_name_is_not_overwritten(packaged, tmp_path):
    table = packaged.transactions.head(20).assign(reason_2="mine")
    table.to_csv(tmp_path / "in.csv", index=False)
    with pytest.raises(InputError, match="has a column reason_2 already"):
        score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv", reasons=True)
    score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")
