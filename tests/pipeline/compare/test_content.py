"""What a comparison says equals what the runs themselves say, and it compares like with like."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.compare.answer import answer
from pipeline.compare.text import as_text
from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import file_sha256, read_json, write_json


@pytest.fixture(scope="module")
def content(models):
    from pipeline.compare.command import CompareRequest, compare

    names = (str(models.a), str(models.b))
    data = models.projects[0].path("ingest", "transactions.parquet")
    request = CompareRequest(names, data=data, by=("V3",), n_resamples=200, alerts_per_day=150.0)
    return compare(request, models.a.parent)


@pytest.mark.parametrize(("position", "label"), [(0, "A"), (1, "B")])
def test_figures_are_those_of_metrics_json(content, models, position, label):
    metrics = read_json(models.projects[position].path("evaluate", "metrics.json"))["sgan"]
    for name in ("average_precision", "f1", "precision", "recall", "recall_at_fpr"):
        assert content["figures"][name][label]["value"] == pytest.approx(metrics[name]["value"])
    assert content["figures"]["false_alarms"][label]["value"] == metrics["n_false_alarms"]
    assert content["calibration"][label]["slope"] == pytest.approx(metrics["calibration_slope"])
    assert content["figures"]["amount_caught"][label]["value"] == pytest.approx(
        metrics["amount_saved"]["value"]
    )


def test_differences_are_of_values_and_only_for_others(content):
    for name, figure in content["figures"].items():
        assert "difference" not in figure["A"]
        expected = figure["B"]["value"] - figure["A"]["value"]
        assert figure["B"]["difference"] == pytest.approx(expected), name
        assert figure["B"]["difference_low"] <= figure["B"]["difference_high"]


def test_the_budget_is_a_share_of_all_traffic(content):
    # 100 frauds at a prevalence of 1 % over two days are 5,000 transactions a day.
    assert content["rows"]["transactions_per_day"] == pytest.approx(5000, rel=0.01)
    assert content["budget"]["share"] == pytest.approx(0.03, rel=0.01)
    assert content["budget"]["words"] == "150 alerts a day"
    assert content["budget"]["alerts"] == pytest.approx(
        0.03 * content["rows"]["n_transactions"], rel=0.01
    )


def test_without_a_budget_it_is_what_the_first_model_raises(compared):
    content = compared()
    alerts = content["figures"]["alerts"]["A"]["value"]
    assert content["budget"]["alerts"] == pytest.approx(alerts)


def test_operating_points_come_from_validation_rows_and_hold_on_test_rows(content, models):
    rows = pd.read_parquet(models.b / "evidence" / "rows.parquet")
    point = content["operating_points"]["B"]
    validation, test = (rows[rows["part"] == part] for part in ("validation", "test"))
    weight = np.where(validation["label"] == 1, 1.0, 0.0)
    n_frauds, n_genuine = weight.sum(), (1 - weight).sum()
    weight += (1 - weight) * n_frauds * 0.99 / 0.01 / n_genuine
    alerted = weight[validation["score"] >= point["threshold"]].sum() / weight.sum()
    assert alerted <= content["budget"]["share"]
    alert = test["score"] >= point["threshold"]
    assert point["n_caught"] == (alert & (test["label"] == 1)).sum()
    assert point["n_false_alarms"] == (alert & (test["label"] == 0)).sum()


def test_stored_thresholds_are_met_exactly(compared, models):
    content = compared()
    for label, project in zip("AB", models.projects, strict=True):
        metrics = read_json(project.path("evaluate", "metrics.json"))["sgan"]
        point = content["operating_points"][label]
        assert point["threshold"] == metrics["threshold"]
        assert point["n_caught"] == metrics["n_caught"]
        assert point["n_false_alarms"] == metrics["n_false_alarms"]


def test_groups_add_up_to_all_rows(content):
    assert [part["by"] for part in content["slices"]] == ["amount", "time", "V3"]
    for part in content["slices"]:
        for label, groups in part["figures"].items():
            assert sum(group["n_rows"] for group in groups) == content["rows"]["n_rows"]
            caught = sum(group["n_caught"] for group in groups)
            recall = content["figures"]["recall"][label]["value"]
            assert caught == pytest.approx(recall * content["rows"]["n_frauds"])


def test_what_differs_is_named_and_nothing_else(content):
    differing = {one["key"]: one["values"] for one in content["params"]}
    assert differing == {
        "augment.method": {"A": "vae", "B": "none"},
        "sgan.n_members": {"A": 2, "B": 3},
        "sgan.seed": {"A": 51, "B": 7},
    }
    assert {one["sha256"] for one in content["data"]} == {content["rows"]["data_sha256"]}
    assert all(index == pytest.approx(0) for index in content["drift"][1]["inputs"].values())
    augmentation = [run["augmentation"] for run in content["runs"]]
    assert augmentation[0]["fidelity"]["n_synthetic"] > 0
    assert augmentation[1] == {"method": "none", "fidelity": None}


def test_the_same_comparison_gives_the_same_numbers(compared):
    assert compared() == compared()
    assert compared(seed=1)["figures"] != compared()["figures"]


def test_files_hold_what_the_terminal_shows(compared, tmp_path):
    content = compared(html=tmp_path / "report.html", json=tmp_path / "figures.json")
    assert json.loads((tmp_path / "figures.json").read_text()) == json.loads(json.dumps(content))
    text = as_text(content)
    assert max(map(len, text.splitlines())) <= 80
    html = (tmp_path / "report.html").read_text()
    for run in content["runs"]:
        value = f"{content['figures']['average_precision'][run['label']]['value']:.3f}"
        assert value in text
        assert value in html
    assert content["answer"] in html


def test_the_terminal_shows_the_groups_that_were_asked_for(content):
    text = as_text(content)
    (part,) = (part for part in content["slices"] if part["by"] == "V3")
    b = part["figures"]["B"][0]
    assert f"  {part['groups'][0]}: {b['n_rows']:,} rows, {b['n_frauds']} fraud" in text
    assert f"A {part['figures']['A'][0]['n_caught']}, B {b['n_caught']}; false alarms A" in text
    assert "by amount" not in text  # which is in the report


def test_much_money_keeps_the_lines_short(content):
    rich = json.loads(json.dumps(content))
    for one in rich["figures"]["amount_caught"].values():
        for key in one.keys() - {"probability_better"}:
            one[key] *= 1e7
    lines = as_text(rich).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("%" in line for line in lines) == sum(
        "%" in x for x in as_text(content).splitlines()
    )


def test_a_table_scored_anew(models, compared, tmp_path):
    table = models.projects[0].artifacts.transactions()
    table.to_parquet(tmp_path / "new.parquet", index=False)
    content = compared(on=tmp_path / "new.parquet")
    assert content["rows"]["n_rows"] == len(table)
    assert content["rows"]["rescored"] == "new.parquet"
    assert content["rows"]["data_sha256"] == file_sha256(tmp_path / "new.parquet")
    assert content["drift"][1]["scores"] is not None
    test = (models.projects[1].artifacts.split()["part"] == "test").to_numpy()
    table[test].to_parquet(tmp_path / "test.parquet", index=False)
    again = compared(on=tmp_path / "test.parquet")
    own = compared()
    for label in "AB":
        assert again["figures"]["average_precision"][label]["value"] == pytest.approx(
            own["figures"]["average_precision"][label]["value"]
        )


def test_reasons_of_alerts_and_of_disagreements(models, compared, tmp_path):
    data = models.projects[0].path("ingest", "transactions.parquet")
    content = compared(data=data, reasons=True, html=tmp_path / "report.html")
    found = content["reasons"]
    rows = {
        label: pd.read_parquet(folder / "evidence/rows.parquet").query("part == 'test'")
        for label, folder in (("A", models.a), ("B", models.b))
    }
    alerts = {
        label: table["score"] >= run["threshold"]
        for (label, table), run in zip(rows.items(), content["runs"], strict=True)
    }
    for label, of in found["by_model"].items():
        assert of["n_alerts"] == alerts[label].sum()
        counts = [one["n_alerts"] for one in of["inputs"]]
        assert counts == sorted(counts, reverse=True)
        assert counts[0] <= of["n_alerts"]
    differ = alerts["A"] != alerts["B"]
    assert found["disagreements"]["n_rows"] == differ.sum()
    assert differ.sum() > 0
    for one in found["disagreements"]["shown"]:
        row = rows["A"].set_index("row_id").loc[one["row_id"]]
        assert one["is_fraud"] == row["label"]
        assert one["scores"]["A"] == row["score"]
        (raised,) = one["alerted_by"]
        assert alerts[raised][rows[raised]["row_id"] == one["row_id"]].item()
        pushed = [reason["contribution"] for reason in one["reasons"]]
        assert pushed == sorted(pushed, reverse=True)
    text = as_text(content)
    assert max(map(len, text.splitlines())) <= 80
    assert f"A  {found['by_model']['A']['n_alerts']} alerts: " in text
    html = (tmp_path / "report.html").read_text()
    assert str(found["disagreements"]["shown"][0]["row_id"]) in html


def test_reasons_need_the_columns(compared):
    with pytest.raises(UsageError, match="--reasons needs the columns"):
        compared(reasons=True)


def test_models_of_other_rows_are_refused(compared, models, changed_copy):
    def other_data(manifest):
        manifest["trained_on"]["data_sha256"] = "f" * 64

    with pytest.raises(InputError, match=r"made from different data .*--on DATA"):
        compared(models.a, changed_copy(other_data, "model.json"))


def test_models_of_another_split_are_refused(compared, models, changed_copy):
    copy = changed_copy(lambda _: None)
    rows = pd.read_parquet(copy / "evidence/rows.parquet")
    rows.loc[rows["part"] == "test", "row_id"] += 1
    rows.to_parquet(copy / "evidence/rows.parquet", index=False)
    manifest = read_json(copy / "model.json")
    manifest["files"]["evidence/rows.parquet"] = file_sha256(copy / "evidence/rows.parquet")
    write_json(manifest, copy / "model.json")
    with pytest.raises(InputError, match=r"tested on different rows of the same data .*--on DATA"):
        compared(models.a, copy)


def test_figures_at_another_prevalence_are_refused(compared, models, changed_copy):
    def other_prevalence(run):
        run["params"]["evaluate"]["prevalence"] = 0.02

    with pytest.raises(InputError, match=r"evaluate.prevalence=0.01, .* at 0.02"):
        compared(models.a, changed_copy(other_prevalence))


def shuffled(table):
    return table.sample(frac=1, random_state=0)


def other_column(table):
    return table.assign(V3=table["V3"].to_numpy()[::-1])


@pytest.mark.parametrize("change", [shuffled, other_column])
def test_the_wrong_data_for_columns_is_refused(compared, models, tmp_path, change):
    table = change(models.projects[0].artifacts.transactions())
    table.to_parquet(tmp_path / "other.parquet", index=False)
    with pytest.raises(InputError, match="is not the data that these models were made from"):
        compared(data=tmp_path / "other.parquet", by=("V3",))


@pytest.fixture
def new_table(models, tmp_path):
    """Write a table of the test rows, changed, and return its path."""

    def write(change):
        project = models.projects[1]
        test = (project.artifacts.split()["part"] == "test").to_numpy()
        table = project.artifacts.transactions()[test].reset_index(drop=True)
        change(table).to_parquet(tmp_path / "new.parquet", index=False)
        return tmp_path / "new.parquet"

    return write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="Class"), "has no column 'Class'.*add the labels"),
        (lambda t: t.assign(Class=0), r"is 0 in all [\d,]+ rows"),
        (lambda t: t.assign(Class=np.nan), r"column Class: missing value in [\d,]+ rows"),
        (lambda t: t.assign(Time=t["Time"].where(t.index != 3)), "column Time: missing .* row 4 "),
        (lambda t: t.assign(Time="noon"), "column Time: not a number .* row 1 "),
    ],
)
def test_tables_that_cannot_be_judged_are_named(compared, new_table, change, message):
    with pytest.raises(InputError, match=message):
        compared(on=new_table(change))


def test_timestamps_are_read_as_ingest_reads_them(compared, new_table):
    seconds = compared(on=new_table(lambda t: t))
    stamps = compared(
        on=new_table(lambda t: t.assign(Time=pd.to_datetime(1_704_067_200 + t["Time"], unit="s")))
    )
    assert stamps["rows"]["transactions_per_day"] == pytest.approx(
        seconds["rows"]["transactions_per_day"]
    )
    assert stamps["slices"][1]["groups"][0].startswith("2024-01-0")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"alerts_per_day": 10.0}, "--alerts-per-day needs the times"),
        ({"cost_per_false_alarm": 1.0}, "--cost-per-false-alarm needs amounts"),
    ],
)
def test_budgets_and_costs_need_their_columns(compared, models, setting, message):
    from dataclasses import replace

    from pipeline.compare.candidates import read_candidates
    from pipeline.compare.exploring import Setting, check_setting
    from pipeline.compare.shared_rows import own_test_rows

    candidates = read_candidates((str(models.a), str(models.b)), models.a.parent, to_rescore=False)
    rows = own_test_rows(candidates)
    check_setting(Setting(**setting), candidates, rows)
    without = replace(rows, amount=None, time=None, transactions_per_day=None)
    with pytest.raises(UsageError, match=message):
        check_setting(Setting(**setting), candidates, without)


def test_files_that_cannot_be_written_are_named(compared, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(InputError, match=r"taken cannot be written .* another place"):
        compared(json=tmp_path / "taken")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"by": ("V3",)}, "--by V3 needs the columns"),
        ({"alerts_per_day": 1.0, "cost_per_false_alarm": 1.0}, "exclude each other"),
        ({"cost_per_missed_unit": 1.0}, "needs --cost-per-false-alarm"),
        ({"alerts_per_day": 1e12}, r"1e\+12 alerts a day exceeds the [45],\d{3}"),
        ({"html": Path("one"), "json": Path("one")}, "both name one; give two files"),
    ],
)
def test_impossible_requests_are_named(compared, settings, message):
    with pytest.raises(UsageError, match=message):
        compared(**settings)


def test_unknown_columns_and_models_named_twice_are_named(compared, models):
    data = models.projects[0].path("ingest", "transactions.parquet")
    with pytest.raises(UsageError, match="--by V99: the data have no such column"):
        compared(data=data, by=("V99",))
    with pytest.raises(UsageError, match="takes 2 to 20 models, got 1"):
        compared(models.a)
    with pytest.raises(UsageError, match="is named twice"):
        compared(models.a, models.a)


def test_nothing_is_written_when_a_model_is_refused(compared, models, tmp_path):
    with pytest.raises(InputError):
        compared(models.a, tmp_path / "nowhere", html=tmp_path / "r.html", json=tmp_path / "r.json")
    assert not list(tmp_path.iterdir())


def figures(*differences):
    """Caught at budget of A and of others that differ from its 80."""
    caught = {"A": {"value": 80.0}}
    precision = {"A": {"value": 0.8}}
    for label, (difference, low, high) in zip("BCD", differences, strict=False):
        caught[label] = {
            "value": 80.0 + difference, "difference": difference, "family_low": low,
            "family_high": high,
        }  # fmt: skip
        precision[label] = {"value": 0.8, "difference": 0.0}
    return {"caught_at_budget": caught, "average_precision": precision}


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        (
            [(6, -2, 13)],
            "B catches 6 more of 95 frauds than A at the same 100 alerts a day; the difference "
            "could be chance: 95 % interval -2 to +13.",
        ),
        (
            [(-5, -9, -1)],
            "B catches 5 fewer of 95 frauds than A at the same 100 alerts a day; chance alone "
            "does not explain it: 95 % interval -9 to -1.",
        ),
        (
            [(0.2, 0, 1)],
            "B and A catch the same 80 of 95 frauds at the same 100 alerts a day; a difference "
            "could be hidden by chance: 95 % interval 0 to +1.",
        ),
        (
            [(1, -2, 3), (4, 1, 6)],
            "Of the 2 models beside A, C does best: C catches 4 more of 95 frauds than A at the "
            "same 100 alerts a day; chance alone does not explain it: 95 % interval +1 to +6 "
            "(for 2 models together).",
        ),
        (
            [(0, 0, 0)],
            "B and A catch the same 80 of 95 frauds at the same 100 alerts a day; so they do in "
            "every resample.",
        ),
        (
            [(2.5, 0.4, 5)],
            "B catches 2 more of 95 frauds than A at the same 100 alerts a day; chance alone "
            "does not explain it: 95 % interval +0.4 to +5.0.",
        ),
    ],
)
def test_the_answer_in_one_sentence(differences, expected):
    assert answer(figures(*differences), {"words": "100 alerts a day"}, 95) == expected
