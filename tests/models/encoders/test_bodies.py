"""Convolutional bodies of autoencoder and VAE: shapes, training on digits, saving."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.bodies import image_sizes
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE
from models.saving import load_model, save_model

IMAGE = {"image_shape": (8, 8, 1), "hidden_units": (8, 12), "output_activation": "sigmoid",
         "reconstruction_loss": "binary_cross_entropy", "seed": 1}  # fmt: skip
SETTINGS = TrainingSettings(epochs=12, batch_size=25, learning_rate=5e-3, seed=2)


@pytest.fixture(scope="module")
def digits():
    """1,000 training images and 300 others, flat, in [0, 1]."""
    images = (load_digits().data / 16.0).astype("float32")
    return images[:1000], images[1000:1300]


@pytest.fixture(
    scope="module",
    params=[(TabularAutoencoder, {"code_activation": "linear"}), (TabularVAE, {})],
    ids=lambda param: param[0].__name__,
)
def trained(request, digits):
    model_class, extra = request.param
    model = model_class(64, latent_dim=6, **IMAGE, **extra)
    train(model, digits[0], SETTINGS)
    return model


def error(images, reconstruction):
    return float(np.mean((np.asarray(reconstruction) - images) ** 2))


def test_layers_halve_an_image_while_both_sides_are_even():
    assert image_sizes((28, 28, 1), 4) == [(28, 28), (14, 14), (7, 7), (7, 7), (7, 7)]
    assert image_sizes((8, 12, 3), 3) == [(8, 12), (4, 6), (2, 3), (2, 3)]


@pytest.mark.parametrize("shape", [(8, 8, 1), (6, 10, 3), (7, 5, 2)])
@pytest.mark.parametrize("model_class", [TabularAutoencoder, TabularVAE])
def test_rows_stay_flat_and_the_code_is_as_wide_as_asked(model_class, shape):
    n_features = int(np.prod(shape))
    model = model_class(n_features, hidden_units=(3, 4, 5), latent_dim=2, image_shape=shape)
    rows = np.random.default_rng(0).random((4, n_features)).astype("float32")
    code = np.asarray(model.latent_features(rows))[:, :2]
    assert code.shape == (4, 2)
    assert model(rows).shape == model.decode(code).shape == (4, n_features)


def test_the_encoder_looks_at_every_place_with_the_same_kernels():
    """An object that moves by two pixels moves by one in what a halving layer makes of it."""
    vae = TabularVAE(64, hidden_units=(5,), image_shape=(8, 8, 1))
    image = np.zeros((8, 8), "float32")
    image[2:4, 2:5] = [[0.2, 1.0, 0.5], [0.7, 0.1, 0.9]]
    there, moved = (
        np.asarray(vae.encoder(np.roll(image, shift, axis=(0, 1)).reshape(1, 64))).reshape(4, 4, 5)
        for shift in ((0, 0), (2, 2))
    )
    assert np.abs(there).max() > 0.1
    np.testing.assert_allclose(np.roll(there, (1, 1), axis=(0, 1)), moved, atol=1e-6)


def test_it_reconstructs_unseen_digits_better_than_the_mean_image(trained, digits):
    seen, unseen = digits
    mean_image = seen.mean(axis=0)
    assert error(unseen, trained(unseen)) < 0.75 * error(unseen, mean_image)


def test_a_loaded_model_computes_the_same(trained, digits, tmp_path):
    save_model(trained, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.image_shape == (8, 8, 1)
    np.testing.assert_array_equal(loaded(digits[1]), trained(digits[1]))
    np.testing.assert_array_equal(loaded.encode_rows(digits[1]), trained.encode_rows(digits[1]))
    save_model(loaded, tmp_path / "again.keras")
    first, again = ((tmp_path / f"{name}.keras").read_bytes() for name in ("model", "again"))
    assert first == again


def test_equal_seeds_give_equal_convolutions_and_others_do_not():
    def weights(seed):
        model = TabularAutoencoder(64, **{**IMAGE, "seed": seed})
        return np.concatenate([w.ravel() for w in model.get_weights()])

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_salt_noise_sets_its_share_of_the_values_to_one_in_training_only(digits):
    model = TabularAutoencoder(64, salt_noise=0.25, seed=1)
    dark = 0.5 * digits[1]
    noisy = np.asarray(model.corrupt(dark))
    changed = noisy != dark
    assert changed.mean() == pytest.approx(0.25, abs=0.01)
    assert (noisy[changed] == 1.0).all()
    np.testing.assert_array_equal(model(dark), model(dark))
    assert not np.allclose(model(dark, training=True), model(dark))


def test_a_denoising_autoencoder_takes_salt_away(digits):
    seen, unseen = digits
    model = TabularAutoencoder(64, latent_dim=24, salt_noise=0.2, code_activation="linear", **IMAGE)
    train(model, seen, SETTINGS)
    noisy = np.asarray(model.corrupt(unseen))
    assert error(unseen, model(noisy)) < 0.5 * error(unseen, noisy)


def test_the_autoencoder_loss_is_the_binary_cross_entropy():
    model = TabularAutoencoder(
        2, latent_dim=1, output_activation="sigmoid", reconstruction_loss="binary_cross_entropy"
    )
    losses = np.asarray(model.row_losses(np.float32([[1.0, 0.0]]), np.float32([[0.5, 0.75]])))
    # -(log 0.5 + log 0.25) / 2
    np.testing.assert_allclose(losses, [1.0397208], rtol=1e-6)


def test_binary_cross_entropy_refuses_rows_and_outputs_that_it_is_not_made_for(digits):
    with pytest.raises(ValueError, match="output_activation='sigmoid'"):
        TabularAutoencoder(64, reconstruction_loss="binary_cross_entropy")
    with pytest.raises(ValueError, match="reconstruction_loss must be one of"):
        TabularAutoencoder(64, reconstruction_loss="mse")
    with pytest.raises(ValueError, match=r"rows in \[0, 1\].*min_max"):
        train(TabularAutoencoder(64, **IMAGE), digits[0] * 16, TrainingSettings(epochs=1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_shape": (8, 9, 1)}, "product 64, the columns of a row, got"),
        ({"image_shape": (8, 8)}, "must be .height, width, channels."),
        ({"hidden_units": ()}, "at least one hidden layer, got none"),
    ],
)
@pytest.mark.parametrize("model_class", [TabularAutoencoder, TabularVAE])
def test_an_image_that_does_not_fit_is_refused(model_class, wrong, message):
    with pytest.raises(ValueError, match=message):
        model_class(64, **{**IMAGE, **wrong})


@pytest.mark.parametrize(
    ("model_class", "paths"),
    [
        (TabularAutoencoder, ["encoder/encoder_0", "encoder/encoder_1", "decoder/decoder_0",
                              "decoder/decoder_1"]),
        (TabularVAE, ["encoder/encoder_0", "z_mean/z_mean_0", "z_log_var", "decoder/decoder_0",
                      "decoder/decoder_1"]),
    ],
)  # fmt: skip
def test_rows_that_are_no_images_have_dense_bodies_as_ever(model_class, paths):
    model = model_class(6, hidden_units=(5,), latent_dim=2)
    expected = [f"{path}/{weight}" for path in paths for weight in ("kernel", "bias")]
    found = [v.path for v in model.trainable_variables]
    assert [path.removeprefix(f"{model.name}/") for path in found] == expected
    assert [v.shape[0] for v in model.trainable_variables if v.name == "kernel"] == (
        [6, 5, 2, 5] if model_class is TabularAutoencoder else [6, 5, 5, 2, 5]
    )
