"""Autoencoders of digits: reconstructions, denoising, codes of two dimensions."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from sklearn.neighbors import KNeighborsClassifier

from examples.digits.pictures import rows_of_images, scatter_of_codes
from examples.digits.vaes import train_vae
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingSettings, train

SALT = 0.25  # share of the pixels that are turned white
CROSS_ENTROPY = {"output_activation": "sigmoid", "reconstruction_loss": "binary_cross_entropy"}
N_NEIGHBORS = 5


def bodies(images):
    """Arguments of `TabularAutoencoder` by name of the body."""
    filters = (32, 64) if images.is_large else (16, 32)
    return {
        "dense": {"hidden_units": (128,)},
        "convolutional": {"image_shape": images.shape, "hidden_units": filters},
    }


def train_autoencoder(images, epochs, **arguments):
    """Return an autoencoder with a linear code, trained on the training images."""
    model = TabularAutoencoder(images.n_features, **{"code_activation": "linear"} | arguments)
    settings = TrainingSettings(epochs, batch_size=64, learning_rate=3e-3)
    train(model, images.train, settings)
    return model


def error(images, reconstruction):
    """Mean squared error over all pixels; white is 1."""
    return float(np.mean((np.asarray(reconstruction) - images) ** 2))


def reconstruct(images, small):
    """Test images beside their reconstructions by four autoencoders."""
    epochs = 15 if small else 50
    body = bodies(images)
    models = {
        "dense, 32": train_autoencoder(
            images, epochs, latent_dim=32, code_activation="relu", **CROSS_ENTROPY
        ),
        "linear, 2": train_autoencoder(images, epochs, latent_dim=2),
        "convolutional, 2": train_autoencoder(
            images, epochs, latent_dim=2, **CROSS_ENTROPY, **body["convolutional"]
        ),
        "convolutional, 32": train_autoencoder(
            images, epochs, latent_dim=32, **CROSS_ENTROPY, **body["convolutional"]
        ),
    }
    if images.n_features > 100:
        models["linear, 100"] = train_autoencoder(images, epochs, latent_dim=100)
    shown = images.test[images.one_of_each()]
    lines = {"test image": shown} | {name: np.asarray(m(shown)) for name, m in models.items()}
    mean_image = np.broadcast_to(images.train.mean(axis=0), images.test.shape)
    report = [f"mean squared error a pixel, {len(images.test)} test images (body, code width)"]
    report.append(f"{'mean image':20} {error(images.test, mean_image):.4f}")
    report += [f"{n:20} {error(images.test, m(images.test)):.4f}" for n, m in models.items()]
    return rows_of_images(lines, images.shape), report


def denoise(images, small):
    """Test images with white pixels on them, and what two autoencoders make of them."""
    rng = np.random.default_rng(1)
    noisy = np.where(rng.random(images.test.shape) < SALT, 1.0, images.test).astype("float32")
    models = {
        name: train_autoencoder(
            images, 15 if small else 80, latent_dim=48, salt_noise=SALT, **CROSS_ENTROPY, **body
        )
        for name, body in bodies(images).items()
    }
    which = images.one_of_each()
    lines = {"clean": images.test[which], f"{SALT:.0%} white": noisy[which]}
    lines |= {name: np.asarray(model(noisy[which])) for name, model in models.items()}
    report = [f"mean squared error a pixel to the clean image, {len(images.test)} test images"]
    report.append(f"{'noisy image':20} {error(images.test, noisy):.4f}")
    report += [f"{n:20} {error(images.test, m(noisy)):.4f}" for n, m in models.items()]
    return rows_of_images(lines, images.shape), report


def codes(images, small):
    """Test images by their codes of two dimensions, coloured by digit."""
    epochs = 15 if small else 50
    body = bodies(images)["convolutional"]
    models = {
        "linear autoencoder": train_autoencoder(images, epochs, latent_dim=2),
        "convolutional autoencoder": train_autoencoder(
            images, epochs, latent_dim=2, **CROSS_ENTROPY, **body
        ),
        "convolutional VAE": train_vae(images, "convolutional", epochs, latent_dim=2),
    }
    figure, axes = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
    report = [
        f"share of {len(images.test)} test images whose digit {N_NEIGHBORS} neighbours among the "
        "codes", "of training images tell (guessing: 0.10)",
    ]  # fmt: skip
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        seen, unseen = (np.asarray(model.latent_features(x))[:, :2]
                        for x in (images.train, images.test))  # fmt: skip
        told = KNeighborsClassifier(N_NEIGHBORS).fit(seen, images.train_labels)
        accuracy = told.score(unseen, images.test_labels)
        scatter_of_codes(ax, unseen, images.test_labels, f"{name}: {accuracy:.2f}")
        report.append(f"{name:26} {accuracy:.2f}")
    return figure, report
