"""The stage `augment` on a tiny project: sources, fidelity, every method, every refusal."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.files.atomic import read_json

pytestmark = pytest.mark.slow

N_REAL, N_LABELLED, N_FRAUDS, N_WANTED = 600, 248, 48, 80  # 80 = 0.4 of 200 genuine rows


@pytest.fixture
def augment(trained_project, tmp_path):
    """Rerun the stage with other parameters; gives the training set and the report."""

    def augment(**overrides):
        project = trained_project.copy(tmp_path / "project").run("augment", **overrides)
        return project.artifacts.training_set(), report_of(project)

    return augment


def report_of(project):
    return read_json(project.path("augment", "fidelity.json"))


def test_every_file_is_written(trained_project):
    written = {path.name for path in trained_project.artifacts.folder("augment").iterdir()}
    pictures = {"real_and_synthetic", "fidelity"}
    assert written == {
        "training.parquet", "fidelity.json",
        *(f"{name}.{suffix}" for name in pictures for suffix in ("png", "csv")),
    }  # fmt: skip


def test_columns_and_types(trained_project):
    training = trained_project.artifacts.training_set()
    inputs = trained_project.artifacts.input_names()
    assert list(training.columns) == [*inputs, "label", "source", "row_id"]
    assert set(training[inputs].dtypes.astype(str)) == {"float32"}
    assert (training["label"].dtype, training["row_id"].dtype) == (np.int8, np.int64)


@pytest.mark.parametrize("method", ["smote", "borderline_smote", "adasyn", "random"])
def test_each_method_makes_the_frauds_asked_for_and_names_their_source(augment, method):
    training, report = augment(augment__method=method)
    check_training_set(training, method, exact=method != "adasyn")
    assert report["method"] == method
    parents = training.loc[training["source"] == method, "row_id"]
    assert ((parents >= 0) == (method == "random")).all()


def check_training_set(training, method, exact=True):
    counts = training["source"].value_counts()
    assert set(counts.index) == {"real", method}
    assert counts["real"] == N_REAL
    synthetic = training[training["source"] == method]
    assert (synthetic["label"] == 1).all()
    n_frauds = N_FRAUDS + len(synthetic)
    assert (
        n_frauds == N_WANTED if exact else 0 < abs(n_frauds - N_WANTED) <= 5 or n_frauds == N_WANTED
    )
    real = training[training["source"] == "real"]
    assert real["label"].value_counts().to_dict() == {
        1: N_FRAUDS, 0: N_LABELLED - N_FRAUDS, -1: N_REAL - N_LABELLED,
    }  # fmt: skip


def test_interpolated_frauds_have_a_parent(augment):
    training, report = augment(augment__generation="interpolation")
    check_training_set(training, "vae")
    assert (training["row_id"] >= 0).all()
    assert report["privacy"]["n_exact_copies"] == 0


def test_frauds_from_the_prior_are_frauds(trained_project, tmp_path):
    # With the default beta of 0.01 codes spread far beyond the prior.
    options = {"vae__beta": 0.1, "vae__epochs": 40, "augment__generation": "prior"}
    project = trained_project.copy(tmp_path / "project").run("vae", "augment", **options)
    training = project.artifacts.training_set()
    check_training_set(training, "vae")
    synthetic = training[training["source"] == "vae"]
    assert (synthetic["row_id"] == -1).all()
    real = training[training["source"] == "real"]
    inputs = trained_project.artifacts.input_names()
    made, fraud, genuine = (
        rows[inputs].mean() for rows in (synthetic, real[real.label == 1], real[real.label == 0])
    )
    assert np.linalg.norm(made - fraud) < np.linalg.norm(made - genuine) / 2


def test_none_leaves_the_real_rows(augment):
    training, report = augment(augment__method="none")
    assert (training["source"] == "real").all()
    assert len(training) == N_REAL
    assert (report["n_real"], report["n_synthetic"]) == (N_FRAUDS, 0)
    assert report["unavailable"]


def test_vae_frauds_are_new_and_near_real_ones(trained_project):
    check_training_set(trained_project.artifacts.training_set(), "vae")
    report = report_of(trained_project)
    assert (report["method"], report["n_real"], report["n_synthetic"]) == ("vae", N_FRAUDS, 32)
    assert report["n_holdout"] == 20
    assert report["privacy"]["n_exact_copies"] == 0
    assert 0 < report["ks"]["mean"] <= report["ks"]["max"] <= 1
    assert set(report["ks"]["per_column"]) == set(trained_project.artifacts.input_names())
    # Other real frauds lie nearer in distribution than those of a VAE of two epochs.
    assert report["holdout"]["ks"]["mean"] < report["ks"]["mean"]


def test_copies_are_reported_as_copies(augment):
    _, report = augment(augment__method="random")
    privacy = report["privacy"]
    assert privacy["n_exact_copies"] == privacy["n_synthetic"] == N_WANTED - N_FRAUDS
    assert privacy["share_nearer_than_real"] == 1
    assert privacy["synthetic_to_real"]["median"] == 0


def test_random_rows_equal_their_parents(augment, trained_project):
    training, _ = augment(augment__method="random")
    made = training[training["source"] == "random"]
    inputs = trained_project.artifacts.input_names()
    scaled = trained_project.artifacts.scaled()
    np.testing.assert_array_equal(made[inputs].to_numpy(), scaled[made["row_id"]])


def test_the_seed_decides(augment, trained_project, tmp_path):
    before = trained_project.digests("augment")
    again = trained_project.copy(tmp_path / "again").run("augment").digests("augment")
    assert again == before
    other, _ = augment(augment__seed=42)
    same = other.equals(trained_project.artifacts.training_set())
    assert not same


def test_too_few_frauds_for_the_neighbours_say_what_to_do(augment):
    cure = (
        r"augment\.method=smote: smote needs more rows of class 1 than n_neighbors=60, got 48; "
        "lower n_neighbors to 47 or less, or choose the method 'vae' or 'random'"
    )
    with pytest.raises(InputError, match=cure):
        augment(augment__method="smote", augment__n_neighbors=60)


def test_enough_frauds_warn_and_go_on(augment, caplog):
    with caplog.at_level(logging.WARNING, logger="pipeline.stages.augment"):
        training, report = augment(augment__sampling_strategy=0.1)
    message = caplog.messages[-1]
    assert "augment.sampling_strategy=0.1 asks for 20 frauds beside 200 genuine rows" in message
    assert "have 48 already: no synthetic rows were made" in message
    assert (training["source"] == "real").all()
    assert report["n_synthetic"] == 0


def test_the_report_is_plain_json(trained_project):
    text = trained_project.path("augment", "fidelity.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_numbers_of_the_pictures(trained_project):
    points = pd.read_csv(trained_project.path("augment", "real_and_synthetic.csv"))
    assert len(points) == N_WANTED
    columns = pd.read_csv(trained_project.path("augment", "fidelity.csv"))
    assert len(columns) == 29
