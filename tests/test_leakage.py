"""No leakage: rows that must not matter are replaced by garbage, and no fitted thing changes.

Each test of that kind has a control: the same garbage in rows that do matter is noticed.
"""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pipeline.files.atomic import read_json

pytestmark = pytest.mark.slow

FITTED = {
    "scaler": "scale/scaler.skops",
    "autoencoder": "autoencoder/autoencoder.keras",
    "vae": "vae/vae.keras",
    "sampler": "augment/training.parquet",
}
STAGES_UNTIL_SGAN = ("scale", "autoencoder", "vae", "augment", "sgan")


def other_values(rows):
    """Rows of another world: each input moved, stretched and mirrored."""
    columns = [name for name in rows.columns if name.startswith("V")]
    rows[columns] = 4.0 - 3.0 * rows[columns]
    rows["Amount"] = 50.0 * rows["Amount"] + 1.0
    return rows


def other_labels(rows):
    """The same rows, frauds and genuine ones exchanged."""
    return rows.assign(Class=1 - rows["Class"])


def garbage(rows):
    return other_labels(other_values(rows))


@pytest.fixture(scope="module")
def tampered(trained_project, tmp_path_factory):
    """Return a function: copy the project, change some rows of its table, rerun stages."""

    def tampered(change, rows, *stages):
        project = trained_project.copy(tmp_path_factory.mktemp("tampered") / "project")
        project.tamper(rows, change)
        with pytest.MonkeyPatch.context() as patch:
            # Painting takes as long as computing; the numbers of the pictures are still written.
            patch.setattr(Figure, "savefig", lambda *_, **__: None)
            # So does the challenger, which the same code trains.
            return project.run(*stages, sgan__challenge_augmentation=False)

    return tampered


@pytest.fixture(scope="module")
def other_test_rows(trained_project, tampered):
    rows = trained_project.rows_of("test")
    return tampered(garbage, rows, *STAGES_UNTIL_SGAN, "evaluate")


@pytest.fixture(scope="module")
def other_validation_rows(trained_project, tampered):
    return tampered(garbage, trained_project.rows_of("validation"), *STAGES_UNTIL_SGAN)


@pytest.fixture(scope="module")
def other_unlabelled_labels(trained_project, tampered):
    rows = trained_project.rows_of("train", is_labelled=False)
    return tampered(other_labels, rows, *STAGES_UNTIL_SGAN, "evaluate")


@pytest.fixture(scope="module")
def other_training_rows(trained_project, tampered):
    rows = trained_project.rows_of("train")
    return tampered(other_values, rows, "scale", "autoencoder", "vae", "augment")


def changed_files(before, after, *stages):
    """Files that differ; those that `tampered` does not make are left out."""
    old, new = before.digests(*stages), after.digests(*stages)
    names = {
        name for name in old | new if "without_augmentation" not in name and name[-4:] != ".png"
    }
    return {name for name in names if old.get(name) != new.get(name)}


# Rows of the other parts


@pytest.mark.parametrize("fitted", FITTED)
def test_nothing_is_fitted_on_test_rows(trained_project, other_test_rows, fitted):
    assert FITTED[fitted] not in changed_files(trained_project, other_test_rows, *STAGES_UNTIL_SGAN)


@pytest.mark.parametrize("fitted", FITTED)
def test_nothing_is_fitted_on_validation_rows(trained_project, other_validation_rows, fitted):
    changed = changed_files(trained_project, other_validation_rows, *STAGES_UNTIL_SGAN)
    assert FITTED[fitted] not in changed


@pytest.mark.parametrize("fitted", FITTED)
def test_other_training_rows_would_be_noticed(trained_project, other_training_rows, fitted):
    changed = changed_files(trained_project, other_training_rows, *STAGES_UNTIL_SGAN)
    assert FITTED[fitted] in changed


def test_test_rows_do_not_train_the_sgan_or_choose_its_epoch(trained_project, other_test_rows):
    assert not changed_files(trained_project, other_test_rows, "augment", "sgan")


def test_validation_rows_choose_the_epoch_and_train_nothing(trained_project, other_validation_rows):
    changed = changed_files(trained_project, other_validation_rows, "sgan")
    assert "sgan/classifier/sgan_last.keras" not in changed
    assert {"sgan/ensemble.csv", "sgan/chosen.json"} <= changed


def test_other_training_rows_would_change_the_sgan(trained_project):
    files = trained_project.digests("sgan")
    with_synthetic = files["sgan/classifier/sgan_last.keras"]
    assert with_synthetic != files["sgan/without_augmentation/classifier/sgan_last.keras"]


# Threshold and calibration


def judgements(project):
    """Threshold and calibration of the SGAN and the challengers that were trained each time."""
    metrics = read_json(project.path("evaluate", "metrics.json"))
    names = ("logistic_regression", "gradient_boosting")
    figures = {"sgan": metrics["sgan"]} | {name: metrics["challengers"][name] for name in names}
    return {name: (of["threshold"], of["calibration"]) for name, of in figures.items()}


def test_threshold_and_calibration_ignore_test_rows(trained_project, other_test_rows):
    assert judgements(other_test_rows) == judgements(trained_project)


def test_the_packaged_model_ignores_test_rows(trained_project, other_test_rows):
    changed = changed_files(trained_project, other_test_rows, "evaluate")
    # Evidence and card hold figures of the test rows; what scores, and the inputs' distribution
    # among training rows, does not.
    of_test_rows = {"evidence/rows.parquet", "evidence/run.json"} | {
        f"card/model_card.{format}" for format in ("html", "json", "md")
    }
    assert {name for name in changed if "/model/" in name} == {
        f"evaluate/model/{name}" for name in ("model.json", *of_test_rows)
    }
    before, after = (
        read_json(project.path("evaluate", "model/model.json"))
        for project in (trained_project, other_test_rows)
    )
    # Its figures are those of the test rows, and so they must change.
    assert before.pop("trained_on") != after.pop("trained_on")
    hashes = [of.pop("files") for of in (before, after)]
    assert {name for name in hashes[0] if hashes[0][name] != hashes[1][name]} == of_test_rows
    assert before == after


def test_scores_of_validation_rows_ignore_test_rows(trained_project, other_test_rows):
    before, after = (
        pd.read_parquet(project.path("evaluate", "predictions.parquet"))
        for project in (trained_project, other_test_rows)
    )
    of_validation = before["part"] == "validation"
    pd.testing.assert_frame_equal(before[of_validation], after[of_validation])
    assert (before.loc[~of_validation, "score"] != after.loc[~of_validation, "score"]).mean() > 0.9


def test_other_validation_rows_change_threshold_and_calibration(trained_project, tmp_path_factory):
    project = trained_project.copy(tmp_path_factory.mktemp("relabelled") / "project")
    project.tamper(trained_project.rows_of("validation"), other_labels)
    project.run("evaluate")
    before, after = judgements(trained_project), judgements(project)
    assert all(before[name] != after[name] for name in before)


# Labels outside the budget


def test_labels_of_unlabelled_rows_reach_nothing(trained_project, other_unlabelled_labels):
    flipped = trained_project.rows_of("train", is_labelled=False).sum()
    labels = [
        project.artifacts.transactions()["Class"]
        for project in (trained_project, other_unlabelled_labels)
    ]
    assert (labels[0] != labels[1]).sum() == flipped > 300
    assert not changed_files(trained_project, other_unlabelled_labels, *STAGES_UNTIL_SGAN)


def test_labels_of_unlabelled_rows_change_no_figure(trained_project, other_unlabelled_labels):
    before, after = (
        read_json(project.path("evaluate", "metrics.json"))
        for project in (trained_project, other_unlabelled_labels)
    )
    for part in ("challengers", "differences"):
        del before[part]["sgan_without_augmentation"]
    assert before == after


def test_labels_within_the_budget_would_be_noticed(trained_project, tampered):
    frauds = trained_project.artifacts.transactions()["Class"].to_numpy() == 1
    labelled = np.flatnonzero(trained_project.rows_of("train", is_labelled=True) & frauds)
    one = np.isin(np.arange(len(frauds)), labelled[:1])
    project = tampered(other_labels, one, "augment")
    assert "augment/training.parquet" in changed_files(trained_project, project, "augment")


# Rows that cross parts


@pytest.mark.parametrize("method", ["vae", "random", "smote", "none"])
def test_training_holds_the_real_training_rows_and_nothing_real_beside(
    trained_project, tmp_path, method
):
    project = trained_project
    if method != "vae":
        project = trained_project.copy(tmp_path / "project").run("augment", augment__method=method)
    training, scaled = project.artifacts.training_set(), project.artifacts.scaled()
    real = training[training["source"] == "real"]
    assert sorted(real["row_id"]) == np.flatnonzero(project.rows_of("train")).tolist()
    inputs = project.artifacts.input_names()
    np.testing.assert_array_equal(real[inputs].to_numpy(), scaled[real["row_id"]])
    label = project.artifacts.transactions()["Class"].to_numpy()
    is_labelled = project.rows_of("train", is_labelled=True)
    known = np.where(is_labelled, label, -1)
    np.testing.assert_array_equal(real["label"], known[real["row_id"]])


def test_parents_of_synthetic_rows_are_labelled_training_frauds(trained_project, tmp_path):
    project = trained_project.copy(tmp_path / "project")
    training = project.run("augment", augment__generation="posterior").artifacts.training_set()
    synthetic = training[training["source"] != "real"]
    label = project.artifacts.transactions()["Class"].to_numpy()
    is_parent = project.rows_of("train", is_labelled=True) & (label == 1)
    assert len(synthetic) == 32
    assert (synthetic["row_id"] >= 0).all()
    assert is_parent[synthetic["row_id"]].all()
    assert (synthetic["label"] == 1).all()


def test_no_synthetic_row_is_judged(trained_project):
    predictions = pd.read_parquet(trained_project.path("evaluate", "predictions.parquet"))
    for part in ("validation", "test"):
        judged = predictions.loc[predictions["part"] == part, "row_id"]
        assert judged.tolist() == np.flatnonzero(trained_project.rows_of(part)).tolist()
    artifacts = trained_project.artifacts
    n_rows = len(artifacts.transactions())
    assert len(artifacts.split()) == len(artifacts.scaled()) == n_rows == 1000
    training, inputs = artifacts.training_set(), artifacts.input_names()
    made = training.loc[training["source"] != "real", inputs].to_numpy()
    judged = artifacts.scaled()[predictions["row_id"]]
    assert not (set(map(bytes, made)) & set(map(bytes, judged)))


@pytest.mark.parametrize("method", ["stratified", "time"])
def test_no_copy_of_a_training_row_is_judged(trained_project, tmp_path, method):
    original = trained_project.artifacts.transactions()
    # Copies a day later would fall into later parts, were they not recognised.
    copies = original.iloc[::3].assign(Time=original["Time"] + 86_400.0)
    project = type(trained_project)(tmp_path / "project")
    project.folder.mkdir()
    pd.concat([original, copies]).to_parquet(project.folder / "x.parquet", index=False)
    project.run(
        "ingest", "split", "scale", "augment",
        data__source="file", data__path="x.parquet", split__method=method,
        split__n_labelled_frauds=None, split__n_labelled_genuine=None, augment__method="random",
    )  # fmt: skip
    artifacts = project.artifacts
    assert len(artifacts.transactions()) == len(original) + len(copies)
    training = artifacts.training_set()[artifacts.input_names()].to_numpy()
    seen = set(map(bytes, training))
    for part in ("validation", "test"):
        judged = artifacts.scaled()[project.rows_of(part)]
        assert len(judged) > 100
        assert not seen & set(map(bytes, judged))
