"""Several semi-supervised GANs side by side, with frozen encoders inside."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.encoders.bodies import check_image
from models.sgan.encoding import PiecewiseLinearEncoding
from models.sgan.networks import Discriminator, Generator

COLUMN_ENCODINGS = ("none", "piecewise_linear")
INPUT_PARTS = ("autoencoder_code", "reconstruction_error", "vae_code")


@keras.saving.register_keras_serializable(package="counterfoil")
class SGAN(keras.Model):
    """Several semi-supervised GANs of one shape, with frozen encoders inside.

    The discriminator sees ``[x, autoencoder code, reconstruction error, VAE code]``, brought to
    mean 0 and deviation 1, and beside them how far each value of x fills each bin of its column.
    Encoders and bins are part of the graph: the generator makes plain rows and feels them all.

    Parameters
    ----------
    n_features : int
        Width of the scaled rows.
    n_members : int
        Number of networks side by side.
    autoencoder, vae : keras.Model or None
        Trained encoders (`TabularAutoencoder`, `TabularVAE`); they are not trained further.
    inputs : sequence of {"autoencoder_code", "reconstruction_error", "vae_code"}
        What the discriminator sees beside the row.
    column_encoding : {"none", "piecewise_linear"}
        Whether the columns are also given by bins (`models.sgan.encoding`).
    n_bins : int
        Bins of a column, at most.
    column_share : float in (0, 1]
        Share of the columns that each member sees (`deal_columns`).
    noise_dim, generator_units, discriminator_units, normalization, spectral_norm, dropout, \
    generator_dropout, real_fake_head, output_activation
        See `SGANClassifier`.
    n_classes : int
        Classes of real rows; beside them the discriminator knows fakes. With one class this is a
        plain GAN.
    image_shape : tuple (height, width, channels) or None
        What each row is an image of, flattened row by row. Units are then filters of convolutions
        (`models.sgan.image_networks`), all pixels are standardised by one mean and one deviation,
        and `inputs`, `column_encoding` and `column_share` stay at their defaults.
    kernel_size : int
        Pixels along each side of the kernels of convolutions.
    seed : int
        Of the weights and of every draw in training.
    """

    def __init__(
        self, n_features, n_members=3, *, autoencoder=None, vae=None, inputs=(),
        column_encoding="none", n_bins=16, column_share=1.0, noise_dim=16, generator_units=(64, 64),
        discriminator_units=(128, 64), normalization="none", spectral_norm=False, dropout=0.1,
        generator_dropout=0.0, real_fake_head="shared", output_activation="linear", seed=0,
        n_classes=2, image_shape=None, kernel_size=3, **kwargs,
    ):  # fmt: skip
        # Keras would number the names of models and layers made in one process, and the numbers
        # would end up in the saved file: equal models would give unequal bytes.
        super().__init__(**{"name": "sgan", **kwargs})
        self.settings = {
            "n_features": n_features, "n_members": n_members, "inputs": tuple(inputs),
            "column_encoding": column_encoding, "n_bins": n_bins, "column_share": column_share,
            "noise_dim": noise_dim, "generator_units": tuple(generator_units),
            "discriminator_units": tuple(discriminator_units), "normalization": normalization,
            "spectral_norm": spectral_norm, "dropout": dropout,
            "generator_dropout": generator_dropout, "real_fake_head": real_fake_head,
            "output_activation": output_activation, "seed": seed, "n_classes": n_classes,
            "image_shape": tuple(image_shape) if image_shape is not None else None,
            "kernel_size": kernel_size,
        }  # fmt: skip
        if image_shape is not None:
            _check_images(self.settings)
        self.n_classes = n_classes
        self.n_features, self.n_members, self.noise_dim = n_features, n_members, noise_dim
        self.inputs_used = _check_inputs(inputs, autoencoder, vae)
        self.autoencoder, self.vae = autoencoder, vae
        if column_encoding not in COLUMN_ENCODINGS:
            raise ValueError(
                f"column_encoding must be among {COLUMN_ENCODINGS}, got {column_encoding!r}"
            )
        columns = deal_columns(n_features, n_members, column_share, seed)
        self.encoding = (
            PiecewiseLinearEncoding(columns, n_features, n_bins, name="encoding")
            if column_encoding == "piecewise_linear"
            else None
        )
        self.columns_seen = columns
        self.generator = Generator(
            n_features, generator_units, n_members, normalization=normalization,
            dropout=generator_dropout, output_activation=output_activation,
            image_shape=image_shape, kernel_size=kernel_size, seed=seed,
        )  # fmt: skip
        self.discriminator = Discriminator(
            discriminator_units, n_members, normalization=normalization,
            spectral_norm=spectral_norm, dropout=dropout, real_fake_head=real_fake_head,
            masked=column_share < 1.0, n_classes=n_classes, image_shape=image_shape,
            kernel_size=kernel_size, seed=seed + 5000,
        )  # fmt: skip
        self.build((None, n_features))
        self.score_rows = tf.function(
            self.call, input_signature=[tf.TensorSpec((None, n_features), tf.float32)],
            autograph=False,
        )  # fmt: skip

    def build(self, input_shape):
        """Create all weights; rows have shape (batch, n_features)."""
        if self.built:
            return
        width = self.encode(ops.zeros((1, self.n_features))).shape[-1]
        self.generator.build((self.n_members, None, self.noise_dim))
        if self.encoding is not None:
            self.encoding.build()
        width_of_bins = self.encoding.output_width if self.encoding is not None else 0
        self.discriminator.build((self.n_members, None, width + width_of_bins))
        if self.settings["column_share"] < 1.0:
            # Codes and errors are seen by all, columns as they were dealt.
            mask = np.ones((self.n_members, width + width_of_bins, 1), np.float32)
            mask[:, : self.n_features] = 0.0
            np.put_along_axis(mask[..., 0], self.columns_seen, 1.0, axis=1)
            self.discriminator.stack.dense[0].input_mask.assign(mask)
        # The discriminator's inputs differ in spread by orders of magnitude; these two bring
        # them to mean 0 and deviation 1 over the training rows.
        self.input_mean = self.add_weight(
            name="input_mean", shape=(width,), initializer="zeros", trainable=False
        )
        self.input_deviation = self.add_weight(
            name="input_deviation", shape=(width,), initializer="ones", trainable=False
        )
        super().build(input_shape)

    def encode(self, rows):
        """Put the encoders' outputs beside rows of shape (batch, n_features)."""
        parts = [rows]
        if {"autoencoder_code", "reconstruction_error"} & set(self.inputs_used):
            latent = self.autoencoder.latent_features(rows)
            if "autoencoder_code" in self.inputs_used:
                parts.append(latent[:, :-1])
            if "reconstruction_error" in self.inputs_used:
                # A mean of squares spans decades; its logarithm does not.
                parts.append(ops.log(latent[:, -1:] + 1e-6))
        if "vae_code" in self.inputs_used:
            parts.append(self.vae.latent_features(rows))
        return ops.concatenate(parts, axis=-1)

    def fit_inputs(self, rows, codes):
        """Set what the discriminator's inputs are standardised by, and the bins of the columns.

        **Fitted on:** real training rows; the bins on those of them that are labelled.

        Parameters
        ----------
        rows : float32 ndarray of shape (n_rows, n_features)
            Scaled rows.
        codes : ndarray of shape (n_rows,)
            1 fraud, 0 genuine, -1 unlabelled.
        """
        encoded = self.encode(ops.convert_to_tensor(rows))
        if self.settings["image_shape"] is not None:
            # Pixels share a scale; those at the border, almost always dark, must not be blown up.
            encoded = ops.reshape(encoded, (-1, 1))
        mean, deviation = ops.mean(encoded, axis=0), ops.std(encoded, axis=0)
        deviation = ops.where(deviation > 1e-6, deviation, 1.0)
        self.input_mean.assign(ops.broadcast_to(mean, self.input_mean.shape))
        self.input_deviation.assign(ops.broadcast_to(deviation, self.input_deviation.shape))
        if self.encoding is not None:
            is_labelled = codes >= 0
            if not is_labelled.any():
                # Nothing says where classes part (all labels are on synthetic rows): one bin each.
                is_labelled[:] = True
            self.encoding.fit_bins(rows[is_labelled], codes[is_labelled] == 1)

    def discriminator_inputs(self, rows):
        """All that the discriminators see of rows of shape (n_members or 1, batch, n_features)."""
        encoded = self.encode(ops.reshape(rows, (-1, self.n_features)))
        standardised = (encoded - self.input_mean) / self.input_deviation
        standardised = ops.reshape(standardised, (rows.shape[0], -1, encoded.shape[-1]))
        if self.encoding is None:
            return standardised
        bins = self.encoding(rows)
        if rows.shape[0] != self.n_members:
            standardised = ops.repeat(standardised, self.n_members, axis=0)
        return ops.concatenate([standardised, bins], axis=-1)

    def discriminate(self, rows, training=False):
        """Judge rows of shape (n_members, batch, n_features)."""
        return self.discriminator(self.discriminator_inputs(rows), training=training)

    def call(self, rows, training=False):
        """Log odds of fraud against genuine; (batch, n_features) -> (batch, n_members).

        With another number of classes: of each against the first, as (batch, n_members,
        n_classes - 1).
        """
        # One copy of the rows for all members: the matrix products broadcast it.
        logits = self.discriminate(rows[None], training=training).class_logits
        if self.n_classes == 2:
            return ops.transpose(logits[..., 1] - logits[..., 0])
        return ops.swapaxes(logits[..., 1 : self.n_classes] - logits[..., :1], 0, 1)

    def sample(self, n, seed, *, mean=0.0, deviation=1.0):
        """Draw n rows from each member's generator; array of shape (n_members, n, n_features).

        `mean` and `deviation` of the noise are 0 and 1 in training; a smaller deviation makes rows
        that differ less.
        """
        noise = keras.random.normal(
            (self.n_members, n, self.noise_dim), mean=mean, stddev=deviation, seed=seed
        )
        return ops.convert_to_numpy(self.generator(noise))

    def get_config(self):
        """Return the constructor arguments; encoders as nested configurations."""
        encoders = {
            name: keras.saving.serialize_keras_object(encoder) if encoder is not None else None
            for name, encoder in (("autoencoder", self.autoencoder), ("vae", self.vae))
        }
        return {**super().get_config(), **self.settings, **encoders}

    @classmethod
    def from_config(cls, config):
        """Rebuild the model, encoders first."""
        config = dict(config)
        for name in ("autoencoder", "vae"):
            if config[name] is not None:
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def deal_columns(n_columns, n_members, share, seed):
    """Which columns each member sees: equally many, and every column as often as any other.

    Parameters
    ----------
    n_columns, n_members : int
        How many there are.
    share : float in (0, 1]
        Of the columns that a member sees; at least 1 / n_members, so that none is lost.
    seed : int
        Of the order in which they are dealt.

    Returns
    -------
    int ndarray of shape (n_members, n_seen)
        Increasing positions. How often a column is seen differs by one at most.

    Examples
    --------
    >>> deal_columns(3, 2, 1.0, seed=0)
    array([[0, 1, 2],
           [0, 1, 2]])
    """
    rng = np.random.default_rng(seed)
    n_seen = min(max(round(share * n_columns), -(-n_columns // n_members)), n_columns)
    times_seen = np.zeros(n_columns, int)
    dealt = np.zeros((n_members, n_seen), int)
    for columns in dealt:
        # Those seen least so far, in random order.
        columns[:] = np.sort(np.lexsort([rng.random(n_columns), times_seen])[:n_seen])
        times_seen[columns] += 1
    return dealt


def _check_inputs(inputs, autoencoder, vae):
    """Return the inputs as a tuple; every one must be known and have its encoder."""
    owners = {"autoencoder_code": autoencoder, "reconstruction_error": autoencoder, "vae_code": vae}
    for name in inputs:
        if name not in owners:
            raise ValueError(f"inputs must be among {INPUT_PARTS}, got {name!r}")
        if owners[name] is None:
            encoder = "vae" if name == "vae_code" else "autoencoder"
            raise ValueError(f"input {name!r} needs {encoder}=, a trained encoder; got None")
    return tuple(inputs)


def _check_images(settings):
    """Refuse what makes no sense of the pixels of an image."""
    check_image(settings["image_shape"], settings["n_features"], settings["generator_units"])
    for name, default in (("inputs", ()), ("column_encoding", "none"), ("column_share", 1.0)):
        if settings[name] != default:
            raise ValueError(
                f"with image_shape={settings['image_shape']}, {name} must be {default!r}, got "
                f"{settings[name]!r}: it is about columns that mean something by themselves"
            )
