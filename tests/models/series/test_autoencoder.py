"""The sequence autoencoder: padding, training, randomness, files."""

import keras
import numpy as np
import pytest

from models.encoders.training import TrainingSettings, train
from models.saving import load_model, save_model
from models.series.autoencoder import BODIES, SequenceAutoencoder, masked_squared_error

N_FEATURES = 2


@pytest.fixture(scope="module")
def waves():
    """120 windows of 9 to 20 steps: a sine of random phase, and its cosine."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * np.pi, (120, 1)) + np.arange(20) / 6
    windows = np.stack([np.sin(angles), np.cos(angles)], axis=2).astype("float32") * 0.7
    n_steps = rng.integers(9, 21, 120)
    n_steps[0] = 20
    windows[np.arange(20) >= n_steps[:, None]] = np.nan
    return windows


def autoencoder(body, seed=1, **settings):
    return SequenceAutoencoder(
        N_FEATURES, **{"latent_dim": 4, "body": body, "units": 16, "seed": seed, **settings}
    )


@pytest.fixture(scope="module", params=BODIES)
def trained(request, waves):
    model = autoencoder(request.param)
    settings = TrainingSettings(epochs=30, batch_size=32, learning_rate=1e-2, seed=5)
    history = train(model, waves[:90], settings, x_validation=waves[90:])
    return model, history


def padded_by(windows, n_more):
    more = np.full((len(windows), n_more, windows.shape[2]), np.nan, "float32")
    return np.concatenate([windows, more], axis=1)


@pytest.mark.parametrize("n_more", [1, 4, 13])
def test_padding_changes_neither_code_nor_error_nor_reconstruction(trained, waves, n_more):
    model, _ = trained
    more = padded_by(waves, n_more)
    np.testing.assert_allclose(model.encode_rows(more), model.encode_rows(waves), atol=1e-6)
    is_real = ~np.isnan(waves)
    np.testing.assert_allclose(
        np.asarray(model(more))[:, :20][is_real], np.asarray(model(waves))[is_real], atol=1e-5
    )


def test_a_padded_window_is_met_like_the_window_alone(trained, waves):
    model, _ = trained
    for window in waves[:5]:
        alone = window[~np.isnan(window[:, 0])][None]
        np.testing.assert_allclose(
            model.latent_features(window[None]), model.latent_features(alone), atol=1e-6
        )


@pytest.mark.parametrize("body", BODIES)
def test_padding_changes_no_training_step(body, waves):
    weights = []
    for windows in (waves[:32], padded_by(waves[:32], 5)):
        model = autoencoder(body)
        model.optimizer = keras.optimizers.SGD(0.1)
        model.learn(windows)
        weights.append(weights_of(model))
    np.testing.assert_allclose(*weights, atol=1e-5)


def test_beats_the_mean_on_windows_it_has_not_seen(trained, waves):
    model, history = trained
    predicting_the_mean = np.nanvar(waves[90:])
    share = {"convolution": 0.1, "lstm": 0.5}[model.body]  # the reference body learns slowly
    assert history[-1]["validation_loss"] < share * predicting_the_mean
    other = np.random.default_rng(1).uniform(-0.7, 0.7, (90, 20, 2)).astype("float32")
    errors = [np.median(model.reconstruction_error(x)) for x in (waves[90:], other)]
    assert errors[1] > 1.5 * errors[0]


def test_the_error_is_the_mean_over_real_steps():
    x = np.float32([[[1, 2], [3, 4], [np.nan, np.nan]], [[1, 1], [0, 0], [2, 0]]])
    reconstruction = np.float32([[[0, 2], [3, 1], [9, 9]], [[1, 1], [0, 3], [2, 0]]])
    np.testing.assert_allclose(masked_squared_error(x, reconstruction), [10 / 4, 9 / 6])


def weights_of(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


@pytest.mark.slow
def test_equal_seeds_give_bit_equal_weights(waves):
    def fit():
        model = autoencoder("convolution", input_noise=0.1)
        train(model, waves[:40], TrainingSettings(epochs=1, batch_size=16, seed=5))
        return weights_of(model)

    first = fit()
    keras.random.normal((3,))
    np.testing.assert_array_equal(first, fit())


@pytest.mark.parametrize("body", BODIES)
def test_the_seed_decides_the_initial_weights(body):
    one, same, other = (weights_of(autoencoder(body, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_saved_model_gives_equal_codes(trained, waves, tmp_path):
    model, _ = trained
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(loaded.encode_rows(waves), model.encode_rows(waves))


def test_reference_body_is_lstm_repeat_lstm():
    model = SequenceAutoencoder(6, latent_dim=3, body="lstm")
    shapes = [w.shape for w in model.trainable_variables]
    assert shapes == [(6, 12), (3, 12), (12,), (3, 24), (6, 24), (24,)]
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
    last_state = model.encoder(x)
    repeated = keras.layers.RepeatVector(5)(last_state)
    np.testing.assert_allclose(model(x), model.decoder(repeated), atol=1e-6)


def test_input_noise_acts_in_training_only(waves):
    model = autoencoder("convolution", input_noise=0.5)
    np.testing.assert_array_equal(model(waves), model(waves))
    assert not np.allclose(model(waves, training=True), model(waves))


def spoil(windows, where, value):
    spoilt = windows.copy()
    spoilt[where] = value
    return spoilt


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        ((3, slice(None)), np.nan, "1 of 5 windows have no step at all, the first at position 3"),
        ((2, 0), np.nan, "a missing step before its last, the first at position 2"),
        ((1, 0, 1), np.nan, "a step with some values missing, the first at position 1"),
        ((4, 0, 0), np.inf, "an infinite value, the first at position 4"),
    ],
)
def test_windows_that_are_none_are_refused(waves, where, value, message):
    with pytest.raises(ValueError, match=message):
        train(autoencoder("lstm"), spoil(waves[:5], where, value), TrainingSettings(epochs=1))


def test_an_unknown_body_is_refused():
    with pytest.raises(ValueError, match=r"body must be one of.*'gru'"):
        SequenceAutoencoder(2, body="gru")
