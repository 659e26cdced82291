"""A threshold is chosen again on validation rows, stored in one step and never forgotten."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from evaluation.metrics import prevalence_weights
from evaluation.thresholds import cheapest_threshold, choose_threshold
from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import read_json, write_json
from pipeline.model.folder import read_manifest
from pipeline.model.threshold_history import history
from pipeline.model.threshold_rule import ThresholdRule, rule_of_options
from pipeline.threshold.change import ThresholdRequest, change_threshold
from pipeline.threshold.text import describe

F1 = ThresholdRule("f1")
COST = ThresholdRule("cost", {"cost_per_false_alarm": 0.5, "cost_per_missed_unit": 1.0})
BUDGET = ThresholdRule("alerts_per_day", {"alerts_per_day": 40.0})


@pytest.fixture
def empty(tmp_path):
    """A packaged model without evidence, whose threshold was never changed."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "scaler.skops").write_bytes(b"scaler")
    files = {"scaler.skops": hashlib.sha256(b"scaler").hexdigest()}
    threshold = {"value": 0.6, "rule": "alerts", "values": {"alerts_share": 0.05}}
    write_json({"format_version": 1, "files": files, "threshold": threshold}, folder / "model.json")
    return folder


@pytest.fixture
def model(empty, add_evidence):
    add_evidence(empty)
    return empty


def change(folder, rule=None, **more):
    return change_threshold(ThresholdRequest(str(folder), rule, **more))


def part_of(folder, name="validation"):
    rows = pd.read_parquet(folder / "evidence" / "rows.parquet").query("part == @name")
    return rows, prevalence_weights(rows["label"], 0.01)


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_daily_budget_is_kept_and_filled_on_validation_rows(model):
    rows, weight = part_of(model)
    n_frauds = read_json(model / "evidence" / "run.json")["data"]["n_frauds"]
    per_day = n_frauds / 0.01 / 4  # transactions of a day at a prevalence of 1 %

    def alerts_a_day(threshold):
        return weight[rows["score"] >= threshold].sum() / weight.sum() * per_day

    report = change(model, BUDGET)
    threshold = read_json(model / "model.json")["threshold"]["value"]
    assert 0 < alerts_a_day(threshold) <= 40
    next_lower = rows["score"][rows["score"] < threshold].max()
    assert alerts_a_day(next_lower) > 40
    before, after = report.figures["validation"]
    assert before.alerts_per_day == pytest.approx(alerts_a_day(0.6))
    assert after.alerts_per_day == pytest.approx(alerts_a_day(threshold))


def test_transactions_of_a_day_may_be_given(model):
    change(model, BUDGET, transactions_per_day=400.0)
    rows, weight = part_of(model)
    stored = read_json(model / "model.json")["threshold"]
    share = weight[rows["score"] >= stored["value"]].sum() / weight.sum()
    assert 0.08 < share <= 0.1
    assert stored["values"] == {"alerts_per_day": 40.0, "transactions_per_day": 400.0}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (F1, lambda *rows, **more: choose_threshold(*rows[:2], **more)),
        (
            ThresholdRule("precision", {"precision": 0.5}),
            lambda *rows, **more: choose_threshold(*rows[:2], by="precision", value=0.5, **more),
        ),
        (
            ThresholdRule("alerts", {"alerts_share": 0.02}),
            lambda *rows, **more: choose_threshold(*rows[:2], by="alerts", value=0.02, **more),
        ),
        (COST, lambda *rows, **more: cheapest_threshold(*rows, cost_per_false_alarm=0.5, **more)),
        (ThresholdRule("value", {"value": 0.25}), lambda *rows, **more: 0.25),
    ],
    ids=lambda found: getattr(found, "name", ""),
)
def test_each_rule_sees_the_weighted_validation_rows_alone(model, rule, expected, tmp_path):
    rows, weight = part_of(model)
    columns = (rows[name].to_numpy() for name in ("label", "score", "amount"))
    change(model, rule)
    stored = read_json(model / "model.json")["threshold"]
    assert stored["value"] == expected(*columns, sample_weight=weight)
    assert (stored["rule"], stored["values"]) == (rule.name, dict(rule.values))


def test_figures_are_those_of_the_rows_at_both_thresholds(model):
    report = change(model, COST)
    for part in ("validation", "test"):
        rows, weight = part_of(model, part)
        for figures in report.figures[part]:
            alert = rows["score"] >= figures.threshold
            fraud = rows["label"] == 1
            missed = rows["amount"][fraud & ~alert].sum()
            assert figures.n_caught == (fraud & alert).sum()
            assert figures.n_frauds == fraud.sum()
            assert figures.n_false_alarms == pytest.approx(weight[~fraud & alert].sum())
            assert figures.precision == pytest.approx(
                figures.n_caught / (figures.n_caught + figures.n_false_alarms)
            )
            assert figures.recall == figures.n_caught / figures.n_frauds
            assert figures.amount_missed == pytest.approx(missed)
            assert figures.amount_at_risk == pytest.approx(rows["amount"][fraud].sum())
            assert figures.cost == pytest.approx(0.5 * figures.n_false_alarms + missed)
    thresholds = [one.threshold for one in report.figures["test"]]
    assert thresholds == [0.6, read_json(model / "model.json")["threshold"]["value"]]


def test_history_grows_by_one_and_keeps_what_was(model):
    former = read_manifest(model)
    entries = history(former)
    for number, rule in enumerate([F1, COST, BUDGET, F1], start=1):
        change(model, rule, reason=f"reason {number}")
        manifest = read_manifest(model)
        assert history(manifest)[:-1] == entries
        entries = history(manifest)
        assert entries[-1]["reason"] == f"reason {number}"
        assert entries[-1]["by"]
        assert pd.Timestamp(entries[-1]["since"]).utcoffset() == pd.Timedelta(0)
        assert entries[-1]["value"] == manifest["threshold"]["value"]
        assert {**manifest, "threshold": None} == {**former, "threshold": None}
    assert entries[0]["value"] == 0.6
    assert (entries[0]["rule"], entries[0]["values"]) == ("alerts", {"alerts_share": 0.05})
    assert [entry["rule"] for entry in entries[1:]] == ["f1", "cost", "alerts_per_day", "f1"]


def test_the_same_threshold_by_the_same_rule_is_no_change(model):
    change(model, F1)
    before = content(model)
    report = change(model, F1)
    assert report.after is None
    assert "Nothing to change" in describe(report)
    assert content(model) == before


@pytest.mark.parametrize("more", [{}, {"rule": COST, "dry_run": True}], ids=["show", "dry-run"])
def test_showing_and_dry_runs_change_nothing(model, more):
    before = content(model.parent)
    report = change(model, **more)
    assert content(model.parent) == before
    assert report.written is None


@pytest.mark.parametrize("name", ["write_text", "replace"])
@pytest.mark.parametrize("to_copy", [False, True])
def test_a_failure_leaves_the_old_files_and_nothing_else(model, monkeypatch, name, to_copy):
    before = content(model.parent)
    real = getattr(Path, name)

    def fail(path, *arguments, **options):
        if name == "write_text":
            real(path, "{", **options)
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, name, fail)
    with pytest.raises(InputError, match=r"cannot be written .*no space .*; nothing was changed"):
        change(model, F1, out=model.parent / "copy" if to_copy else None)
    monkeypatch.undo()
    assert content(model.parent) == before
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_an_approval_given_in_the_meantime_is_not_lost(model, monkeypatch):
    from pipeline.threshold import change as module

    real = module.figures_of

    def approved_meanwhile(*arguments):
        manifest = read_json(model / "model.json")
        write_json({**manifest, "approvals": [{"by": "A"}]}, model / "model.json")
        return real(*arguments)

    monkeypatch.setattr(module, "figures_of", approved_meanwhile)
    with pytest.raises(InputError, match="changed by another command in the meantime"):
        change(model, F1)
    stored = read_json(model / "model.json")
    assert stored["approvals"] == [{"by": "A"}]
    assert stored["threshold"]["value"] == 0.6


def test_a_copy_has_the_threshold_and_the_model_is_left_alone(model, tmp_path):
    before = content(model)
    report = change(model, F1, out=tmp_path / "copy")
    assert content(model) == before
    assert report.written == str(tmp_path / "copy")
    copy = read_manifest(tmp_path / "copy")
    assert copy["threshold"]["rule"] == "f1"
    assert {path.relative_to(model) for path in before} == {
        path.relative_to(tmp_path / "copy") for path in content(tmp_path / "copy")
    }
    for out, message in [
        (tmp_path / "copy", "exists already"),
        (tmp_path / "no" / "copy", "does not exist; make it first"),
        (model / "evidence" / "copy", "lies inside the model"),
    ]:
        with pytest.raises(InputError, match=message):
            change(model, F1, out=out)
    assert content(model) == before


def test_a_project_is_told_that_the_next_run_packages_again(model, tmp_path):
    inside = tmp_path / "project" / "artifacts" / "evaluate" / "model"
    inside.parent.mkdir(parents=True)
    model.rename(inside)
    report = change(tmp_path / "project", F1)
    assert "change evaluate.threshold there as well" in " ".join(report.notes)
    assert read_manifest(inside)["threshold"]["rule"] == "f1"


def test_the_files_of_an_mlflow_model_are_left_alone(model, tmp_path):
    (tmp_path / "logged" / "artifacts").mkdir(parents=True)
    (tmp_path / "logged" / "MLmodel").touch()
    model.rename(tmp_path / "logged" / "artifacts" / "model")
    before = content(tmp_path)
    for name in ("logged", "logged/artifacts/model"):
        with pytest.raises(InputError, match="name the model by its run or URI"):
            change(tmp_path / name, F1)
    assert content(tmp_path) == before
    change(tmp_path / "logged", F1, out=tmp_path / "copy")


def test_an_edited_threshold_is_noticed(model):
    change(model, F1)
    manifest = read_json(model / "model.json")
    manifest["threshold"]["value"] = 0.01
    write_json(manifest, model / "model.json")
    with pytest.raises(InputError, match="the file was edited; restore it"):
        change(model, COST)


def test_a_model_without_evidence_is_shown_and_set_by_hand_alone(empty):
    text = describe(change(empty))
    assert "Threshold    0.6, alerts on at most 0.05 of the transactions" in text
    with pytest.raises(InputError, match="set the threshold with --value"):
        change(empty, F1)
    change(empty, ThresholdRule("value", {"value": 0.5}))
    assert [entry["value"] for entry in history(read_manifest(empty))] == [0.6, 0.5]


def test_a_rule_with_its_value_in_the_name_is_refused(empty):
    manifest = read_json(empty / "model.json")
    manifest["threshold"] |= {"rule": "alerts 0.05", "values": {}}
    write_json(manifest, empty / "model.json")
    with pytest.raises(
        InputError, match=r"rule 'alerts 0\.05' with .* run the stage evaluate again"
    ):
        describe(change(empty))


@pytest.mark.parametrize(
    ("kinds", "rule", "message"),
    [
        ({"has_time": False}, BUDGET, "give `counterfoil threshold` --transactions-per-day"),
        ({"has_amount": False}, COST, "name the amount column under data.amount"),
        ({}, ThresholdRule("alerts_per_day", {"alerts_per_day": 1e9}), "exceeds the .* of a day"),
        ({}, ThresholdRule("alerts_per_day", {"alerts_per_day": 1e-6}), "raise the alert budget"),
        ({}, ThresholdRule("alerts", {"alerts_share": 1e-9}), "raise the alert budget"),
        (
            {},
            ThresholdRule("cost", {"cost_per_false_alarm": 1e9, "cost_per_missed_unit": 1e-9}),
            "no alert at all",
        ),
    ],
)
def test_rules_that_cannot_be_kept_change_nothing(empty, add_evidence, kinds, rule, message):
    rows = add_evidence(empty, **kinds)
    if "no alert at all" in message:  # the highest score must be no fraud
        rows.loc[rows["part"] == "validation", "label"] *= rows["score"] < rows["score"].max() / 2
        rows.to_parquet(empty / "evidence" / "rows.parquet")
        manifest = read_json(empty / "model.json")
        digest = hashlib.sha256((empty / "evidence" / "rows.parquet").read_bytes()).hexdigest()
        manifest["files"]["evidence/rows.parquet"] = digest
        write_json(manifest, empty / "model.json")
    before = content(empty)
    with pytest.raises(InputError, match=message):
        change(empty, rule)
    assert content(empty) == before


def test_data_without_time_or_amount_are_shown_without_them(empty, add_evidence):
    add_evidence(empty, has_time=False, has_amount=False)
    text = describe(change(empty, F1))
    assert "alerts a day" not in text
    assert "money" not in text
    assert "frauds caught" in text
    report = change(empty, BUDGET, transactions_per_day=1000.0)
    assert report.figures["validation"][1].alerts_per_day <= 40


def test_the_text_fits_80_columns_and_names_both_thresholds(model, monkeypatch):
    monkeypatch.chdir(model.parent)  # a path is shown whole, however long
    reason = "the investigators asked for fewer alerts over the holidays, twice, in writing"
    texts = [describe(change("model", COST, reason=reason)), describe(change("model", BUDGET))]
    texts.append(describe(change("model")))
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80
    before, after = (f"{entry['value']:.4g}" for entry in history(read_manifest(model))[-2:])
    row = next(line for line in texts[1].splitlines() if line.startswith("threshold"))
    assert row.split() == ["threshold", before, after, before, after]
    assert "belong to the threshold that the model was packaged with, 0.6." in " ".join(
        texts[1].split()
    )
    assert "asked for fewer alerts" in " ".join(texts[2].split())


def test_options_name_one_rule():
    absent = dict.fromkeys(
        ["alerts_per_day", "alerts_share", "precision", "cost_per_false_alarm", "value"]
    )
    options = {**absent, "f1": False, "cost_per_missed_unit": None}
    assert rule_of_options(**options) is None
    assert rule_of_options(**options | {"f1": True}) == F1
    found = rule_of_options(**options | {"cost_per_false_alarm": 0.5})
    assert found == COST
    both = rule_of_options(**options | {"cost_per_false_alarm": 4, "cost_per_missed_unit": 0.25})
    assert both.values == {"cost_per_false_alarm": 4, "cost_per_missed_unit": 0.25}
    assert rule_of_options(**options | {"value": 0.0}).values == {"value": 0.0}
    for more in ({"f1": True, "value": 0.0}, {"precision": 0.5, "alerts_share": 0.5}):
        with pytest.raises(UsageError, match="each is a rule of its own"):
            rule_of_options(**options | more)
    with pytest.raises(UsageError, match="needs --cost-per-false-alarm"):
        rule_of_options(**options | {"cost_per_missed_unit": 1.0})


def test_nothing_of_it_imports_tensorflow(model, in_fresh_process):
    code = (
        "import sys\n"
        "from pipeline.__main__ import cli\n"
        "cli.main(['threshold', sys.argv[1], '--f1'], standalone_mode=False)\n"
        "found = [name for name in ('tensorflow', 'keras', 'mlflow') if name in sys.modules]\n"
        "sys.modules.clear()\n"  # pandas and scipy are needed
        "assert not found, found\n"
    )
    in_fresh_process(code, str(model))


def test_a_copy_gets_the_card_of_its_threshold_and_a_model_in_place_a_note(
    trained_project, tmp_path
):
    model = trained_project.copy(tmp_path / "project").path("evaluate", "model")
    rule = ThresholdRule("precision", {"precision": 0.5})
    request = ThresholdRequest(str(model), rule, out=tmp_path / "copy")
    assert change_threshold(request).notes == ()
    card = read_json(tmp_path / "copy" / "card" / "model_card.json")
    manifest = read_manifest(tmp_path / "copy")  # the hashes hold
    assert card["threshold"]["value"] == manifest["threshold"]["value"]
    assert card["threshold"]["value"] != read_manifest(model)["threshold"]["value"]
    notes = change_threshold(ThresholdRequest(str(model), rule)).notes
    assert "card/ are of the threshold before" in notes[0]
