"""Generators of rows: that they draw from the distribution they were shown."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from features.generators import GANGenerator, VAEGenerator

pytestmark = pytest.mark.slow

MEAN, DEVIATION = np.array([10.0, -3.0, 500.0]), np.array([2.0, 0.5, 100.0])
CORRELATION = 0.8  # of the first two columns


@pytest.fixture(scope="module")
def rows():
    """600 rows of three columns of their own units, of which the first two go together."""
    rng = np.random.default_rng(0)
    standard = rng.normal(size=(600, 3))
    standard[:, 1] = CORRELATION * standard[:, 0] + 0.6 * standard[:, 1]
    return standard * DEVIATION + MEAN


@pytest.fixture(scope="module")
def fitted(rows):
    vae = VAEGenerator(hidden_units=(16,), latent_dim=2, epochs=60, random_state=0)
    gan = GANGenerator(generator_units=(32,), discriminator_units=(32,), epochs=15, random_state=0)
    return {generator: generator.fit(rows) for generator in (vae, gan)}


def test_drawn_rows_have_the_means_deviations_and_correlation_of_the_real_ones(fitted):
    for generator in fitted:
        drawn = generator.sample(4_000, random_state=1)
        np.testing.assert_allclose((drawn.mean(axis=0) - MEAN) / DEVIATION, 0.0, atol=0.2)
        np.testing.assert_allclose(drawn.std(axis=0) / DEVIATION, 1.0, atol=0.25)
        correlation = np.corrcoef(drawn.T)
        assert correlation[0, 1] == pytest.approx(CORRELATION, abs=0.15)
        assert correlation[0, 2] == pytest.approx(0.0, abs=0.2)


def test_drawn_rows_are_no_copies_and_the_seed_decides(fitted, rows):
    for generator in fitted:
        one, same, other = (generator.sample(50, random_state=seed) for seed in (0, 0, 1))
        np.testing.assert_array_equal(one, same)
        assert not np.isclose(one, other).all(axis=1).any()
        gaps = np.abs(one[:, None] - rows[None]).max(axis=2).min(axis=1)
        assert gaps.min() > 1e-6


def test_equal_seeds_train_equal_generators(rows):
    settings = {"epochs": 1, "random_state": 3}
    for make in (
        lambda: VAEGenerator(hidden_units=(4,), **settings),
        lambda: GANGenerator(steps_per_epoch=3, **settings),
    ):
        one, same = (make().fit(rows).sample(5, random_state=0) for _ in range(2))
        np.testing.assert_array_equal(one, same)


def test_noise_is_what_the_vae_leaves_over(fitted, rows):
    vae = next(iter(fitted))
    noisy = vae.sample(20, random_state=1)
    smooth = vae.set_params(noise=False).sample(20, random_state=1)
    vae.set_params(noise=True)
    # Equal seeds give equal codes, so the difference is a residual of a training row.
    difference = (noisy - smooth) / rows.std(axis=0)
    gaps = np.abs(difference[:, None] - vae.residuals_[None]).max(axis=2).min(axis=1)
    assert gaps.max() < 1e-4


def test_wrong_use_is_named(fitted):
    for generator in fitted:
        with pytest.raises(ValueError, match="n_samples must be at least 1, got 0"):
            generator.sample(0)
    with pytest.raises(NotFittedError):
        VAEGenerator().sample()
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        GANGenerator().fit(np.zeros((1, 3)))
