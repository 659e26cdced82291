"""What a member of an SGAN is made of: hidden layers, a generator, a two-headed discriminator."""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

from models.sgan.image_networks import ImageReader, ImageWriter
from models.sgan.layers import LEAKY_SLOPE, MemberDense, MemberNormalization, drop_units


class DiscriminatorOutput(NamedTuple):
    """What the discriminator says of rows; each of shape (n_members, batch, ...).

    Attributes
    ----------
    class_logits : (n_members, batch, n_classes + 1)
        Logits of the classes (genuine, fraud), then of fake.
    real_logit : (n_members, batch)
        Log odds of being real.
    hidden : (n_members, batch, units)
        The last hidden layer, for feature matching.
    """

    class_logits: tf.Tensor
    real_logit: tf.Tensor
    hidden: tf.Tensor


class MemberStack(keras.layers.Layer):
    """Dense hidden layers with normalisation, leaky ReLU and dropout, for all members at once."""

    def __init__(
        self, units, n_members, *, normalization="none", spectral_norm=False, dropout=0.0,
        masked=False, seed=0,
    ):  # fmt: skip
        super().__init__(name="stack")
        self.dropout = dropout
        self.dense = [
            MemberDense(
                width,
                n_members,
                spectral_norm=spectral_norm,
                masked=masked and i == 0,
                seed=seed + 2 * i,
                name=f"dense_{i}",
            )
            for i, width in enumerate(units)
        ]
        self.norms = [
            MemberNormalization(normalization, n_members, name=f"norm_{i}")
            if normalization != "none"
            else None
            for i in range(len(units))
        ]
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.random_algorithm = "auto_select"  # of `drop_units`; the trainer's choice

    def build(self, input_shape):
        """Build each layer on the width of the one before."""
        shape = tuple(input_shape)
        for dense, norm in zip(self.dense, self.norms, strict=True):
            dense.build(shape)
            shape = (*shape[:-1], dense.units)
            if norm is not None:
                norm.build(shape)
        self.hidden_shape = shape

    def call(self, inputs, training=False):
        """Map (n_members, batch, n_inputs) to (n_members, batch, units[-1])."""
        hidden = inputs
        for dense, norm in zip(self.dense, self.norms, strict=True):
            hidden = dense(hidden, training=training)
            if norm is not None:
                hidden = norm(hidden, training=training)
            hidden = tf.nn.leaky_relu(hidden, LEAKY_SLOPE)
            if training and self.dropout:
                hidden = drop_units(
                    hidden, self.dropout, self.seed_generator, self.random_algorithm
                )
        return hidden


class Generator(keras.layers.Layer):
    """Makes scaled transactions, or images, from normal noise."""

    def __init__(
        self, n_features, units, n_members, *, normalization="none", dropout=0.0,
        output_activation="linear", image_shape=None, kernel_size=3, seed=0,
    ):  # fmt: skip
        super().__init__(name="generator")
        self.n_features = n_features
        common = {"normalization": normalization, "dropout": dropout, "seed": seed}
        if image_shape is None:
            self.stack = MemberStack(units, n_members, **common)
            self.head = MemberDense(n_features, n_members, seed=seed + 1000, name="head")
        else:
            self.stack = ImageWriter(image_shape, units, n_members, kernel_size, **common)
            self.head = self.stack.doubling(-2, image_shape[-1], seed + 1000, "head")
        self.output_activation = keras.activations.get(output_activation)

    def build(self, input_shape):
        """Build for noise of shape (n_members, batch, noise_dim)."""
        self.stack.build(input_shape)
        self.head.build(self.stack.hidden_shape)

    def call(self, noise, training=False):
        """Map noise (n_members, batch, noise_dim) to rows (n_members, batch, n_features)."""
        rows = self.head(self.stack(noise, training=training))
        return self.output_activation(tf.reshape(rows, (noise.shape[0], -1, self.n_features)))


class Discriminator(keras.layers.Layer):
    """Two heads on shared layers: one of the classes (genuine, fraud) or fake; and real or fake.

    With ``real_fake_head="shared"`` the second head is derived from the first: the log odds of
    being real are ``logsumexp(classes) - fake`` (Salimans et al. 2016, section 5). With
    ``"separate"`` it has weights of its own (Odena 2016).
    """

    def __init__(
        self, units, n_members, *, normalization="none", spectral_norm=False, dropout=0.0,
        real_fake_head="shared", masked=False, n_classes=2, image_shape=None, kernel_size=3,
        seed=0,
    ):  # fmt: skip
        super().__init__(name="discriminator")
        self.n_classes = n_classes
        common = {
            "normalization": normalization, "spectral_norm": spectral_norm, "dropout": dropout,
            "seed": seed,
        }  # fmt: skip
        self.stack = (
            MemberStack(units, n_members, masked=masked, **common)
            if image_shape is None
            else ImageReader(image_shape, units, n_members, kernel_size, **common)
        )
        self.class_head = MemberDense(
            n_classes + 1, n_members, spectral_norm=spectral_norm, seed=seed + 1000,
            name="class_head",
        )  # fmt: skip
        self.real_head = (
            MemberDense(
                1, n_members, spectral_norm=spectral_norm, seed=seed + 1001, name="real_head"
            )
            if real_fake_head == "separate"
            else None
        )

    def build(self, input_shape):
        """Build for inputs of shape (n_members, batch, n_inputs)."""
        self.stack.build(input_shape)
        self.class_head.build(self.stack.hidden_shape)
        if self.real_head is not None:
            self.real_head.build(self.stack.hidden_shape)

    def call(self, inputs, training=False):
        """Judge inputs of shape (n_members, batch, n_inputs)."""
        hidden = self.stack(inputs, training=training)
        class_logits = self.class_head(hidden, training=training)
        if self.real_head is None:
            n = self.n_classes
            real_logit = ops.logsumexp(class_logits[..., :n], axis=-1) - class_logits[..., n]
        else:
            real_logit = ops.squeeze(self.real_head(hidden, training=training), axis=-1)
        return DiscriminatorOutput(class_logits, real_logit, hidden)
