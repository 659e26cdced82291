"""Images of digits: scikit-learn's 8x8 ones, or MNIST where it can be downloaded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPLIT_SEED = 0
N_TEST = 500
N_MNIST, N_MNIST_TEST = 10_000, 2_000  # of 60,000 and 10,000: a command takes minutes, not hours


class ImagesUnavailableError(RuntimeError):
    """The images are not here and cannot be fetched."""


@dataclass(frozen=True)
class Images:
    """Flattened images in [0, 1] with their digits; test images are never trained on.

    Attributes
    ----------
    name : str
    shape : tuple (height, width, channels)
    train, test : float32 (n, height * width * channels)
    train_labels, test_labels : int (n,)
    """

    name: str
    shape: tuple[int, int, int]
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    @property
    def n_features(self):
        return self.train.shape[1]

    @property
    def is_large(self):
        """Whether the images are 28x28, not 8x8."""
        return self.shape[0] > 8

    def one_of_each(self):
        """Return positions of ten test images, one of each digit, in order."""
        return np.array([np.flatnonzero(self.test_labels == digit)[0] for digit in range(10)])


def load_images(*, mnist=False, small=False):
    """Images, split into training and test ones.

    Parameters
    ----------
    mnist : bool
        28x28 images that Keras downloads, instead of scikit-learn's 8x8 ones.
    small : bool
        Few of them, for tests.

    Returns
    -------
    Images

    Raises
    ------
    ImagesUnavailableError
        If MNIST is neither cached nor can be downloaded.
    """
    if mnist:
        (train, train_labels), (test, test_labels) = _download_mnist()
        train, train_labels = train[:N_MNIST], train_labels[:N_MNIST]
        test, test_labels = test[:N_MNIST_TEST], test_labels[:N_MNIST_TEST]
        name, largest = "MNIST", 255.0
    else:
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
        test_rows, train_rows = order[:N_TEST], order[N_TEST:]
        train, train_labels = images[train_rows].reshape(-1, 8, 8), labels[train_rows]
        test, test_labels = images[test_rows].reshape(-1, 8, 8), labels[test_rows]
        name, largest = "load_digits", 16.0
    if small:
        train, train_labels = train[:400], train_labels[:400]
        test, test_labels = test[:200], test_labels[:200]
    shape = (*train.shape[1:], 1)
    return Images(
        name, shape, _flat(train, largest), train_labels.astype(int),
        _flat(test, largest), test_labels.astype(int),
    )  # fmt: skip


def _flat(images, largest):
    return (images.reshape(len(images), -1) / largest).astype("float32")


def _download_mnist():
    from keras.datasets import mnist

    try:
        return mnist.load_data()
    except Exception as error:  # Keras raises plain Exception where a download fails
        raise ImagesUnavailableError(
            f"MNIST is not cached and cannot be downloaded ({error}). Connect to the internet, or "
            "put mnist.npz into ~/.keras/datasets; without --mnist the 8x8 digits that come with "
            "scikit-learn are used"
        ) from error
