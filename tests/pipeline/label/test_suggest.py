"""What is suggested, what it is made of, and what becomes of the labels in the next run."""

import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from features.row_checks import check_rows
from features.schema import TransactionSchema
from features.transaction_keys import transaction_keys
from models.active_learning import STRATEGIES, boundary_distance
from pipeline.__main__ import cli
from pipeline.commands import label as labelling
from pipeline.errors import InputError
from pipeline.files.atomic import read_json
from pipeline.label.importing import import_labels
from pipeline.label.sheet import Sheet
from pipeline.label.suggest import SuggestRequest, suggest

pytestmark = pytest.mark.slow

BUDGET = 12


@pytest.fixture(scope="module")
def suggestions(trained_project, tmp_path_factory):
    """Suggest rows of the tiny project; gives the table as pandas reads it."""
    folder = tmp_path_factory.mktemp("suggestions")
    model = trained_project.path("evaluate", "model")

    def suggestions(out="ask.csv", labels="no labels", **more):
        options = {"budget": BUDGET, "model": str(model), "folder": trained_project.folder}
        request = SuggestRequest(folder / out, labels=folder / labels, **(options | more))
        suggest(request)
        table = pd.read_csv(request.out, dtype={"label": str}, keep_default_na=False)
        table.attrs["path"] = request.out
        return table

    return suggestions


@pytest.fixture(scope="module")
def mixed(suggestions):
    return suggestions("mixed.csv")


def keys_of(project):
    """Keys of all rows of the project."""
    schema = TransactionSchema.from_dict(project.artifacts.data_summary()["schema"])
    return transaction_keys(project.artifacts.transactions(), schema)


def test_unlabelled_training_rows_with_score_guess_and_reasons(mixed, trained_project):
    assert len(mixed) == BUDGET
    assert mixed["transaction_key"].is_unique
    table = trained_project.artifacts.transactions()
    is_open = trained_project.rows_of("train", is_labelled=False)
    assert set(mixed["transaction_key"]) <= set(keys_of(trained_project)[is_open])
    assert (mixed["label"] == "").all()
    assert "Class" not in mixed
    model = trained_project.path("evaluate", "model")
    from pipeline.model.folder import load

    scored = load(model).predict(mixed)
    np.testing.assert_allclose(mixed["score"], scored["score"], rtol=1e-3)
    assert (mixed["guess"] == scored["decision"]).all()
    named = mixed["reason_1"].replace("", None).dropna()
    assert set(named) <= set(table.columns) - {"Class", "Time"}
    assert len(named) >= BUDGET - 2


def test_strategies_differ_and_random_repeats_by_its_seed(suggestions, trained_project):
    names = ("boundary", "disagreement", "random")
    found = {name: suggestions(f"{name}.csv", strategy=name) for name in names}
    assert len({tuple(sorted(table["transaction_key"])) for table in found.values()}) == 3
    manifest = read_json(trained_project.path("evaluate", "model") / "model.json")
    threshold = manifest["threshold"]["value"]
    distance = {
        name: boundary_distance(table["score"], threshold).mean() for name, table in found.items()
    }
    assert distance["boundary"] < 0.5 * distance["random"]
    assert found["disagreement"]["disagreement"].mean() > found["random"]["disagreement"].mean()
    again = suggestions("again.csv", strategy="random")
    assert (again["transaction_key"] == found["random"]["transaction_key"]).all()
    assert (again["strategy"] == "random").all()


def test_rows_that_have_been_labelled_are_not_asked_about_again(suggestions, mixed, tmp_path):
    shutil.copy(mixed.attrs["path"], tmp_path / "mixed.csv")
    sheet = Sheet.read(tmp_path / "mixed.csv")
    for position in range(BUDGET):
        sheet.answer(position, "0", "Ada")
    labels = mixed.attrs["path"].parent / "labels"
    import_labels(sheet.path, labels)
    later = suggestions("later.csv", labels="labels")
    assert not set(later["transaction_key"]) & set(mixed["transaction_key"])


def test_a_file_with_answers_is_not_overwritten(suggestions):
    table = suggestions("kept.csv")
    Sheet.read(table.attrs["path"]).answer(0, "1", "Ada")
    with pytest.raises(InputError, match="holds 1 answers, which would be lost"):
        suggestions("kept.csv")


def test_new_transactions_keep_their_keys_and_other_columns(suggestions, trained_project, tmp_path):
    table = trained_project.artifacts.transactions().iloc[:120]
    new = table.assign(card=[f"card {i}" for i in range(120)], Class=table["Class"].astype(float))
    new.loc[new.index >= 40, "Class"] = np.nan
    new.to_csv(tmp_path / "new.csv", index=False)
    found = suggestions("new.csv", data=tmp_path / "new.csv", budget=200)
    assert len(found) == 80  # all that have no label
    keys = keys_of(trained_project)[:120]
    order = [list(keys).index(key) for key in found["transaction_key"]]
    assert min(order) >= 40
    assert found["card"].tolist() == [f"card {i}" for i in order]
    without = new.drop(columns="Class").iloc[:30]
    without.to_parquet(tmp_path / "new.parquet")
    assert len(suggestions("none.csv", data=tmp_path / "new.parquet", budget=200)) == 30


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="V3"), "needs columns that are not there: V3"),
        (lambda t: t.drop(columns="Time"), "needs columns that are not there: Time"),
        (
            lambda t: t.assign(V3=[None, *t["V3"][1:]]),
            "column V3: missing value in 1 rows, first i",
        ),
        (lambda t: t, "every row has its label already"),
        (lambda t: t.assign(score=1.0).drop(columns="Class"), "have a column score"),
    ],
)
def test_data_that_cannot_be_used(suggestions, trained_project, tmp_path, change, message):
    table = trained_project.artifacts.transactions().iloc[:20]
    change(table).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(InputError, match=message):
        suggestions("bad.csv", data=tmp_path / "bad.csv")


def test_a_project_without_open_rows_or_without_a_run(suggestions, trained_project, tmp_path):
    copy = trained_project.copy(tmp_path / "copy")
    path = copy.path("split", "split.parquet")
    rows = pd.read_parquet(path)
    rows.assign(is_labelled=True).to_parquet(path, index=False)
    with pytest.raises(InputError, match="every training row of the last run has its label"):
        suggestions("none.csv", folder=copy.folder)
    with pytest.raises(InputError, match="holds no run to take unlabelled rows from"):
        suggestions("none.csv", folder=tmp_path)


def test_the_strategies_of_the_command_are_those_of_the_module():
    assert labelling.STRATEGIES == STRATEGIES
    result = CliRunner().invoke(cli, ["label", "suggest", "--strategy", "best"])
    assert result.exit_code == 2


def test_the_next_run_trains_with_the_labels(suggestions, trained_project, tmp_path):
    """Labels of people reach open training rows and nothing else; the data win contradictions."""
    table = suggestions("ask_all.csv", budget=10_000)
    sheet = Sheet.read(table.attrs["path"])
    for position in range(20):
        sheet.answer(position, "10"[position % 2], "Ada")
    copy = trained_project.copy(tmp_path / "copy")
    before = copy.artifacts.training_set()
    test_key = keys_of(copy)[copy.rows_of("test")][0]
    sheet.answer(20, "1", "Ada")
    sheet.rows[20]["transaction_key"] = test_key  # a test row that somebody has labelled
    sheet.rows[21]["transaction_key"] = "t-" + "0" * 20  # one that is not in the data
    sheet.answer(21, "1", "Ada")
    import_labels(sheet.path, copy.folder / "labels")
    copy.run("augment", augment__method="none")
    after = copy.artifacts.training_set()
    keys = keys_of(copy)
    said = {row["transaction_key"]: int(row["label"]) for row in sheet.rows[:20]}
    real = after[after["source"] == "real"].set_index("row_id").sort_index()
    old = before[before["source"] == "real"].set_index("row_id").sort_index()
    assert (real.index == old.index).all()
    changed = real.index[real["label"] != old["label"]]
    assert {keys[i]: real.loc[i, "label"] for i in changed} == said
    assert (old.loc[changed, "label"] == -1).all()


def test_a_contradiction_to_the_data_is_logged_and_the_data_win(
    trained_project, tmp_path, make_sheet, caplog
):
    copy = trained_project.copy(tmp_path / "copy")
    labelled = np.flatnonzero(copy.rows_of("train", is_labelled=True))[:1]
    truth = copy.artifacts.transactions()["Class"].iloc[labelled[0]]
    key = keys_of(copy)[labelled[0]]
    path = make_sheet(tmp_path / "ask.csv", 1, transaction_key=[key], label=[str(1 - truth)])
    import_labels(path, copy.folder / "labels")
    before = copy.artifacts.training_set()
    copy.run("augment")
    pd.testing.assert_frame_equal(copy.artifacts.training_set(), before)
    assert (
        f"contradict each other about 1 transactions, such as {key}; the data count" in caplog.text
    )


def test_a_table_with_unknown_labels_runs_to_the_end(trained_project, tmp_path):
    """Two thirds of the labels are missing in the file; a few are given; every stage runs."""
    table = trained_project.artifacts.transactions()
    label = table["Class"].astype(float).mask(np.arange(len(table)) % 3 > 0)
    folder = tmp_path / "project"
    folder.mkdir()
    table.assign(Class=label).to_csv(folder / "x.csv", index=False)
    project = type(trained_project)(folder)
    options = {
        "data__source": "file", "data__path": "x.csv", "ingest__on_missing_label": "unlabelled",
        "split__n_labelled_frauds": None, "split__n_labelled_genuine": None,
        "sgan__epochs": 1, "sgan__challenge_augmentation": False, "autoencoder__epochs": 1,
        "vae__epochs": 1,
    }  # fmt: skip
    project.run(**options)
    data = project.artifacts.data_summary()
    assert data["n_unlabelled"] == label.isna().sum()
    assert data["fraud_rate"] == pytest.approx(label.mean())
    # What reads the checked table later takes -1 for a label that nobody knows.
    from pipeline.model.folder import load
    from pipeline.score.delivery import read_delivery

    model = load(project.path("evaluate", "model"))
    delivery = read_delivery(project.path("ingest", "transactions.parquet"), model)
    assert np.isnan(delivery.label).sum() == label.isna().sum()
    metrics = read_json(project.path("evaluate", "metrics.json"))
    assert metrics["data"]["n_test_rows"] < 0.25 * label.notna().sum()
    keys = keys_of(project)[label.isna().to_numpy()]
    known = checked_keys(table, project)
    assert set(keys) <= set(known)


def checked_keys(table, project):
    schema = TransactionSchema.from_dict(project.artifacts.data_summary()["schema"])
    return transaction_keys(check_rows(table, schema)[0], schema)
