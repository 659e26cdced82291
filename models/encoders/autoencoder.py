"""An autoencoder of scaled transactions, or of images."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.encoders.bodies import make_body
from models.encoders.losses import (
    check_reconstructed_rows,
    check_reconstruction_loss,
    mean_binary_cross_entropy,
    mean_squared_error,
)


@keras.saving.register_keras_serializable(package="counterfoil")
class TabularAutoencoder(keras.Model):
    """Autoencoder ``n_features - hidden_units - latent_dim - hidden_units reversed - n_features``.

    The defaults, with 29 features, are the 29-12-29 network with a tanh code. Train it with
    `models.encoders.training.train` (one compiled call an epoch) or with ``compile`` and ``fit``.

    Parameters
    ----------
    n_features : int
        Columns of a row.
    hidden_units : sequence of int, default=()
        Widths of the hidden layers of the encoder, from the input inwards; the decoder mirrors
        them. With `image_shape` they are filters of convolutions.
    latent_dim : int, default=12
        Width of the code.
    hidden_activation : str, default="relu"
        Activation of the hidden layers.
    code_activation : str, default="tanh"
        Activation of the code.
    output_activation : str, default="linear"
        Activation of the output, to match the scaling: "linear" for any values, "tanh" for
        [-1, 1], "sigmoid" for [0, 1].
    input_noise : float, default=0.0
        Deviation of the normal noise that training adds to the input and not to the target
        (denoising autoencoder), in units of the scaled columns.
    seed : int, default=0
        Seed of the initial weights and of the noise. No global random state is touched.
    name : str, default="autoencoder"
        Keras name.
    reconstruction_loss : {"squared_error", "binary_cross_entropy"}, default="squared_error"
        Averaged over the columns. Binary cross-entropy needs ``output_activation="sigmoid"`` and
        rows in [0, 1]. The reconstruction error as a feature is the squared one with both.
    salt_noise : float in [0, 1), default=0.0
        Share of the values that training sets to 1 in the input and not in the target, for rows
        scaled to [0, 1]: the pixels of an image that are turned white.
    image_shape : tuple (height, width, channels), optional
        What each row is an image of, flattened row by row; the hidden layers are then
        convolutional (`models.encoders.bodies.ConvolutionalBody`). None for dense layers.
    kernel_size : int, default=3
        Pixels along each side of the kernels of convolutions.
    """

    def __init__(
        self,
        n_features,
        hidden_units=(),
        latent_dim=12,
        hidden_activation="relu",
        code_activation="tanh",
        output_activation="linear",
        input_noise=0.0,
        seed=0,
        name="autoencoder",
        *,
        reconstruction_loss="squared_error",
        salt_noise=0.0,
        image_shape=None,
        kernel_size=3,
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        check_reconstruction_loss(reconstruction_loss, output_activation)
        self.n_features = n_features
        self.hidden_units = tuple(hidden_units)
        self.latent_dim = latent_dim
        self.hidden_activation = hidden_activation
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.input_noise = input_noise
        self.seed = seed
        self.reconstruction_loss = reconstruction_loss
        self.salt_noise = salt_noise
        self.image_shape = tuple(image_shape) if image_shape is not None else None
        self.kernel_size = kernel_size
        seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(self.hidden_units) + 3))
        body = make_body(
            n_features, hidden_units, hidden_activation,
            image_shape=self.image_shape, kernel_size=kernel_size,
        )  # fmt: skip
        self.encoder = body.encoder(latent_dim, code_activation, seeds)
        self.decoder = body.decoder(latent_dim, output_activation, seeds)
        self.seed_generator = keras.random.SeedGenerator(int(next(seeds)))
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.encode_rows = tf.function(
            self.latent_features,
            input_signature=[tf.TensorSpec((None, n_features), tf.float32)],
            autograph=False,
        )
        self.built = True

    def encode(self, x):
        """Code of each row: (batch, n_features) -> (batch, latent_dim)."""
        return self.encoder(x)

    def decode(self, code):
        """Reconstruction from codes: (batch, latent_dim) -> (batch, n_features)."""
        return self.decoder(code)

    def call(self, x, training=False):
        """Reconstruct each row: (batch, n_features) -> (batch, n_features)."""
        return self.decode(self.encode(self.corrupt(x) if training else x))

    def corrupt(self, x):
        """Rows as training sees them, with the noise of this model: the shape of `x`."""
        if self.input_noise:
            x = x + self.input_noise * keras.random.normal(ops.shape(x), seed=self.seed_generator)
        if self.salt_noise:
            chance = keras.random.uniform(ops.shape(x), seed=self.seed_generator)
            x = ops.where(chance < self.salt_noise, 1.0, x)
        return x

    def interpolate(self, x_a, x_b, share):
        """Decode codes on the straight line between the codes of two rows.

        Parameters
        ----------
        x_a, x_b : array-like of shape (n, n_features)
            Scaled rows, paired by position.
        share : float or array-like of shape (n, 1)
            Weight of `x_b` in [0, 1]: 0 is the reconstruction of `x_a`, 1 that of `x_b`.

        Returns
        -------
        tensor of shape (n, n_features)
        """
        code_a = self.encode(ops.convert_to_tensor(x_a, dtype="float32"))
        code_b = self.encode(ops.convert_to_tensor(x_b, dtype="float32"))
        share = ops.convert_to_tensor(share, dtype="float32")
        return self.decode((1.0 - share) * code_a + share * code_b)

    def reconstruction_error(self, x):
        """Mean squared error of each row's reconstruction: (batch, n_features) -> (batch, 1)."""
        return mean_squared_error(x, self(x))[:, None]

    def latent_features(self, x):
        """Code and reconstruction error side by side.

        (batch, n_features) -> (batch, latent_dim + 1), the error last.
        """
        code = self.encode(x)
        error = mean_squared_error(x, self.decode(code))[:, None]
        return ops.concatenate([code, error], axis=-1)

    def evaluate_losses(self, x):
        """Losses of rows outside training, per row: {"loss": (batch,)}."""
        return {"loss": self.row_losses(x, self(x))}

    def row_losses(self, x, reconstruction):
        """Loss of each row: (batch, n_features) twice -> (batch,)."""
        if self.reconstruction_loss == "binary_cross_entropy":
            return mean_binary_cross_entropy(x, reconstruction)
        return mean_squared_error(x, reconstruction)

    def check_rows(self, x):
        """Refuse training rows that the loss is not made for.

        Raises
        ------
        ValueError
            If the loss is binary cross-entropy and a value lies outside [0, 1].
        """
        check_reconstructed_rows(self.reconstruction_loss, x)

    def learn(self, x):
        """Take one optimizer step on a batch of rows and record its losses in `metrics`."""
        with tf.GradientTape() as tape:
            losses = self.row_losses(x, self(x, training=True))
            loss = ops.mean(losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.loss_tracker.update_state(losses)

    def train_step(self, data):
        """Take one step of ``fit``: rows in, or a tuple that starts with them."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.learn(x)
        return self.get_metrics_result()

    @property
    def metrics(self):
        """Trackers that start afresh each epoch."""
        return [self.loss_tracker]

    def get_config(self):
        """Arguments that rebuild the untrained model."""
        return {
            "n_features": self.n_features,
            "hidden_units": list(self.hidden_units),
            "latent_dim": self.latent_dim,
            "hidden_activation": self.hidden_activation,
            "code_activation": self.code_activation,
            "output_activation": self.output_activation,
            "input_noise": self.input_noise,
            "seed": self.seed,
            "reconstruction_loss": self.reconstruction_loss,
            "salt_noise": self.salt_noise,
            "image_shape": self.image_shape,
            "kernel_size": self.kernel_size,
            "name": self.name,
        }
