"""VAEs of digits: a walk through the latent space, and several draws of one seven."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from scipy.stats import norm
from sklearn.neighbors import KNeighborsClassifier

from examples.digits.pictures import rows_of_images, show
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE

SEVEN = 7
N_SEVENS, N_DRAWS, N_JUDGED = 3, 10, 200
SHARP_BETA = 0.25  # of the KL term: at 1 the draws of eight pixels a side are blurred


def train_vae(images, body, epochs, latent_dim, beta=1.0):
    """Return a VAE with a "dense" or a "convolutional" body, trained on the training images."""
    if body == "dense":
        arguments = {"hidden_units": (256,) if images.is_large else (128,)}
    else:
        arguments = {"hidden_units": (32, 64), "image_shape": images.shape}
    vae = TabularVAE(
        images.n_features, latent_dim=latent_dim, output_activation="sigmoid",
        reconstruction_loss="binary_cross_entropy", beta=beta, beta_warmup_epochs=5,
        **arguments,
    )  # fmt: skip
    train(vae, images.train, TrainingSettings(epochs, batch_size=64, learning_rate=2e-3))
    return vae


def losses(vae, images):
    """Reconstruction and KL term of the test images, nats an image."""
    terms = vae.evaluate_losses(images.test)
    return tuple(float(np.mean(terms[name])) for name in ("reconstruction_loss", "kl_loss"))


def grid(images, small, *, side=15):
    """Decode a grid of codes at the normal quantiles, by a dense and a convolutional VAE."""
    quantiles = norm.ppf(np.linspace(0.03, 0.97, 4 if small else side))
    across, down = np.meshgrid(quantiles, quantiles[::-1])
    codes = np.column_stack([across.ravel(), down.ravel()]).astype("float32")
    figure, axes = plt.subplots(1, 2, figsize=(10, 5.3), layout="constrained")
    report = ["nats a test image: reconstruction, KL"]
    for ax, body in zip(axes, ("dense", "convolutional"), strict=True):
        vae = train_vae(images, body, 10 if small else 60, latent_dim=2)
        show(ax, np.asarray(vae.decode(codes)), images.shape, len(quantiles), f"{body} VAE", 10)
        reconstruction, kl = losses(vae, images)
        report.append(f"{body:14} {reconstruction:6.2f} {kl:6.2f}")
    return figure, report


def sevens(images, small):
    """Pass sevens through a VAE several times; each pass draws another code."""
    real = images.test[np.flatnonzero(images.test_labels == SEVEN)[:N_SEVENS]]
    judge = KNeighborsClassifier(1).fit(images.train, images.train_labels)
    lines = {}
    report = [f"share of {N_JUDGED} draws of each of {N_SEVENS} sevens whose nearest training"]
    report.append("image is a seven")
    for body in ("dense", "convolutional"):
        vae = train_vae(images, body, 10 if small else 60, latent_dim=8, beta=SHARP_BETA)
        draws = vae.sample_posterior(np.repeat(real, N_JUDGED, axis=0), seed=1)
        draws = np.asarray(draws).reshape(N_SEVENS, N_JUDGED, -1)
        for i, (image, of_image) in enumerate(zip(real, draws, strict=True), start=1):
            lines[f"{body}, seven {i}"] = np.vstack([image, of_image[:N_DRAWS]])
        is_seven = judge.predict(draws.reshape(N_SEVENS * N_JUDGED, -1)) == SEVEN
        shares = is_seven.reshape(N_SEVENS, N_JUDGED).mean(axis=1)
        report.append(f"{body:14}" + "".join(f"{share:6.2f}" for share in shares))
    return rows_of_images(lines, images.shape), report
