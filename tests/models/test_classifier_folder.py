"""A saved SGANClassifier: the same scores elsewhere, no mixture of two."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from models.classifier import SGANClassifier
from models.classifier_folder import NOT_SAVED
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.vae import TabularVAE

pytestmark = pytest.mark.slow

N_FEATURES = 4
SMALL = {
    "n_members": 2, "epochs": 3, "steps_per_epoch": 10, "batch_size": 32, "noise_dim": 4,
    "generator_units": (8,), "discriminator_units": (16,), "random_state": 0,
}  # fmt: skip


def make_rows(n, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.1).astype(int)
    X = rng.normal(size=(n, N_FEATURES)).astype("float32")
    return X + 2.0 * y[:, None], y


@pytest.fixture(scope="module")
def fitted():
    encoders = {
        "autoencoder": TabularAutoencoder(N_FEATURES, latent_dim=2, seed=3),
        "vae": TabularVAE(N_FEATURES, hidden_units=(4,), latent_dim=2, seed=4),
    }
    return SGANClassifier(**encoders, **SMALL).fit(
        *make_rows(500, seed=1), validation=make_rows(300, seed=2)
    )


def test_it_gives_the_same_scores_in_another_process(fitted, tmp_path):
    X, _ = make_rows(200, seed=7)
    fitted.save(tmp_path / "model")
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, numpy as np; from models.classifier import SGANClassifier; "
        "c = SGANClassifier.load(sys.argv[1] + '/model'); "
        "np.save(sys.argv[1] + '/p.npy', c.predict_proba(np.load(sys.argv[1] + '/X.npy')))"
    )
    repository = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=repository,
                   capture_output=True)  # fmt: skip
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), fitted.predict_proba(X))


def test_what_the_fit_found_comes_back(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = SGANClassifier.load(tmp_path)
    for name in ("classes_", "active_members_", "n_features_in_", "chosen_epoch_", "prior_shift_",
                 "collapses_", "pseudo_label_warnings_"):  # fmt: skip
        np.testing.assert_array_equal(getattr(loaded, name), getattr(fitted, name))
    assert not hasattr(loaded, "last_model_")
    same = {name: value for name, value in fitted.get_params().items() if name not in NOT_SAVED}
    assert {name: _listed(value) for name, value in loaded.get_params().items()
            if name not in NOT_SAVED} == {k: _listed(v) for k, v in same.items()}  # fmt: skip


def _listed(value):
    return list(value) if isinstance(value, tuple) else value


def test_the_last_epoch_is_kept_beside_the_best(fitted, tmp_path):
    fitted.save(tmp_path, with_last=True)
    loaded = SGANClassifier.load(tmp_path)
    for one, other in zip(
        loaded.last_model_.get_weights(), fitted.last_model_.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_last_epoch_of_another_classifier_does_not_stay(fitted, tmp_path):
    fitted.save(tmp_path, with_last=True)
    SGANClassifier.load(tmp_path).save(tmp_path)
    assert not hasattr(SGANClassifier.load(tmp_path), "last_model_")


def test_a_last_epoch_that_is_not_there_is_not_saved(fitted, tmp_path):
    fitted.save(tmp_path / "some")
    with pytest.raises(NotFittedError):
        SGANClassifier.load(tmp_path / "some").save(tmp_path / "new", with_last=True)
    assert not (tmp_path / "new").exists()


def test_files_that_a_kill_left_apart_are_refused(fitted, tmp_path, monkeypatch):
    fitted.save(tmp_path)
    former = (tmp_path / "classifier.json").read_bytes()
    X, y = make_rows(500, seed=3)
    other = SGANClassifier(**SMALL).fit(X, y)

    def killed(self, text, **_):
        with self.open("w") as file:
            file.write(text[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        other.save(tmp_path)
    assert (tmp_path / "classifier.json").read_bytes() == former
    with pytest.raises(
        ValueError, match=r"is not the model that classifier\.json was written with"
    ):
        SGANClassifier.load(tmp_path)


@pytest.mark.parametrize("name", ["classifier.json", "sgan.keras"])
def test_a_folder_that_lacks_a_file_is_named(name, fitted, tmp_path):
    fitted.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"has no {name}: give a folder"):
        SGANClassifier.load(tmp_path)


def test_numbers_of_a_parameter_search_are_saved(fitted, tmp_path):
    before = fitted.get_params(deep=False)
    searched = {"n_bins": np.int64(16), "discriminator_units": np.array([16])}
    try:
        fitted.set_params(**searched).save(tmp_path)
    finally:
        fitted.set_params(**before)
    loaded = SGANClassifier.load(tmp_path)
    assert (loaded.n_bins, loaded.discriminator_units) == (16, [16])


def test_a_parameter_that_json_does_not_know_leaves_nothing_behind(fitted, tmp_path):
    before = fitted.get_params(deep=False)
    try:
        with pytest.raises(TypeError, match=r"slice.* cannot be written as JSON.* is not saved"):
            fitted.set_params(inputs=slice(2)).save(tmp_path / "new")
    finally:
        fitted.set_params(**before)
    assert not (tmp_path / "new").exists()


def test_a_state_that_does_not_say_which_network_it_is_of_is_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    state = json.loads((tmp_path / "classifier.json").read_text())
    del state["model_sha256"]
    (tmp_path / "classifier.json").write_text(json.dumps(state))
    with pytest.raises(ValueError, match=r"was written with; save the classifier again"):
        SGANClassifier.load(tmp_path)
