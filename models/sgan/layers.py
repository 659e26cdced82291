"""Layers with a leading member axis: several networks of one shape trained side by side.

Every tensor has shape (n_members, batch, features) and every weight has the member axis first, so
that one batched matrix product serves all members and no gradient passes between them.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

LEAKY_SLOPE = 0.2


def drop_units(inputs, rate, seed_generator, algorithm="auto_select"):
    """Inputs of which a share is zero, the others larger to make up for it (dropout).

    Parameters
    ----------
    inputs : tensor
        Of any shape.
    rate : float in [0, 1)
        The share.
    seed_generator : keras.random.SeedGenerator
        Gives the seeds.
    algorithm : str, default="auto_select"
        Of the random numbers, a name of `tf.random.Algorithm`; the default is Keras's dropout.

    Returns
    -------
    tensor
        Of the shape of `inputs`.
    """
    if algorithm == "auto_select":
        return keras.random.dropout(inputs, rate, seed=seed_generator)
    seed = tf.cast(seed_generator.next(), tf.int64)
    chance = tf.random.stateless_uniform(tf.shape(inputs), seed, alg=algorithm)
    return tf.where(chance >= rate, inputs / (1.0 - rate), tf.zeros_like(inputs))


@keras.saving.register_keras_serializable(package="counterfoil")
class MemberDense(keras.layers.Layer):
    """A dense layer for each member.

    Parameters
    ----------
    units : int
        Width of the output.
    n_members : int
        Number of networks side by side.
    spectral_norm : bool
        Divide each member's kernel by its largest singular value, estimated by one power
        iteration a training step (Miyato et al. 2018, algorithm 1).
    masked : bool
        Give each member a mask over its inputs (`input_mask`, all ones at first).
    seed : int
        Seed of the Glorot-uniform kernels; members draw different ones.
    """

    def __init__(self, units, n_members, *, spectral_norm=False, masked=False, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.n_members = n_members
        self.spectral_norm = spectral_norm
        self.masked = masked
        self.seed = seed

    def build(self, input_shape):
        """Create the weights for inputs of shape (n_members, batch, n_inputs)."""
        n_inputs = input_shape[-1]
        # Glorot's fans are those of one member; Keras would count the member axis as a kernel's.
        limit = float(np.sqrt(6.0 / (n_inputs + self.units)))
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.n_members, n_inputs, self.units),
            initializer=keras.initializers.RandomUniform(-limit, limit, seed=self.seed),
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.n_members, 1, self.units), initializer="zeros"
        )
        if self.masked:
            self.input_mask = self.add_weight(
                name="input_mask", shape=(self.n_members, n_inputs, 1), initializer="ones",
                trainable=False,
            )  # fmt: skip
        if self.spectral_norm:
            self.left_vector = self.add_weight(
                name="left_vector",
                shape=(self.n_members, 1, self.units),
                initializer=keras.initializers.RandomNormal(seed=self.seed + 1),
                trainable=False,
            )

    def call(self, inputs, training=False):
        """Map (n_members, batch, n_inputs) to (n_members, batch, units)."""
        return tf.matmul(inputs, self._kernel_in_use(training)) + self.bias

    def _kernel_in_use(self, training):
        kernel = self.kernel
        if self.spectral_norm:
            kernel = kernel / self._largest_singular_value(training)
        if self.masked:
            # On the kernel, which is smaller than the rows.
            kernel = kernel * self.input_mask
        return kernel

    def _largest_singular_value(self, training):
        right = ops.normalize(tf.matmul(self.left_vector, self.kernel, transpose_b=True), axis=-1)
        left = ops.normalize(tf.matmul(right, self.kernel), axis=-1)
        left, right = ops.stop_gradient(left), ops.stop_gradient(right)
        if training:
            self.left_vector.assign(left)
        return tf.matmul(tf.matmul(right, self.kernel), left, transpose_b=True)

    def get_config(self):
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "n_members": self.n_members,
            "spectral_norm": self.spectral_norm,
            "masked": self.masked,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="counterfoil")
class MemberConvolution(MemberDense):
    """A convolution of images for each member: a dense layer on every patch.

    Borders are filled with zeros.

    Parameters
    ----------
    filters : int
        Channels of the output.
    n_members : int
        Number of networks side by side.
    kernel_size : int
        Pixels along each side of a patch.
    stride : int
        Pixels between patches: 2 halves the image.
    upsampling : int
        How often each pixel is repeated beforehand along both sides: 2 doubles the image
        (Odena et al. 2016, "Deconvolution and checkerboard artifacts").
    spectral_norm, seed
        As in `MemberDense`, of the kernel as a matrix of patches by filters.
    """

    def __init__(self, filters, n_members, kernel_size=3, *, stride=1, upsampling=1, **kwargs):
        super().__init__(filters, n_members, **kwargs)
        self.kernel_size = kernel_size
        self.stride = stride
        self.upsampling = upsampling

    def build(self, input_shape):
        """Create the weights for images of shape (n_members, batch, height, width, channels)."""
        self.patch_shape = (self.kernel_size, self.kernel_size, input_shape[-1])
        super().build((*input_shape[:2], int(np.prod(self.patch_shape))))

    def call(self, inputs, training=False):
        """Convolve (n_members or 1, batch, height, width, channels), each member its own way."""
        for axis in (2, 3):
            inputs = ops.repeat(inputs, self.upsampling, axis) if self.upsampling > 1 else inputs
        kernels = tf.reshape(
            self._kernel_in_use(training), (self.n_members, *self.patch_shape, self.units)
        )
        # One convolution a member: on a CPU there is no gradient of a grouped one.
        images = [
            tf.nn.conv2d(inputs[m % inputs.shape[0]], kernels[m], self.stride, "SAME")
            for m in range(self.n_members)
        ]
        return tf.stack(images) + self.bias[:, :, None, None]

    def get_config(self):
        """Return the constructor arguments."""
        config = super().get_config()
        config["filters"] = config.pop("units")
        del config["masked"]
        return {
            **config,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "upsampling": self.upsampling,
        }


@keras.saving.register_keras_serializable(package="counterfoil")
class MemberNormalization(keras.layers.Layer):
    """Batch or layer normalisation with a scale and shift for each member.

    Parameters
    ----------
    kind : {"batch", "layer"}
        Over the rows of a batch (Ioffe & Szegedy 2015), or over the units of a row (Ba et al.
        2016).
    n_members : int
        Number of networks side by side.
    momentum : float
        Of the moving statistics that batch normalisation uses when not training.
    """

    EPSILON = 1e-3

    def __init__(self, kind, n_members, *, momentum=0.8, **kwargs):
        super().__init__(**kwargs)
        if kind not in ("batch", "layer"):
            raise ValueError(f"kind must be 'batch' or 'layer', got {kind!r}")
        self.kind = kind
        self.n_members = n_members
        self.momentum = momentum

    def build(self, input_shape):
        """Create the weights for inputs of shape (n_members, batch, units)."""
        shape = (self.n_members, 1, input_shape[-1])
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")
        self.shift = self.add_weight(name="shift", shape=shape, initializer="zeros")
        if self.kind == "batch":
            self.moving_mean = self.add_weight(
                name="moving_mean", shape=shape, initializer="zeros", trainable=False
            )
            self.moving_variance = self.add_weight(
                name="moving_variance", shape=shape, initializer="ones", trainable=False
            )

    def call(self, inputs, training=False):
        """Normalise (n_members, batch, units)."""
        mean, variance = self._statistics(inputs, training)
        normalised = (inputs - mean) * tf.math.rsqrt(variance + self.EPSILON)
        return normalised * self.scale + self.shift

    def _statistics(self, inputs, training):
        if self.kind == "layer":
            return tf.nn.moments(inputs, axes=[2], keepdims=True)
        if not training:
            return self.moving_mean, self.moving_variance
        mean, variance = tf.nn.moments(inputs, axes=[1], keepdims=True)
        for moving, current in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1.0 - self.momentum) * current)
        return mean, variance

    def get_config(self):
        """Return the constructor arguments."""
        return {
            **super().get_config(),
            "kind": self.kind,
            "n_members": self.n_members,
            "momentum": self.momentum,
        }
