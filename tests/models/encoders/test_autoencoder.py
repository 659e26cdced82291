"""The autoencoder's shapes, training and randomness."""

import keras
import numpy as np
import pytest

from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import (
    TrainingDivergedError,
    TrainingSettings,
    apply_in_batches,
    repeat_rows,
    train,
)

SETTINGS = TrainingSettings(epochs=3, batch_size=64, learning_rate=1e-2, seed=5)


@pytest.fixture(scope="module")
def rows():
    """200 rows on a plane in five dimensions."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(200, 2)) @ rng.normal(size=(2, 5))).astype("float32") / 4


@pytest.fixture(scope="module")
def trained(rows):
    model = TabularAutoencoder(5, latent_dim=2, code_activation="linear", seed=1)
    epochs = []
    history = train(
        model,
        rows,
        TrainingSettings(epochs=60, batch_size=32, learning_rate=1e-2, seed=5),
        x_validation=rows[:50],
        on_epoch=lambda epoch, metrics: epochs.append((epoch, metrics)),
    )
    return model, history, epochs


def test_reference_network_has_29_12_29_with_tanh_and_sigmoid():
    model = TabularAutoencoder(29, output_activation="sigmoid")
    assert [w.shape for w in model.trainable_variables] == [(29, 12), (12,), (12, 29), (29,)]
    assert model.encoder.layers[-1].activation is keras.activations.tanh
    assert model.decoder.layers[-1].activation is keras.activations.sigmoid


def test_hidden_layers_are_mirrored():
    model = TabularAutoencoder(9, hidden_units=(7, 5), latent_dim=3)
    kernels = [w.shape for w in model.trainable_variables if len(w.shape) == 2]
    assert kernels == [(9, 7), (7, 5), (5, 3), (3, 5), (5, 7), (7, 9)]


def test_learns_rows_of_the_dimension_of_its_code(trained, rows):
    model, history, _ = trained
    assert history[-1]["loss"] < 0.05 * rows.var()
    assert history[-1]["loss"] < history[0]["loss"]
    off_the_plane = np.float32([[1.0, -1.0, 1.0, -1.0, 1.0]])
    errors = np.asarray(model.reconstruction_error(rows))
    assert float(model.reconstruction_error(off_the_plane)[0, 0]) > errors.max()


def test_reports_every_epoch_with_validation(trained, rows):
    model, history, epochs = trained
    assert [epoch for epoch, _ in epochs] == list(range(60))
    assert [metrics for _, metrics in epochs] == history
    expected = np.mean((np.asarray(model(rows[:50])) - rows[:50]) ** 2)
    assert history[-1]["validation_loss"] == pytest.approx(expected, rel=1e-4)


def test_training_loss_is_the_mean_over_rows_not_over_batches(rows):
    model = TabularAutoencoder(5, latent_dim=2, seed=1)
    expected = np.mean((np.asarray(model(rows)) - rows) ** 2)
    # 200 rows leave a last batch of 8; with so small a step the weights stay as they were
    history = train(model, rows, TrainingSettings(epochs=1, batch_size=64, learning_rate=1e-12))
    assert history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_latent_features_are_code_and_error(trained, rows):
    model, _, _ = trained
    features = apply_in_batches(model.encode_rows, rows, rows_per_call=64)
    assert features.shape == (200, 3)
    np.testing.assert_allclose(features[:, :2], model.encode(rows), atol=1e-6)
    expected = np.mean((np.asarray(model(rows)) - rows) ** 2, axis=1)
    np.testing.assert_allclose(features[:, 2], expected, atol=1e-6)


def test_an_empty_table_has_no_codes():
    model = TabularAutoencoder(5, latent_dim=2)
    assert apply_in_batches(model.encode_rows, np.empty((0, 5))).shape == (0, 3)


def test_equal_seeds_give_bit_equal_weights_and_touch_no_global_state(rows):
    def fit(seed, order_seed=5):
        model = TabularAutoencoder(5, hidden_units=(4,), latent_dim=2, input_noise=0.1, seed=seed)
        train(model, rows, TrainingSettings(epochs=2, batch_size=64, seed=order_seed))
        return np.concatenate([w.ravel() for w in model.get_weights()])

    state = np.random.get_state()[1].copy()  # noqa: NPY002 - the claim is about it
    first = fit(1)
    keras.random.normal((3,))
    np.testing.assert_array_equal(first, fit(1))
    assert not np.array_equal(first, fit(2))
    assert not np.array_equal(first, fit(1, order_seed=6))
    np.testing.assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_input_noise_acts_in_training_only(rows):
    model = TabularAutoencoder(5, latent_dim=2, input_noise=0.5, seed=1)
    np.testing.assert_array_equal(model(rows), model(rows))
    assert not np.allclose(model(rows, training=True), model(rows))


@pytest.mark.slow
def test_keras_fit_trains_it_too(rows):
    model = TabularAutoencoder(5, latent_dim=2, seed=1)
    model.compile(optimizer="adam")
    # Keras shuffles by the global seed, without which deterministic TensorFlow (another test may
    # have turned that on in this process) refuses to draw.
    keras.utils.set_random_seed(0)
    history = model.fit(rows, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


def test_a_diverging_training_stops_with_the_cure(rows):
    model = TabularAutoencoder(5, latent_dim=2, code_activation="linear")
    with pytest.raises(TrainingDivergedError, match=r"epoch 0.*lower\s+learning_rate"):
        train(model, rows * 1e30, SETTINGS)


def test_few_rows_are_repeated_whole_to_the_length_of_a_table():
    few = np.arange(6.0).reshape(3, 2)
    long = repeat_rows(few, 11)
    assert long.shape == (9, 2)
    np.testing.assert_array_equal(long.reshape(3, 3, 2), np.broadcast_to(few, (3, 3, 2)))
    np.testing.assert_array_equal(repeat_rows(few, 2), few)


@pytest.mark.parametrize(
    "wrong", [{"optimizer": "sgdd"}, {"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}]
)
def test_impossible_settings_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainingSettings(**wrong)
