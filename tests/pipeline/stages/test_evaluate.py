"""The stage `evaluate` on a tiny project: figures recomputed by hand, and the packaged model."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
)

from evaluation.metrics import prevalence_weights
from pipeline.errors import InputError
from pipeline.files.atomic import read_json
from pipeline.model import folder as model_folder
from pipeline.model.reasons import model_baseline

pytestmark = pytest.mark.slow

PREVALENCE = 0.01
CHALLENGERS = {"sgan_without_augmentation", "logistic_regression", "gradient_boosting"}
HEADLINE = {"average_precision", "f1", "precision", "recall"}
OF_PROBABILITIES = {"brier_score", "expected_calibration_error", "amount_saved"}


@pytest.fixture(scope="module")
def metrics(trained_project):
    return read_json(trained_project.path("evaluate", "metrics.json"))


@pytest.fixture(scope="module")
def predictions(trained_project):
    return pd.read_parquet(trained_project.path("evaluate", "predictions.parquet"))


@pytest.fixture(scope="module")
def judged(predictions):
    """Labels, scores, decisions and weights by part."""

    def judged(part):
        rows = predictions[predictions["part"] == part]
        label = rows["label"].to_numpy()
        weight = prevalence_weights(label, PREVALENCE)
        return label, rows["score"].to_numpy(), rows["decision"].to_numpy(), weight

    return judged


def test_every_file_is_written(trained_project):
    folder = trained_project.artifacts.folder("evaluate")
    pictures = {"precision_recall", "calibration"}
    assert {path.name for path in folder.iterdir()} == {
        "metrics.json", "predictions.parquet", "model",
        "model_card.md", "model_card.html", "model_card.json",
        *(f"{name}.{suffix}" for name in pictures for suffix in ("png", "csv")),
    }  # fmt: skip


def test_rates_are_those_of_the_predictions(metrics, judged):
    label, score, decision, weight = judged("test")
    by_hand = {
        "average_precision": average_precision_score(label, score, sample_weight=weight),
        "f1": f1_score(label, decision, sample_weight=weight),
        "brier_score": brier_score_loss(label, score, sample_weight=weight),
    }
    for name, value in by_hand.items():
        assert metrics["sgan"][name]["value"] == pytest.approx(value), name
    assert np.average(label, weights=weight) == pytest.approx(PREVALENCE)
    assert metrics["sgan"]["prevalence"] == pytest.approx(PREVALENCE)


def test_counts_add_up(metrics, judged):
    label, _, decision, _ = judged("test")
    for figures in [metrics["sgan"], *metrics["challengers"].values()]:
        assert figures["n_rows"] == metrics["data"]["n_test_rows"] == len(label) == 200
        assert figures["n_frauds"] == metrics["data"]["n_test_frauds"] == label.sum() == 20
        assert figures["n_caught"] + figures["n_missed"] == figures["n_frauds"]
        assert figures["n_caught"] + figures["n_false_alarms"] == figures["n_alerts"]
        recall = figures["n_caught"] / figures["n_frauds"]
        assert figures["recall"]["value"] == pytest.approx(recall)
    assert metrics["sgan"]["n_alerts"] == decision.sum()
    assert metrics["sgan"]["n_caught"] == (decision * label).sum()


def test_every_rate_lies_in_its_interval(metrics):
    for name, figures in {"sgan": metrics["sgan"], **metrics["challengers"]}.items():
        rates = {name: of for name, of in figures.items() if isinstance(of, dict) and "low" in of}
        assert rates.keys() >= HEADLINE | (OF_PROBABILITIES if name == "sgan" else set())
        for of in rates.values():
            assert of["low"] <= of["value"] + 1e-12
            assert of["value"] <= of["high"] + 1e-12


def test_the_threshold_lies_halfway_between_the_best_and_the_expected_f1(metrics, judged):
    label, score, decision, weight = judged("validation")
    threshold = metrics["sgan"]["threshold"]
    np.testing.assert_array_equal(decision, score >= threshold)

    def best_threshold(frauds):
        """Where F1 is highest if the rows hold these numbers of frauds."""
        order = np.argsort(-score)
        caught, alerts = np.cumsum(frauds[order]), np.cumsum(weight[order])
        best = np.argmax(2 * caught / (alerts + caught[-1]))
        return score[order][best : best + 2].mean()

    both = np.array([best_threshold(weight * label), best_threshold(weight * score)])
    log_odds = np.log(both / (1 - both)).mean()
    assert threshold == pytest.approx(1 / (1 + np.exp(-log_odds)))


def test_decisions_of_test_rows_use_that_threshold(metrics, judged):
    _, score, decision, _ = judged("test")
    np.testing.assert_array_equal(decision, score >= metrics["sgan"]["threshold"])


def test_scores_are_calibrated_on_validation_rows(judged):
    label, score, _, weight = judged("validation")
    assert np.average(score, weights=weight) == pytest.approx(PREVALENCE, rel=1e-6)
    assert np.average(label, weights=weight) == pytest.approx(PREVALENCE)


def test_expected_frauds_are_those_of_the_predictions(metrics, judged):
    label, score, _, weight = judged("test")
    of_all = metrics["sgan"]["expected_frauds"]["all"]
    # The prior correction by hand: odds in the table = odds of the score * genuine weight.
    odds = score / (1 - score) * weight[label == 0][0]
    chance = odds / (1 + odds)
    assert of_all["expected"] == pytest.approx(chance.sum())
    assert (of_all["observed"], of_all["n_rows"]) == (20, 200)
    draws = (np.random.default_rng(0).random((20_000, 200)) < chance).sum(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    assert abs(of_all["low"] - low) <= 1
    assert abs(of_all["high"] - high) <= 1
    for of in [metrics["sgan"], *metrics["challengers"].values()]:
        at_the_top = of["expected_frauds"]["highest_1000"]
        inside = np.sort(score)[::-1][: at_the_top["n_rows"]]
        if of is metrics["sgan"]:
            assert at_the_top["observed"] == label[score >= inside[-1]].sum()
        assert at_the_top["low"] <= at_the_top["expected"] <= at_the_top["high"]


def test_scores_of_test_rows_need_the_line_that_metrics_name(metrics, judged):
    _, score, _, weight = judged("test")
    figures = metrics["sgan"]
    log_odds = np.log(score / (1 - score))
    line = figures["calibration_slope"] * log_odds + figures["calibration_intercept"]
    assert np.average(1 / (1 + np.exp(-line)), weights=weight) == pytest.approx(PREVALENCE)


def test_challengers_and_differences_agree(metrics):
    assert metrics["challengers"].keys() == metrics["differences"].keys() == CHALLENGERS
    for name, differences in metrics["differences"].items():
        assert differences.keys() == HEADLINE
        for figure, of in differences.items():
            other = metrics["challengers"][name][figure]["value"]
            assert of["value"] == pytest.approx(metrics["sgan"][figure]["value"] - other)
            assert of["low"] <= of["high"]
            assert 0 <= of["probability_sgan_better"] <= 1


def test_members_are_judged_one_by_one(trained_project, metrics, predictions):
    members = metrics["sgan"]["members"]
    assert len(members) == metrics["sgan"]["n_members"] == metrics["sgan"]["n_active_members"] == 2
    rows = predictions[predictions["part"] == "test"]
    weight = prevalence_weights(rows["label"], PREVALENCE)
    history = pd.read_parquet(trained_project.path("sgan", "history.parquet"))
    for number, member in enumerate(members):
        by_hand = average_precision_score(
            rows["label"], rows[f"member_{number}"], sample_weight=weight
        )
        assert member["test_average_precision"] == pytest.approx(by_hand)
        last = history[(history["member"] == number) & (history["epoch"] == 3)]
        assert member["last_epoch_validation_f1"] == last["validation_f1"].item()
    chosen = read_json(trained_project.path("sgan", "chosen.json"))
    assert metrics["sgan"]["chosen_epoch"] == chosen["chosen_epoch"]


def test_curves_hold_the_average_precisions(trained_project, metrics):
    curves = pd.read_csv(trained_project.path("evaluate", "precision_recall.csv"))
    figures = [metrics["sgan"], *metrics["challengers"].values()]
    assert curves["method"].nunique() == len(figures)
    areas = sorted(
        (curve["recall"].diff() * curve["precision"]).sum() for _, curve in curves.groupby("method")
    )
    expected = sorted(of["average_precision"]["value"] for of in figures)
    np.testing.assert_allclose(areas, expected, rtol=1e-6)


def test_the_packaged_model_scores_raw_transactions_as_predicted(trained_project, predictions):
    model = model_folder.load(trained_project.path("evaluate", "model"))
    raw = trained_project.artifacts.transactions()
    for _, rows in predictions.groupby("part"):
        scored = model.predict(raw.loc[rows["row_id"]].drop(columns=["Class", "Time"]))
        np.testing.assert_array_equal(scored["score"], rows["score"])
        np.testing.assert_array_equal(scored["decision"], rows["decision"])


def test_the_packaged_model_holds_a_made_up_genuine_baseline(trained_project):
    model = model_folder.load(trained_project.path("evaluate", "model"))
    inputs = list(model.schema.inputs)
    baseline = model_baseline(model)[inputs]
    table = trained_project.artifacts.transactions()
    labelled = trained_project.rows_of("train", is_labelled=True)
    genuine = table.loc[labelled & (table["Class"] == 0).to_numpy(), inputs]
    for name in inputs:
        values = np.sort(genuine[name])
        middle = values[len(values) // 4 : 3 * len(values) // 4 + 1]
        assert baseline[name].item() in middle, "of the middle half of labelled genuine rows"
    assert not (table[inputs] == baseline.iloc[0]).all(axis=1).any(), "a real row left the data"
    score = model.predict(baseline)["score"].item()
    assert score <= model.predict(genuine)["score"].median()


def test_the_packaged_model_names_what_it_was_trained_on(trained_project, metrics):
    manifest = model_folder.read_manifest(trained_project.path("evaluate", "model"))
    threshold = {"value": metrics["sgan"]["threshold"], "rule": "f1", "values": {}}
    assert manifest["threshold"] == threshold
    assert manifest["calibration"] == metrics["sgan"]["calibration"]
    assert manifest["trained_on"]["data_sha256"] == metrics["data"]["sha256"]
    assert manifest["trained_on"]["prevalence"] == PREVALENCE
    assert manifest["trained_on"]["f1"] == metrics["sgan"]["f1"]


def test_the_same_seeds_give_the_same_files(trained_project, tmp_path):
    again = trained_project.copy(tmp_path / "project").run("evaluate")
    assert again.digests("evaluate") == trained_project.digests("evaluate")


def test_the_rule_of_params_is_kept_on_validation_rows_and_stored(trained_project, tmp_path):
    project = trained_project.copy(tmp_path / "project")
    data = project.artifacts.data_summary()
    per_day = data["n_frauds"] / PREVALENCE / data["time"]["n_days"]
    project.run("evaluate", evaluate__threshold="alerts_per_day", evaluate__threshold_value=40)
    stored = model_folder.read_manifest(project.path("evaluate", "model"))["threshold"]
    assert stored["rule"] == "alerts_per_day"
    assert stored["values"] == {"alerts_per_day": 40, "transactions_per_day": per_day}
    rows = pd.read_parquet(project.path("evaluate", "predictions.parquet"))
    rows = rows[rows["part"] == "validation"]
    weight = prevalence_weights(rows["label"], PREVALENCE)
    alerts = {
        cut: weight[rows["score"] >= cut].sum() / weight.sum() * per_day for cut in rows.score
    }
    kept = [cut for cut, a_day in alerts.items() if a_day <= 40]
    assert set(rows["score"][rows["decision"] == 1]) == set(kept)

    costs = {"evaluate__cost_per_false_alarm": 2.0, "evaluate__cost_per_missed_unit": 0.5}
    project.run("evaluate", evaluate__threshold="cost", **costs)
    stored = model_folder.read_manifest(project.path("evaluate", "model"))["threshold"]
    assert stored["values"] == {"cost_per_false_alarm": 2.0, "cost_per_missed_unit": 0.5}
    amount = project.artifacts.transactions(["Amount"])["Amount"].loc[rows["row_id"]].to_numpy()

    def cost(cut):
        alert, fraud = rows["score"] >= cut, rows["label"] == 1
        return 2 * weight[alert & ~fraud].sum() + 0.5 * amount[fraud & ~alert].sum()

    cheapest = min(cost(cut) for cut in rows["score"])
    assert cost(stored["value"]) == pytest.approx(cheapest)


def test_a_rule_that_no_threshold_meets_is_an_error_of_its_parameter(trained_project, tmp_path):
    project = trained_project.copy(tmp_path / "project")
    before = project.digests("evaluate")
    cure = r"evaluate\.threshold=alerts: no threshold alerts .* raise the alert budget"
    with pytest.raises(InputError, match=cure):
        project.run("evaluate", evaluate__threshold="alerts", evaluate__threshold_value=1e-5)
    assert project.digests("evaluate") == before
