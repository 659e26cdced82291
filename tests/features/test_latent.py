"""The transformers around the autoencoder and the VAE."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate

from features.latent import AutoencoderFeatures, VAEFeatures

SMALL = {"epochs": 2, "batch_size": 64, "latent_dim": 2, "random_state": 0}
CLASSES = [AutoencoderFeatures, VAEFeatures]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.normal(size=(150, 4)).astype("float32"), columns=list("abcd"))


@pytest.fixture(scope="module")
def fitted(table):
    return {cls: cls(hidden_units=(3,), **SMALL).fit(table) for cls in CLASSES}


def test_autoencoder_features_are_codes_and_the_error(fitted, table):
    features = fitted[AutoencoderFeatures].transform(table)
    model = fitted[AutoencoderFeatures].model_
    rows = table.to_numpy()
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, :2], model.encode(rows), atol=1e-6)
    expected = np.mean((np.asarray(model(rows)) - rows) ** 2, axis=1)
    np.testing.assert_allclose(features[:, 2], expected, atol=1e-6)


def test_vae_features_are_the_mean_codes(fitted, table):
    transformer = fitted[VAEFeatures]
    z_mean, _ = transformer.model_.encode(table.to_numpy())
    np.testing.assert_allclose(transformer.transform(table), z_mean, atol=1e-6)


@pytest.mark.parametrize("cls", CLASSES)
def test_names_of_columns_in_and_out(cls, fitted, table):
    transformer = fitted[cls]
    assert list(transformer.feature_names_in_) == list("abcd")
    names = transformer.get_feature_names_out()
    assert len(names) == transformer.transform(table).shape[1]
    frame = clone(transformer).set_output(transform="pandas").fit_transform(table)
    assert list(frame.columns) == list(names)
    assert frame.index.equals(table.index)
    with pytest.raises(ValueError, match="feature names"):
        transformer.transform(table[list("dcba")])


def test_names_of_both_do_not_collide(fitted):
    names = [n for cls in CLASSES for n in fitted[cls].get_feature_names_out()]
    assert names == [
        "autoencoder_code_0", "autoencoder_code_1", "reconstruction_error",
        "vae_code_0", "vae_code_1",
    ]  # fmt: skip


@pytest.mark.parametrize("cls", CLASSES)
def test_validation_rows_are_scored_and_not_fitted(cls, fitted, table):
    epochs = []
    transformer = clone(fitted[cls]).fit(
        table, X_validation=table * 100, on_epoch=lambda e, metrics: epochs.append(metrics)
    )
    assert epochs == transformer.history_
    assert "validation_loss" in epochs[0]
    np.testing.assert_array_equal(transformer.transform(table), fitted[cls].transform(table))


@pytest.mark.parametrize("cls", CLASSES)
def test_a_trained_model_is_adopted_as_it_is(cls, fitted, table):
    model = fitted[cls].model_
    weights = [w.copy() for w in model.get_weights()]
    wrapped = cls(model=model).fit(table)
    np.testing.assert_array_equal(wrapped.transform(table), fitted[cls].transform(table))
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    cloned = clone(wrapped)
    np.testing.assert_array_equal(cloned.fit_transform(table), fitted[cls].transform(table))
    with pytest.raises(ValueError, match="made for 4 columns, X has 3"):
        cls(model=model).fit(table.iloc[:, :3])


@pytest.mark.slow
def test_a_saved_transformer_gives_equal_output_in_another_process(fitted, table, tmp_path):
    np.save(tmp_path / "rows.npy", table.to_numpy())
    for cls in CLASSES:
        fitted[cls].save(tmp_path / cls.__name__)
        loaded = cls.load(tmp_path / cls.__name__)
        np.testing.assert_array_equal(loaded.transform(table), fitted[cls].transform(table))
        assert loaded.get_params() == fitted[cls].get_params() | {"hidden_units": [3]}
        assert loaded.history_ == fitted[cls].history_
        assert sorted(p.name for p in (tmp_path / cls.__name__).iterdir()) == [
            "model.keras",
            "params.json",
        ]
    code = (
        "import numpy as np, pandas as pd; from features import latent\n"
        "rows = pd.DataFrame(np.load('rows.npy'), columns=list('abcd'))\n"
        "for name in ('AutoencoderFeatures', 'VAEFeatures'):\n"
        "    np.save(name + '.npy', getattr(latent, name).load(name).transform(rows))\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
        capture_output=True,
    )
    for cls in CLASSES:
        np.testing.assert_array_equal(
            np.load(tmp_path / f"{cls.__name__}.npy"), fitted[cls].transform(table)
        )


def test_folders_that_are_not_what_was_saved_are_refused(fitted, tmp_path):
    with pytest.raises(NotFittedError):
        VAEFeatures().save(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"params\.json is missing"):
        VAEFeatures.load(tmp_path)
    fitted[VAEFeatures].save(tmp_path)
    with pytest.raises(ValueError, match="AutoencoderFeatures"):
        AutoencoderFeatures.load(tmp_path)
    fitted[AutoencoderFeatures].save(tmp_path / "other")
    (tmp_path / "other" / "model.keras").replace(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="not the model"):
        VAEFeatures.load(tmp_path)
    (tmp_path / "params.json").write_text('{"format": 1,')
    with pytest.raises(ValueError, match=r"params\.json is damaged"):
        VAEFeatures.load(tmp_path)
    (tmp_path / "model.keras").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.keras is missing"):
        VAEFeatures.load(tmp_path)


def test_a_random_state_object_cannot_be_saved(table, tmp_path):
    transformer = VAEFeatures(**SMALL | {"random_state": np.random.RandomState(0)}).fit(table)
    with pytest.raises(TypeError, match="random_state=RandomState"):
        transformer.save(tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_saved_folders_are_equal_for_equal_seeds(fitted, table, tmp_path):
    fitted[VAEFeatures].save(tmp_path / "a")
    clone(fitted[VAEFeatures]).fit(table).save(tmp_path / "b")
    for name in ("model.keras", "params.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.slow
def test_works_in_a_pipeline_under_cross_validation_and_search():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], [90, 30])
    X = rng.normal(size=(120, 4)) + y[:, None]
    pipeline = Pipeline(
        [
            ("sample", RandomOverSampler(random_state=0)),
            ("latent", VAEFeatures(hidden_units=(3,), **SMALL)),
            ("classify", LogisticRegression()),
        ]
    )
    scores = cross_validate(pipeline, X, y, cv=2, scoring="roc_auc", error_score="raise")
    assert np.all(scores["test_score"] > 0.5)
    search = GridSearchCV(pipeline, {"latent__latent_dim": [1, 2]}, cv=2, error_score="raise")
    assert search.fit(X, y).best_estimator_["latent"].transform(X).shape[1] in (1, 2)


@pytest.mark.parametrize(("cls", "width"), [(AutoencoderFeatures, 3), (VAEFeatures, 2)])
def test_a_convolutional_model_is_adopted_saved_and_loaded(cls, width, tmp_path):
    images = np.random.default_rng(0).random((20, 16)).astype("float32")
    model = cls._model_class(16, hidden_units=(3,), latent_dim=2, image_shape=(4, 4, 1))
    transformer = cls(model=model).fit(images)
    codes = transformer.transform(images)
    assert codes.shape == (20, width)
    transformer.save(tmp_path)
    np.testing.assert_array_equal(cls.load(tmp_path).transform(images), codes)
