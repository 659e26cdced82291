"""What monitoring finds: planted drift by name, nothing where nothing is, labels as they come."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from evaluation.decisions import f1_at
from features.schema import TransactionSchema
from pipeline.errors import InputError
from pipeline.model.evidence import Evidence
from pipeline.monitor.content import compute
from pipeline.params.sections import MonitorParams
from pipeline.score.delivery import Delivery, Reference

LIMITS = MonitorParams(
    psi=0.1, classifier_auc=0.55, alert_share_ratio=1.5, f1_decay=0.0, n_resamples=100, seed=0
)
NAMES = tuple(f"V{i}" for i in range(1, 11))


def made_up(rng, n_rows, shift=0.0, caught=0.8):
    """Normal columns, the third shifted, a category, and scores that catch a share of frauds."""
    inputs = pd.DataFrame(rng.normal(size=(n_rows, 9)), columns=NAMES[:9])
    inputs["V3"] += shift
    inputs["V10"] = rng.choice(["x", "y", "z"], n_rows, p=[0.5, 0.4, 0.1])
    label = (rng.random(n_rows) < 0.03).astype(float)
    seen = (label == 1) & (rng.random(n_rows) < caught)
    score = np.where(seen, rng.uniform(0.5, 1, n_rows), rng.beta(0.5, 30, n_rows))
    return inputs, label, score


def small_world(rng, n_rows=4_000):
    """A model's stand-in, its evidence and its old rows."""
    inputs, label, score = made_up(rng, n_rows)
    rows = pd.DataFrame({"part": "test", "label": label.astype(int), "score": score})
    described = {
        name: {"counts": inputs[name].value_counts().to_dict()}
        if name == "V10"
        else {"quantiles": np.quantile(inputs[name], np.linspace(0, 1, 101)).tolist()}
        for name in NAMES
    }
    run = {"params": {"evaluate": {"prevalence": None}},
           "split": {"parts": {"train": {"n_rows": n_rows}}}}  # fmt: skip
    manifest = {"threshold": {"rule": "f1"}, "counterfoil_version": "0",
                "trained_on": {"data_sha256": "0" * 64}}  # fmt: skip
    schema = TransactionSchema("Class", None, None, NAMES, ("V10",))
    model = SimpleNamespace(threshold=0.5, manifest=manifest, schema=schema)
    evidence = Evidence(rows, pd.DataFrame(), described, run)
    return model, evidence, Reference("old", inputs, is_own=True)


def report(rng, *, with_reference=False, n_rows=1_500, **changes):
    model, evidence, reference = small_world(rng)
    inputs, label, score = made_up(rng, n_rows, **changes)
    delivery = Delivery("new", inputs, score, label)
    return compute("m", model, evidence, delivery, reference if with_reference else None, LIMITS)


@pytest.mark.parametrize(("with_reference", "n"), [(False, 150), (True, 25)])
def test_without_drift_limits_are_rarely_exceeded(with_reference, n):
    """Although they are tight: F1 may not fall at all."""
    rng = np.random.default_rng(0)
    found = [report(rng, with_reference=with_reference)["exit_code"] for _ in range(n)]
    assert set(found) <= {0, 3}
    assert np.mean(found) / 3 <= 0.055


@pytest.mark.parametrize("with_reference", [False, True])
def test_without_drift_no_column_is_named(with_reference):
    rng = np.random.default_rng(1)
    n = 10 if with_reference else 100
    alarms = [
        min(one["p_corrected"] for one in report(rng, with_reference=with_reference)["inputs"])
        < 0.05
        for _ in range(n)
    ]
    assert np.mean(alarms) <= 0.1


@pytest.mark.parametrize("with_reference", [False, True])
def test_a_shift_in_one_column_is_found_and_named(with_reference):
    # Half a deviation: an index of 0.25 in theory, 0.24 in ten bins; AUC 0.64.
    content = report(np.random.default_rng(2), with_reference=with_reference, shift=0.5)
    first, *others = content["inputs"]
    assert first["name"] == "V3"
    assert first["psi"] == pytest.approx(0.24, abs=0.05)
    assert first["statistic"] == pytest.approx(0.197, abs=0.04)  # 2 Phi(1/4) - 1
    assert first["p_corrected"] < 0.001
    assert first["is_lower_bound"] != with_reference
    assert all(one["p_corrected"] > 0.001 for one in others)
    assert content["exit_code"] == 3
    assert f"population stability index of V3 {first['psi']:.3g} (limit 0.1)" in content["answer"]
    states = {one["key"]: one["state"] for one in content["limits"] if one["of"] != "the scores"}
    assert states["psi"] == "exceeded"
    assert states["classifier_auc"] == ("exceeded" if with_reference else "not measured")


def test_a_new_category_is_found():
    rng = np.random.default_rng(3)
    model, evidence, _ = small_world(rng)
    inputs, label, score = made_up(rng, 1_500)
    inputs["V10"] = np.where(rng.random(1_500) < 0.3, "new", inputs["V10"])
    content = compute("m", model, evidence, Delivery("n", inputs, score, label), None, LIMITS)
    assert content["inputs"][0]["name"] == "V10"
    assert content["inputs"][0]["p_corrected"] < 1e-6
    assert "V10" in content["answer"]


def test_decay_and_fewer_alerts_are_found():
    content = report(np.random.default_rng(4), caught=0.3, n_rows=4_000)
    named = " ".join(content["exceeded"])
    assert "loss of F1" in named
    assert "share of alerts" in named
    assert content["labels"]["decay"]["recall"]["loss"] == pytest.approx(0.5, abs=0.15)
    ratio = next(one for one in content["limits"] if one["key"] == "alert_share_ratio")
    assert ratio["bound"] == pytest.approx(1 / 1.5)
    assert ratio["high"] < ratio["bound"]


@pytest.mark.parametrize(("n_rows", "state"), [(4_000, "exceeded"), (60, "could be chance")])
def test_twice_as_many_alerts_are_found_where_there_are_enough(n_rows, state):
    rng = np.random.default_rng(5)
    model, evidence, _ = small_world(rng)
    inputs, _, _ = made_up(rng, n_rows)
    n_alerts = round(2 * n_rows * np.mean(evidence.rows["score"] >= 0.5))
    score = np.repeat([0.9, 0.001], [n_alerts, n_rows - n_alerts])
    content = compute("m", model, evidence, Delivery("n", inputs, score, None), None, LIMITS)
    found = next(one for one in content["limits"] if one["key"] == "alert_share_ratio")
    assert found["value"] == pytest.approx(2, rel=0.1)
    assert (found["state"], found["bound"]) == (state, 1.5)


def test_limits_set_to_null_are_not_checked():
    rng = np.random.default_rng(6)
    model, evidence, _ = small_world(rng)
    inputs, label, score = made_up(rng, 1_500, shift=3, caught=0.1)
    none = MonitorParams(psi=None, classifier_auc=None, alert_share_ratio=None, f1_decay=None,
                         n_resamples=100, seed=0)  # fmt: skip
    content = compute("m", model, evidence, Delivery("n", inputs, score, label), None, none)
    assert content["exit_code"] == 0
    assert {one["state"] for one in content["limits"]} == {"no limit"}
    assert content["answer"].startswith("No limit is set")


def test_labels_come_late(watched, monitored):
    table = watched.delivery().astype({"Class": float})
    without = monitored(table.drop(columns="Class"))
    assert without["labels"] == {"state": "none", "missing": "no column Class: no label yet"}
    none = monitored(table.assign(Class=np.nan))
    assert (none["labels"]["state"], none["labels"]["n_labelled"]) == ("none", 0)
    assert "decay" not in none["labels"]
    partly = table.assign(Class=table["Class"].where(table["Time"] < 86_400))
    partial = monitored(partly, "new.csv")
    assert partial["labels"]["state"] == "partial"
    assert partial["labels"]["n_labelled"] == (table["Time"] < 86_400).sum()
    complete = monitored(table)
    assert complete["labels"]["state"] == "complete"
    assert complete["labels"]["n_frauds"] == 120
    # Neither side is weighted where test rows and new rows have one fraud rate.
    rows = pd.read_parquet(watched.folder / "evidence" / "rows.parquet")
    threshold = complete["model"]["threshold"]
    assert complete["labels"]["decay"]["f1"]["test"] == pytest.approx(
        f1_at(rows["label"], rows["score"], threshold)
    )
    assert complete["inputs"] == without["inputs"] == partial["inputs"]


def test_labels_of_frauds_first_are_no_better_model(watched, monitored):
    """A tenth of the genuine rows and all frauds: F1 is that of the test's fraud rate."""
    table = watched.delivery().astype({"Class": float})
    rng = np.random.default_rng(0)
    known = (table["Class"] == 1) | (rng.random(len(table)) < 0.1)
    some = monitored(table.assign(Class=table["Class"].where(known)))["labels"]
    all_of = monitored(table)["labels"]
    assert some["fraud_rate"] == pytest.approx(0.02)
    assert some["decay"]["f1"]["new"] == pytest.approx(all_of["decay"]["f1"]["new"], abs=0.12)
    assert some["is_selective"]
    assert not all_of["is_selective"]


@pytest.mark.parametrize(
    ("label", "why"),
    [
        (lambda t: t["Class"].where(np.cumsum(t["Class"]) <= 5), "needs 20 frauds on each side"),
        (lambda t: t["Class"].where(t["Class"] == 1), "needs genuine rows beside frauds"),
    ],
)
def test_too_few_labels_are_said_not_guessed(watched, monitored, label, why):
    table = watched.delivery().astype({"Class": float})
    content = monitored(table.assign(Class=label(table)))
    assert why in content["labels"]["missing"]
    entry = next(one for one in content["limits"] if one["key"] == "f1_decay")
    assert entry["state"] == "not measured"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["V7", "V9"]), r"new\.csv: the model needs .* V7, V9"),
        (lambda t: t.assign(V7="abc"), r"new\.csv: column V7: not a number in 300 rows"),
        (lambda t: t.assign(V7=np.nan), "column V7: missing value"),
        (lambda t: t.assign(Class=2), r"column Class: 300 rows hold neither .*first row 1 \('2'\)"),
        (lambda t: t.assign(Class=["fraud", *[""] * 299]), r"column Class: 1 rows .*'fraud'"),
        (lambda t: t.iloc[:0], "holds no transactions"),
    ],
)
def test_data_that_cannot_be_used_are_refused(watched, monitored, tmp_path, change, message):
    table = change(watched.delivery(300))
    with pytest.raises(InputError, match=message):
        monitored(table, "new.csv", html=tmp_path / "r.html", json=tmp_path / "r.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv"]


def test_the_old_rows_are_known_for_what_they_are(watched, monitored, tmp_path):
    table = watched.delivery(500)
    own = monitored(table, reference=watched.reference)
    assert own["reference"] == {"name": "transactions.parquet", "n_rows": 6_000, "is_own": True}
    watched.delivery(700, seed=5).to_parquet(tmp_path / "other.parquet")
    assert not monitored(table, reference=tmp_path / "other.parquet")["reference"]["is_own"]
    assert own["classifier"]["n_new"] == 500


def test_a_folder_of_files_is_one_delivery(watched, monitored, tmp_path):
    from pipeline.monitor.command import MonitorRequest, monitor

    table = watched.delivery(600)
    whole = monitored(table)
    (tmp_path / "many").mkdir()
    table[:200].to_csv(tmp_path / "many" / "a.csv", index=False)
    table[200:].to_csv(tmp_path / "many" / "b.csv", index=False)
    request = MonitorRequest(tmp_path / "many", str(watched.folder), LIMITS)
    parts = monitor(request, tmp_path)
    assert parts["inputs"] == whole["inputs"]
    assert parts["data"] == {"name": "many", "n_rows": 600}


def test_the_same_call_gives_the_same_report(watched, monitored):
    table = watched.delivery(2_000)
    one, other = (monitored(table, reference=watched.reference) for _ in range(2))
    assert one == other
