"""The samplers, and where each row they return comes from."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate

from features.oversampling import METHODS, VAEOverSampler, make_sampler, resample_with_source
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE

N_GENUINE, N_FRAUDS = 120, 12
SMALL = {"hidden_units": (8,), "latent_dim": 2, "epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    """Genuine rows around -0.7, frauds around 0.7, the frauds scattered among them."""
    return clusters(0.7)


@pytest.fixture(scope="module")
def overlapping():
    """The same with clusters that overlap, since some samplers work at the border."""
    return clusters(0.25)


def clusters(centre):
    rng = np.random.default_rng(0)
    y = np.zeros(N_GENUINE + N_FRAUDS, dtype="int64")
    y[rng.choice(len(y), N_FRAUDS, replace=False)] = 1
    X = np.where(y[:, None] == 1, centre, -centre) + 0.4 * rng.normal(size=(len(y), 5))
    index = pd.Index(range(1000, 1000 + len(y)))
    return (
        pd.DataFrame(X.astype("float32"), columns=list("abcde"), index=index),
        pd.Series(y, name="Class", index=index),
    )


@pytest.fixture(scope="module")
def vae(table):
    model = TabularVAE(5, hidden_units=(16,), latent_dim=2, beta=0.1, seed=1)
    settings = TrainingSettings(epochs=40, batch_size=32, learning_rate=5e-3)
    train(model, table[0].to_numpy(), settings)
    return model


def frauds_of(X, y):
    return np.asarray(X)[np.asarray(y) == 1]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("as_frame", [True, False], ids=["frame", "array"])
def test_every_row_has_its_source(method, as_frame, overlapping, vae):
    X, y = overlapping if as_frame else [part.to_numpy() for part in overlapping]
    sampler = make_sampler(method, sampling_strategy=0.5, n_neighbors=3, random_state=0, vae=vae)
    X_new, y_new, source, parent = resample_with_source(sampler, method, X, y)
    assert type(X_new) is type(X)
    assert type(y_new) is type(y)
    assert len(X_new) == len(y_new) == len(source) == len(parent)
    real = source == "real"
    assert set(source) == ({"real"} if method == "none" else {"real", method})
    np.testing.assert_array_equal(np.asarray(X_new)[real], np.asarray(X))
    np.testing.assert_array_equal(parent[real], np.arange(len(X)))
    assert np.all(np.asarray(y_new)[~real] == 1)  # frauds only are made
    assert np.all(np.asarray(y)[parent[parent >= 0]] == np.asarray(y_new)[parent >= 0])
    if method != "none":
        ratio = np.mean(np.asarray(y_new) == 1) / np.mean(np.asarray(y_new) == 0)
        assert ratio == pytest.approx(0.5, abs=0.1)  # ADASYN rounds


def test_random_rows_are_copies_of_their_parents(table):
    X, y = table
    X_new, _, source, parent = resample_with_source(
        make_sampler("random", random_state=0), "random", X, y
    )
    assert np.all(parent >= 0)
    np.testing.assert_array_equal(X_new.to_numpy(), X.to_numpy()[parent])
    assert np.sum(source == "random") == N_GENUINE - N_FRAUDS


def test_posterior_rows_resemble_their_parents(table, vae):
    X, y = table
    sampler = VAEOverSampler(vae=vae, random_state=0)
    X_new, _ = sampler.fit_resample(X, y)
    made = sampler.sample_source_ == "vae"
    parents = sampler.sample_parent_[made]
    assert np.all(y.to_numpy()[parents] == 1)
    counts = np.bincount(parents, minlength=len(X))[y.to_numpy() == 1]
    assert counts.max() - counts.min() <= 1
    own = np.linalg.norm(X_new.to_numpy()[made] - X.to_numpy()[parents], axis=1).mean()
    shuffled = np.linalg.norm(
        X_new.to_numpy()[made] - X.to_numpy()[np.roll(parents, 1)], axis=1
    ).mean()
    assert own < shuffled
    assert np.unique(X_new.to_numpy()[made], axis=0).shape[0] == made.sum()


def test_interpolated_codes_lie_between_and_nearer_to_the_parent(table, vae):
    X, y = table
    # A linear encoder and decoder show in the rows what happens to the codes.
    linear = TabularVAE(5, hidden_units=(), latent_dim=2, seed=1)
    sampler = VAEOverSampler(vae=linear, generation="interpolation", random_state=0)
    X_new, _ = sampler.fit_resample(X, y)
    made = sampler.sample_source_ == "vae"
    ends = np.asarray(linear(frauds_of(X, y)))
    rows = X_new.to_numpy()[made]
    assert np.all(rows >= ends.min(axis=0) - 1e-5)
    assert np.all(rows <= ends.max(axis=0) + 1e-5)
    parents = np.asarray(linear(X.to_numpy()[sampler.sample_parent_[made]]))
    step = rows - parents
    # The other end of some pair lies at least as far again in the same direction.
    for row, parent, moved in zip(rows, parents, step, strict=True):
        reach = ends - parent
        share = reach @ moved / np.maximum((reach**2).sum(axis=1), 1e-12)
        on_the_line = np.linalg.norm(parent + share[:, None] * reach - row, axis=1) < 1e-4
        assert np.any(on_the_line & (share <= 0.5 + 1e-4))


def test_prior_rows_need_a_vae_of_the_class_alone(table):
    X, y = table
    with pytest.raises(ValueError, match="train_on='minority'"):
        VAEOverSampler(generation="prior").fit_resample(X, y)
    settings = SMALL | {"epochs": 150, "learning_rate": 5e-3, "beta": 0.2}
    sampler = VAEOverSampler(generation="prior", train_on="minority", **settings)
    X_new, _ = sampler.fit_resample(X, y)
    made = sampler.sample_source_ == "vae"
    assert np.all(sampler.sample_parent_[made] == -1)
    assert np.mean(X_new.to_numpy()[made].mean(axis=1) > 0) > 0.95  # where the frauds are


def test_a_vae_of_the_minority_sees_no_other_row(table):
    X, y = table
    sampler = VAEOverSampler(train_on="minority", **SMALL)
    first = frauds_of(*sampler.fit_resample(X, y))
    elsewhere = X.where(y == 1, X + 100)
    np.testing.assert_array_equal(first, frauds_of(*clone(sampler).fit_resample(elsewhere, y)))
    sampler = clone(sampler).set_params(train_on="all")
    assert not np.array_equal(
        frauds_of(*clone(sampler).fit_resample(X, y)),
        frauds_of(*clone(sampler).fit_resample(elsewhere, y)),
    )


@pytest.mark.parametrize("generation", ["posterior", "interpolation", "prior"])
def test_equal_seeds_make_equal_rows(generation, table, vae):
    X, y = table

    def made(random_state):
        sampler = VAEOverSampler(vae=vae, generation=generation, random_state=random_state)
        return sampler.fit_resample(X, y)[0].to_numpy()

    np.testing.assert_array_equal(made(0), made(0))
    assert not np.array_equal(made(0), made(1))


def test_a_given_vae_is_not_trained_and_must_fit(table, vae):
    X, y = table
    weights = [w.copy() for w in vae.get_weights()]
    sampler = VAEOverSampler(vae=vae, random_state=0)
    sampler.fit_resample(X, y)
    assert sampler.vaes_ == {1: vae}
    for before, after in zip(weights, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    with pytest.raises(ValueError, match="made for 5 columns, X has 4"):
        sampler.fit_resample(X.iloc[:, :4], y)


def test_interpolation_needs_two_rows(table, vae):
    X, y = table
    one = y.copy()
    one.iloc[np.flatnonzero(y)[1:]] = 0
    with pytest.raises(ValueError, match="needs 2 rows of class 1"):
        VAEOverSampler(vae=vae, generation="interpolation").fit_resample(X, one)


@pytest.mark.parametrize("method", ["smote", "borderline_smote", "adasyn"])
def test_too_few_frauds_for_the_neighbours_says_what_to_change(method, overlapping):
    X, y = overlapping
    sampler = make_sampler(method, n_neighbors=N_FRAUDS)
    message = rf"{method} needs more .* class 1 than n_neighbors=12, got 12; lower .* to 11"
    with pytest.raises(ValueError, match=message):
        resample_with_source(sampler, method, X, y)
    sampler = make_sampler(method, n_neighbors=N_FRAUDS - 1, random_state=0)
    assert len(resample_with_source(sampler, method, X, y)[0]) > len(X)


def test_adasyn_without_a_border_says_what_to_change(table):
    X, y = table
    with pytest.raises(ValueError, match=r"adasyn cannot resample these rows.*choose"):
        resample_with_source(make_sampler("adasyn", n_neighbors=3), "adasyn", X, y)


def test_a_sampler_that_makes_nothing_is_logged(table, caplog):
    X, y = table
    sampler = make_sampler("borderline_smote", n_neighbors=3)
    X_new, *_ = resample_with_source(sampler, "borderline_smote", X, y)
    assert len(X_new) == len(X)
    assert "borderline_smote made no rows" in caplog.text


def test_a_sampler_that_moves_the_real_rows_is_caught(table):
    class Reversing(RandomOverSampler):
        def _fit_resample(self, X, y):
            X, y = super()._fit_resample(X, y)
            return X[::-1], y[::-1]

    X, y = table[0].to_numpy(), table[1].to_numpy()
    with pytest.raises(RuntimeError, match="did not return the real rows first"):
        resample_with_source(Reversing(random_state=0), "random", X, y)


def test_an_unknown_method_and_option_are_named():
    with pytest.raises(ValueError, match="method must be one of"):
        make_sampler("smoote")
    with pytest.raises(ValueError, match="generation"):
        VAEOverSampler(generation="x").fit_resample([[0.0], [1.0], [2.0]], [0, 0, 1])


@pytest.mark.slow
def test_works_in_a_pipeline_under_cross_validation(table):
    X, y = table
    pipeline = Pipeline([("vae", VAEOverSampler(**SMALL)), ("classify", LogisticRegression())])
    scores = cross_validate(pipeline, X, y, cv=2, scoring="roc_auc", error_score="raise")
    assert np.all(scores["test_score"] > 0.9)


def test_a_convolutional_vae_makes_images_of_the_rarer_class():
    images = np.random.default_rng(0).random((30, 16)).astype("float32")
    vae = TabularVAE(16, hidden_units=(3,), image_shape=(4, 4, 1), output_activation="sigmoid")
    sampler = VAEOverSampler(vae=vae, random_state=0)
    X, y = sampler.fit_resample(images, np.repeat([0, 1], [20, 10]))
    assert X.shape == (40, 16)
    assert np.bincount(y).tolist() == [20, 20]
    assert set(sampler.sample_parent_[30:]) == set(range(20, 30))
