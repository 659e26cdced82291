"""Paths end at the reconstructions of their two rows; draws are those of the VAE."""

import numpy as np
import pytest

from features.latent_paths import latent_codes, latent_path, posterior_draws
from features.oversampling import VAEOverSampler
from models.decoder_layers import decoder_layers
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE

ROWS = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)


def trained(model):
    train(
        model,
        ROWS,
        TrainingSettings(epochs=2, batch_size=50, learning_rate=1e-2, optimizer="adam", seed=0),
    )
    return model


@pytest.fixture(scope="module")
def autoencoder():
    return trained(TabularAutoencoder(4, hidden_units=(5,), latent_dim=2, seed=1))


@pytest.fixture(scope="module")
def vae():
    return trained(
        TabularVAE(4, hidden_units=(5,), latent_dim=2, output_activation="tanh", beta=0.01, seed=1)
    )


@pytest.fixture(params=["autoencoder", "vae"])
def model(request):
    return request.getfixturevalue(request.param)


def test_a_path_ends_at_both_reconstructions(model):
    share, rows = latent_path(model, ROWS[0], ROWS[1], 5)
    np.testing.assert_allclose(share, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(rows[[0, -1]], np.asarray(model(ROWS[:2])), atol=1e-6)
    assert not np.allclose(rows[0], rows[-1], atol=1e-3)


def test_a_path_is_straight_among_the_codes(model):
    middle = latent_codes(model, ROWS[:2]).mean(axis=0, keepdims=True)
    expected = np.asarray(model.decode(middle))
    np.testing.assert_allclose(latent_path(model, ROWS[0], ROWS[1], 3)[1][1:2], expected, atol=1e-6)
    backwards = latent_path(model, ROWS[1], ROWS[0], 5)[1][::-1]
    np.testing.assert_allclose(latent_path(model, ROWS[0], ROWS[1], 5)[1], backwards, atol=1e-6)


def test_codes_are_without_the_reconstruction_error(model):
    assert latent_codes(model, ROWS).shape == (200, 2)


def test_decoder_layers_decode_as_the_model(model):
    codes = latent_codes(model, ROWS)
    functions = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "linear": lambda x: x}
    rows = codes
    for layer in decoder_layers(model):
        rows = functions[layer.activation](rows @ layer.kernel + layer.bias)
    np.testing.assert_allclose(rows, np.asarray(model.decode(codes)), atol=1e-5)


def test_draws_are_the_vaes_own(vae):
    drawn = posterior_draws(vae, ROWS[:3], 50, seed=7)
    assert drawn.shape == (3, 50, 4)
    np.testing.assert_array_equal(drawn, posterior_draws(vae, ROWS[:3], 50, seed=7))
    assert not np.array_equal(drawn, posterior_draws(vae, ROWS[:3], 50, seed=8))
    assert drawn.std(axis=1).min() > 0
    # As far around the reconstruction as the oversampler's.
    sampler = VAEOverSampler(vae=vae, sampling_strategy={1: 3 + 150}, random_state=0)
    made = sampler.fit_resample(ROWS, np.repeat([1, 0], [3, 197]))[0]
    parent = sampler.sample_parent_
    for i in range(3):
        others = made[(parent == i) & (sampler.sample_source_ == "vae")]
        np.testing.assert_allclose(drawn[i].mean(axis=0), others.mean(axis=0), atol=0.2)


def test_an_autoencoder_has_nothing_to_draw(autoencoder):
    with pytest.raises(TypeError, match="needs a TabularVAE, got TabularAutoencoder"):
        posterior_draws(autoencoder, ROWS[:1], 2, seed=0)
