"""Draws rows of images side by side."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

SCALE = 4  # dots along each side of a pixel
GAP = 2  # dots between images


def mosaic(images, shape, n_columns):
    """One picture of many images, row by row, with white gaps between.

    Parameters
    ----------
    images : ndarray of shape (n_images, height * width)
        In [0, 1].
    shape : tuple (height, width, 1)
    n_columns : int

    Returns
    -------
    ndarray of shape (n_rows * (4 * height + 2) - 2, n_columns * (4 * width + 2) - 2)
    """
    height, width = SCALE * shape[0], SCALE * shape[1]
    n_rows = -(-len(images) // n_columns)
    picture = np.full((n_rows * (height + GAP), n_columns * (width + GAP)), 1.0)
    for i, image in enumerate(images):
        top, left = (i // n_columns) * (height + GAP), (i % n_columns) * (width + GAP)
        dots = np.kron(image.reshape(shape[:2]), np.ones((SCALE, SCALE)))
        picture[top : top + height, left : left + width] = dots
    return picture[:-GAP, :-GAP]


def show(ax, images, shape, n_columns, title="", size=9):
    """Put a mosaic on an axis; returns the axis."""
    ax.imshow(mosaic(np.clip(images, 0.0, 1.0), shape, n_columns), cmap="gray", vmin=0, vmax=1)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_title(title, fontsize=size)
    return ax


def rows_of_images(named, shape):
    """Figure with one line of images for each name.

    Parameters
    ----------
    named : dict of str to ndarray of shape (n_images, height * width)
        Lines from top to bottom; all of the same number of images.
    shape : tuple (height, width, 1)

    Returns
    -------
    Figure
    """
    n_columns = len(next(iter(named.values())))
    figure, axes = plt.subplots(
        len(named), 1, figsize=(1.6 + 0.62 * n_columns, 0.66 * len(named)), layout="constrained"
    )
    for ax, (name, images) in zip(axes, named.items(), strict=True):
        show(ax, images, shape, n_columns)
        ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for spine in ax.spines.values():
            spine.set_visible(False)
    return figure


def scatter_of_codes(ax, codes, labels, title):
    """Codes of two dimensions, coloured and marked by digit; returns the axis."""
    for digit in range(10):
        of_digit = codes[labels == digit]
        ax.scatter(
            *of_digit.T, s=26, marker=f"${digit}$", color=plt.get_cmap("tab10")(digit),
            linewidths=0.3,
        )  # fmt: skip
    ax.set_title(title, fontsize=9)
    ax.tick_params(labelsize=7)
    return ax


def save(figure: Figure, path):
    """Write a figure as a small PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
