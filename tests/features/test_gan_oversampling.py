"""Frauds made by a GAN."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from features.gan_oversampling import GANOverSampler
from features.oversampling import make_sampler, resample_with_source

pytestmark = pytest.mark.slow

SETTINGS = {"noise_dim": 4, "generator_units": (32,), "discriminator_units": (32,), "epochs": 20}


@pytest.fixture(scope="module")
def rows():
    """400 genuine rows around 0; 40 frauds around (1, -1) with correlated columns."""
    rng = np.random.default_rng(0)
    frauds = rng.normal(size=(40, 1)) * [0.2, 0.2] + rng.normal(size=(40, 2)) * 0.05 + [1.0, -1.0]
    X = np.vstack([rng.normal(0.0, 0.3, (400, 2)), frauds])
    return X, np.repeat([0, 1], [400, 40])


@pytest.fixture(scope="module")
def made(rows):
    X, y = GANOverSampler(**SETTINGS, random_state=0).fit_resample(*rows)
    assert np.bincount(y).tolist() == [400, 400]
    return X[len(rows[0]) :]


def test_made_frauds_lie_where_frauds_lie_and_nowhere_else(rows, made):
    X, y = rows
    to_frauds = NearestNeighbors(n_neighbors=1).fit(X[y == 1]).kneighbors(made)[0]
    to_genuine = NearestNeighbors(n_neighbors=1).fit(X[y == 0]).kneighbors(made)[0]
    assert np.mean(to_frauds < to_genuine) > 0.95
    np.testing.assert_allclose(made.mean(axis=0), X[y == 1].mean(axis=0), atol=0.15)


def test_made_frauds_differ_from_each_other_and_from_real_ones(rows, made):
    X, y = rows
    assert len(np.unique(made, axis=0)) == len(made)
    assert (made.std(axis=0) > 0.25 * X[y == 1].std(axis=0)).all()
    assert np.corrcoef(made.T)[0, 1] > 0.6
    assert not (made[:, None] == X[None, y == 1]).all(axis=2).any()


def test_the_seed_decides(rows):
    short = {**SETTINGS, "epochs": 1, "steps_per_epoch": 10}
    one, same, other = (
        GANOverSampler(**short, random_state=seed).fit_resample(*rows)[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_pipeline_finds_it_by_name(rows):
    sampler = make_sampler("gan", sampling_strategy=0.2, random_state=0)
    sampler.set_params(**{**SETTINGS, "epochs": 1, "steps_per_epoch": 5})
    X, _y, source, parent = resample_with_source(sampler, "gan", *rows)
    assert (source == "gan").sum() == 40
    assert set(parent[source == "gan"]) == {-1}
    np.testing.assert_array_equal(X[: len(rows[0])], rows[0])
