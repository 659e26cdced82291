"""GANs of digits: samples at several means and deviations of the noise."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from sklearn.neighbors import NearestNeighbors

from examples.digits.labels import networks, to_tanh
from examples.digits.pictures import show
from models.multiclass import MulticlassSGANClassifier

NOISE = [(0.0, 0.5), (0.0, 1.0), (0.0, 1.5), (0.7, 1.0)]  # mean, deviation
SIDE = 6
EPOCHS = 30


def train_gan(images, body, small):
    """Return a GAN: the SGAN with one class, that of all real images."""
    gan = MulticlassSGANClassifier(
        **networks(images, small)[body], n_members=1, epochs=1 if small else EPOCHS, batch_size=1,
        random_state=0,
    )  # fmt: skip
    return gan.fit(to_tanh(images.train), np.zeros(len(images.train), int))


def gan(images, small):
    """Samples of a dense and a convolutional GAN, calmer and wilder than in training."""
    figure, axes = plt.subplots(
        2, len(NOISE) + 1, figsize=(2.3 * len(NOISE) + 2.3, 5.2), layout="constrained"
    )
    to_real = NearestNeighbors(n_neighbors=1).fit(images.train)
    report = [
        "distance to the nearest training image, root mean square over pixels: median; and",
        "share of the training images that are nearest to one of as many samples",
        _judged("real test image", to_real, images.test, images),
    ]
    for i, ax in enumerate(axes[:, 0]):
        real = images.train[i * SIDE**2 : (i + 1) * SIDE**2]
        show(ax, real, images.shape, SIDE, "real images", 8)
    for of_body, body in zip(axes[:, 1:], networks(images), strict=True):
        trained = train_gan(images, body, small)
        for ax, (mean, deviation) in zip(of_body, NOISE, strict=True):
            samples = trained.sample(SIDE**2, 1, mean=mean, deviation=deviation)[0]
            title = f"{body}: noise {mean:g} ± {deviation:g}"
            show(ax, (samples + 1) / 2, images.shape, SIDE, title, 8)
            many = (trained.sample(len(images.test), 2, mean=mean, deviation=deviation)[0] + 1) / 2
            report.append(_judged(title, to_real, many, images))
    return figure, report


def _judged(name, to_real, samples, images):
    distance, nearest = to_real.kneighbors(samples)
    distance = np.median(distance) / np.sqrt(images.n_features)
    return f"{name:32} {distance:.3f}  {len(np.unique(nearest)) / len(samples):.2f}"
