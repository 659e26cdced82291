"""Convolutional hidden layers of an SGAN's generator and discriminator, for all members at once."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from models.encoders.bodies import check_image, image_sizes
from models.sgan.layers import (
    LEAKY_SLOPE,
    MemberConvolution,
    MemberDense,
    MemberNormalization,
    drop_units,
)


class _Convolutions(keras.layers.Layer):
    """What both directions share: convolutions with normalisation, leaky ReLU and dropout.

    Parameters
    ----------
    image_shape : tuple (height, width, channels)
        Of a row.
    filters : sequence of int
        Of each layer.
    n_members : int
    kernel_size : int
    normalization : {"none", "batch", "layer"}
        Of the channels, over all pixels of a batch or of one pixel.
    dropout : float in [0, 1)
    seed : int
    """

    def __init__(self, image_shape, filters, n_members, kernel_size, *, normalization, dropout,
                 seed):  # fmt: skip
        super().__init__(name="stack")
        check_image(image_shape, math.prod(image_shape), filters)
        self.image_shape = tuple(image_shape)
        self.filters = tuple(filters)
        self.n_members = n_members
        self.kernel_size = kernel_size
        self.dropout = dropout
        self.sizes = image_sizes(image_shape, len(self.filters))
        self.norms = [
            MemberNormalization(normalization, n_members, name=f"norm_{i}")
            if normalization != "none"
            else None
            for i in range(len(self.filters))
        ]
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.random_algorithm = "auto_select"  # of `drop_units`; the trainer's choice

    def activate(self, i, images, training):
        """Normalise, cut and drop what layer `i` made."""
        norm = self.norms[i]
        if norm is not None:
            flat = tf.reshape(images, (self.n_members, -1, images.shape[-1]))
            images = tf.reshape(norm(flat, training=training), tf.shape(images))
        images = tf.nn.leaky_relu(images, LEAKY_SLOPE)
        if training and self.dropout:
            images = drop_units(images, self.dropout, self.seed_generator, self.random_algorithm)
        return images

    def build_norm(self, i):
        """Create the weights of the normalisation of layer `i`."""
        if self.norms[i] is not None:
            self.norms[i].build((self.n_members, None, self.filters[i]))


class ImageReader(_Convolutions):
    """Convolutions that halve images: the hidden layers of a discriminator."""

    def __init__(self, image_shape, filters, n_members, kernel_size, *, spectral_norm=False,
                 seed=0, **kwargs):  # fmt: skip
        super().__init__(image_shape, filters, n_members, kernel_size, seed=seed, **kwargs)
        self.convolutions = [
            MemberConvolution(
                width, n_members, kernel_size, stride=self.sizes[i][0] // self.sizes[i + 1][0],
                spectral_norm=spectral_norm, seed=seed + 2 * i, name=f"convolution_{i}",
            )
            for i, width in enumerate(self.filters)
        ]  # fmt: skip

    def build(self, input_shape):
        """Build for rows of shape (n_members, batch, n_features)."""
        widths = (self.image_shape[-1], *self.filters)
        for i, convolution in enumerate(self.convolutions):
            convolution.build((*input_shape[:2], *self.sizes[i], widths[i]))
            self.build_norm(i)
        self.hidden_shape = (*input_shape[:2], math.prod(self.sizes[-1]) * widths[-1])

    def call(self, rows, training=False):
        """Map (n_members or 1, batch, n_features) to (n_members, batch, n_hidden)."""
        images = tf.reshape(rows, (rows.shape[0], -1, *self.image_shape))
        for i, convolution in enumerate(self.convolutions):
            images = self.activate(i, convolution(images, training=training), training)
        return tf.reshape(images, (self.n_members, -1, self.hidden_shape[-1]))


class ImageWriter(_Convolutions):
    """A small image from noise, and convolutions that double it: a generator's hidden layers.

    Each of `filters` is a layer; the generator's head, a convolution too, doubles once more.
    """

    def __init__(self, image_shape, filters, n_members, kernel_size, *, seed=0, **kwargs):
        super().__init__(image_shape, filters, n_members, kernel_size, seed=seed, **kwargs)
        # From the smallest image to the whole one.
        self.sizes = self.sizes[::-1]
        self.start = MemberDense(
            math.prod(self.sizes[0]) * self.filters[0], n_members, seed=seed, name="start"
        )
        self.convolutions = [
            self.doubling(i, width, seed + 2 * i + 2, f"convolution_{i}")
            for i, width in enumerate(self.filters[1:])
        ]

    def doubling(self, i, width, seed, name):
        """Return a convolution from the size of place `i`, from either end, to the next."""
        return MemberConvolution(
            width, self.n_members, self.kernel_size,
            upsampling=self.sizes[i + 1][0] // self.sizes[i][0], seed=seed, name=name,
        )  # fmt: skip

    def build(self, input_shape):
        """Build for noise of shape (n_members, batch, noise_dim)."""
        self.start.build(input_shape)
        self.build_norm(0)
        for i, convolution in enumerate(self.convolutions):
            convolution.build((*input_shape[:2], *self.sizes[i], self.filters[i]))
            self.build_norm(i + 1)
        self.hidden_shape = (*input_shape[:2], *self.sizes[-2], self.filters[-1])

    def call(self, noise, training=False):
        """Map (n_members, batch, noise_dim) to images that the head doubles once more."""
        flat = self.start(noise, training=training)
        images = tf.reshape(flat, (self.n_members, -1, *self.sizes[0], self.filters[0]))
        images = self.activate(0, images, training)
        for i, convolution in enumerate(self.convolutions):
            images = self.activate(i + 1, convolution(images, training=training), training)
        return images
