"""The stage `sgan` on a tiny project: its files, the chosen epoch, what is reported, the seed."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score

from evaluation.metrics import prevalence_weights
from models.classifier import SGANClassifier
from models.saving import load_model
from pipeline.files.atomic import read_json
from pipeline.stages.context import StageContext
from pipeline.stages.sgan import sgan

pytestmark = pytest.mark.slow

EPOCHS, MEMBERS = 4, 2


@pytest.fixture(scope="module")
def classifier(trained_project):
    return SGANClassifier.load(trained_project.path("sgan", "classifier"))


class Recorder:
    """A tracker that remembers what it is told."""

    def __init__(self):
        self.metrics, self.tags = [], {}

    def log_metrics(self, metrics, step=None):
        self.metrics.append((step, dict(metrics)))

    def set_tags(self, tags):
        self.tags.update(tags)


@pytest.fixture(scope="module")
def other_seed(trained_project, tmp_path_factory):
    """Return the project with another SGAN seed and no challenger, result and tracker."""
    project = trained_project.copy(tmp_path_factory.mktemp("other_seed") / "project")
    params = project.params(sgan__seed=52, sgan__challenge_augmentation=False)
    tracker, artifacts = Recorder(), project.artifacts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda *_, **__: None)
        project.run("autoencoder", "vae", sgan__seed=52)
        with artifacts.replacing("sgan") as output:
            workspace = artifacts.workspace("sgan")
            context = StageContext(params, artifacts, output, workspace, project.folder, tracker)
            result = sgan(context)
    return project, result, tracker


def test_every_file_is_written(trained_project):
    own = {"chosen.json", "ensemble.csv", "history.parquet"} | {
        f"{name}.{suffix}" for name in ("f1_by_epoch", "losses") for suffix in ("png", "csv")
    }
    folder = trained_project.artifacts.folder("sgan")
    for place in (folder, folder / "without_augmentation"):
        assert {path.name for path in place.iterdir() if path.is_file()} == own
        assert {path.name for path in (place / "classifier").iterdir()} == {
            "classifier.json", "sgan.keras", "sgan_last.keras",
        }  # fmt: skip
    assert not trained_project.artifacts.workspace("sgan").exists()


@pytest.mark.parametrize("folder", ["", "without_augmentation"])
def test_the_chosen_epoch_is_the_last_about_as_good_as_the_best(trained_project, folder):
    place = trained_project.artifacts.folder("sgan") / folder
    chosen, by_epoch = read_json(place / "chosen.json"), pd.read_csv(place / "ensemble.csv")
    assert by_epoch["epoch"].tolist() == list(range(EPOCHS))
    figure = by_epoch["validation_average_precision"]
    assert chosen["chosen_epoch"] == by_epoch["epoch"][figure >= figure.max() - 0.02].iloc[-1]
    classifier = SGANClassifier.load(place / "classifier")
    assert classifier.chosen_epoch_ == chosen["chosen_epoch"]


def test_the_saved_classifier_is_that_of_the_chosen_epoch(trained_project, classifier):
    is_validation = trained_project.rows_of("validation")
    label = trained_project.artifacts.transactions()["Class"].to_numpy()[is_validation]
    rows = trained_project.artifacts.scaled()[is_validation]
    by_hand = average_precision_score(
        label,
        classifier.decision_function(rows),
        sample_weight=prevalence_weights(label, 0.01),
    )
    figures = read_json(trained_project.path("sgan", "chosen.json"))["figures"]
    assert figures["validation_average_precision"] == pytest.approx(by_hand, rel=1e-6)


def test_history_has_a_row_for_each_epoch_and_member(trained_project):
    history = pd.read_parquet(trained_project.path("sgan", "history.parquet"))
    places = [(epoch, member) for epoch in range(EPOCHS) for member in range(MEMBERS)]
    assert list(zip(history["epoch"], history["member"], strict=True)) == places
    figures = {
        "discriminator_loss", "generator_loss", "validation_f1", "validation_average_precision",
    }  # fmt: skip
    assert figures <= set(history.columns)
    assert history["validation_f1"].between(0, 1).all()
    of_one = history[history["member"] == 0].reset_index(drop=True)
    of_other = history[history["member"] == 1].reset_index(drop=True)
    assert not np.allclose(of_one["generator_loss"], of_other["generator_loss"])


def test_the_encoders_inside_are_those_of_their_stages(trained_project, classifier):
    for name in ("autoencoder", "vae"):
        outside = load_model(trained_project.path(name, f"{name}.keras"))
        inside = getattr(classifier, name)
        for a, b in zip(outside.get_weights(), inside.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_probabilities_are_set_to_the_fraud_rate_of_all_real_rows(classifier, trained_project):
    """The label budget shows one fraud in five rows; the unlabelled rows know better."""
    training = trained_project.artifacts.training_set()
    real = training.loc[training["source"] == "real", trained_project.artifacts.input_names()]
    rate = classifier.predict_proba(real.to_numpy())[:, 1].mean()
    assert rate == pytest.approx(60 / 600, rel=0.3)  # 48 / 248 of the labelled ones


def test_each_epoch_is_reported_at_its_step(other_seed):
    project, result, tracker = other_seed
    assert [step for step, _ in tracker.metrics] == list(range(EPOCHS))
    by_epoch = pd.read_csv(project.path("sgan", "ensemble.csv"))
    history = pd.read_parquet(project.path("sgan", "history.parquet"))
    for epoch, (_, metrics) in enumerate(tracker.metrics):
        assert metrics["validation_f1"] == pytest.approx(by_epoch["validation_f1"][epoch])
        of_epoch = history[history["epoch"] == epoch]["generator_loss"]
        assert metrics["generator_loss"] == pytest.approx(of_epoch.mean())
        assert metrics["generator_loss_std"] == pytest.approx(of_epoch.std(ddof=0))
        assert "test_f1" not in metrics
    chosen = read_json(project.path("sgan", "chosen.json"))["chosen_epoch"]
    assert tracker.tags == {"chosen_epoch": str(chosen)}
    assert result.metrics["chosen_epoch"] == chosen
    assert (result.n_rows, result.n_frauds) == (632, 80)


def test_pseudo_labels_are_reported_in_artifacts_and_metrics(other_seed):
    project, result, tracker = other_seed
    chosen = read_json(project.path("sgan", "chosen.json"))
    warnings = chosen["pseudo_label_warnings"]
    assert result.metrics["n_pseudo_label_warnings"] == len(warnings)
    by_epoch = pd.read_csv(project.path("sgan", "ensemble.csv"))
    taught = by_epoch.dropna(subset="pseudo_fraud_share")
    assert taught["epoch"].tolist() == list(range(1, EPOCHS))
    for _, row in taught.iterrows():
        _, metrics = tracker.metrics[int(row["epoch"])]
        for name in ("n_pseudo_frauds", "n_pseudo_genuine", "pseudo_fraud_share",
                     "unlabelled_fraud_rate", "uses_pseudo_labels"):  # fmt: skip
            assert metrics[name] == pytest.approx(row[name]), name
    # The log and the file are of the same epochs.
    assert {w["epoch"] for w in warnings} <= set(taught["epoch"])


def test_another_seed_changes_the_sgan_alone(trained_project, other_seed):
    project = other_seed[0]
    before, after = (p.digests("autoencoder", "vae", "sgan") for p in (trained_project, project))
    for name in ("autoencoder/autoencoder.keras", "vae/vae.keras"):
        assert before[name] == after[name]
    assert before["sgan/classifier/sgan_last.keras"] != after["sgan/classifier/sgan_last.keras"]


def test_without_the_challenge_there_is_no_challenger(other_seed):
    assert not other_seed[0].path("sgan", "without_augmentation").exists()
