"""A variational autoencoder of scaled transactions, or of images."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.encoders.bodies import dense_stack, make_body
from models.encoders.losses import (
    binary_cross_entropy,
    check_reconstructed_rows,
    check_reconstruction_loss,
    kl_to_standard_normal,
    squared_error,
)


@keras.saving.register_keras_serializable(package="counterfoil")
class TabularVAE(keras.Model):
    """VAE ``n_features - hidden_units - latent_dim - hidden_units reversed - n_features``.

    Trained on ``reconstruction + beta * KL``, both summed (over features, over code dimensions)
    and averaged over rows (Kingma and Welling 2014, eq. 10; `beta` from Higgins et al. 2017).
    The defaults, with 29 features, are the 29-16-6 network. Train it with
    `models.encoders.training.train` (one compiled call an epoch, with the warm-up of `beta`) or
    with ``compile`` and ``fit`` (at the full `beta` throughout).

    Parameters
    ----------
    n_features : int
        Columns of a row.
    hidden_units : sequence of int, default=(16,)
        Widths of the hidden layers of the encoder, from the input inwards; the decoder mirrors
        them. With `image_shape` they are filters of convolutions.
    latent_dim : int, default=6
        Dimensions of the code.
    hidden_activation : str, default="relu"
        Activation of the hidden layers.
    output_activation : str, default="linear"
        Activation of the output, to match the scaling: "linear" for any values, "tanh" for
        [-1, 1], "sigmoid" for [0, 1].
    reconstruction_loss : {"squared_error", "binary_cross_entropy"}, default="squared_error"
        Binary cross-entropy needs ``output_activation="sigmoid"`` and rows in [0, 1].
    beta : float, default=1.0
        Weight of the KL term.
    beta_warmup_epochs : int, default=0
        Epochs over which that weight rises linearly: epoch ``e`` has
        ``beta * min(1, e / beta_warmup_epochs)``.
    seed : int, default=0
        Seed of the initial weights and of the training noise. No global random state is touched.
    name : str, default="vae"
        Keras name.
    image_shape : tuple (height, width, channels), optional
        What each row is an image of, flattened row by row; the hidden layers are then
        convolutional (`models.encoders.bodies.ConvolutionalBody`). None for dense layers.
    kernel_size : int, default=3
        Pixels along each side of the kernels of convolutions.
    """

    def __init__(
        self,
        n_features,
        hidden_units=(16,),
        latent_dim=6,
        hidden_activation="relu",
        output_activation="linear",
        reconstruction_loss="squared_error",
        beta=1.0,
        beta_warmup_epochs=0,
        seed=0,
        name="vae",
        *,
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
        self.output_activation = output_activation
        self.reconstruction_loss = reconstruction_loss
        self.beta = beta
        self.beta_warmup_epochs = beta_warmup_epochs
        self.seed = seed
        self.image_shape = tuple(image_shape) if image_shape is not None else None
        self.kernel_size = kernel_size
        self._build_layers()
        self.kl_weight = self.add_weight(
            name="kl_weight", shape=(), trainable=False,
            initializer=keras.initializers.Constant(beta),
        )  # fmt: skip
        self.trackers = {
            name: keras.metrics.Mean(name=name)
            for name in ("loss", "reconstruction_loss", "kl_loss")
        }
        self.encode_rows = tf.function(
            self.latent_features,
            input_signature=[tf.TensorSpec((None, n_features), tf.float32)],
            autograph=False,
        )
        self.built = True

    def _build_layers(self):
        seeds = iter(np.random.SeedSequence(self.seed).generate_state(64))
        body = make_body(
            self.n_features, self.hidden_units, self.hidden_activation,
            image_shape=self.image_shape, kernel_size=self.kernel_size,
        )  # fmt: skip
        n_hidden = body.n_hidden
        self.encoder = body.hidden_layers(seeds)
        self.mean_head = dense_stack(n_hidden, (self.latent_dim,), None, None, seeds, "z_mean")
        self.log_var_head = keras.layers.Dense(
            # Starting at variance 1 for every row keeps heavy-tailed rows from overflowing exp.
            self.latent_dim, kernel_initializer="zeros", name="z_log_var"
        )  # fmt: skip
        self.log_var_head.build((None, n_hidden))
        self.decoder = body.decoder(self.latent_dim, None, seeds)
        self.output_function = keras.activations.get(self.output_activation)
        self.seed_generator = keras.random.SeedGenerator(int(next(seeds)))

    def encode(self, x):
        """Distribution of each row's code.

        (batch, n_features) -> z_mean (batch, latent_dim), z_log_var (batch, latent_dim)
        """
        hidden = x if self.encoder is None else self.encoder(x)
        return self.mean_head(hidden), self.log_var_head(hidden)

    def decode(self, z):
        """Rows from codes: (batch, latent_dim) -> (batch, n_features)."""
        return self.output_function(self.decoder(z))

    def call(self, x, training=False):
        """Reconstruct each row, through a drawn code in training and the mean code otherwise.

        (batch, n_features) -> (batch, n_features)
        """
        z_mean, z_log_var = self.encode(x)
        z = self.draw_code(z_mean, z_log_var, self.seed_generator) if training else z_mean
        return self.decode(z)

    def latent_features(self, x):
        """Mean code of each row: (batch, n_features) -> (batch, latent_dim)."""
        return self.encode(x)[0]

    @staticmethod
    def draw_code(z_mean, z_log_var, seed):
        """``z_mean + exp(z_log_var / 2) * noise``: (batch, latent_dim) twice -> the same shape."""
        noise = keras.random.normal(ops.shape(z_mean), seed=seed)
        return z_mean + ops.exp(0.5 * z_log_var) * noise

    def sample(self, n, seed):
        """Draw rows from the prior.

        Parameters
        ----------
        n : int
            Rows to draw.
        seed : int
            Equal seeds draw equal rows. The training noise is not advanced.

        Returns
        -------
        tensor of shape (n, n_features)
        """
        return self.decode(keras.random.normal((n, self.latent_dim), seed=seed))

    def sample_posterior(self, x, seed):
        """Pass rows through a code drawn from each row's own distribution.

        Parameters
        ----------
        x : array-like of shape (n, n_features)
            Scaled rows; repeat a row to draw several from it.
        seed : int
            Equal seeds draw equal rows. The training noise is not advanced.

        Returns
        -------
        tensor of shape (n, n_features)
        """
        z_mean, z_log_var = self.encode(ops.convert_to_tensor(x, dtype="float32"))
        return self.decode(self.draw_code(z_mean, z_log_var, seed))

    def interpolate(self, x_a, x_b, seed=None, share=None):
        """Decode codes on the straight line between the mean codes of two rows.

        Parameters
        ----------
        x_a, x_b : array-like of shape (n, n_features)
            Scaled rows, paired by position.
        seed : int, optional
            Draws `share` evenly from [0, 1) where that is not given.
        share : float or array-like of shape (n, 1), optional
            Weight of `x_b` in [0, 1]: 0 is the reconstruction of `x_a`, 1 that of `x_b`.

        Returns
        -------
        tensor of shape (n, n_features)

        Raises
        ------
        ValueError
            If both or neither of `seed` and `share` are given.
        """
        if (seed is None) == (share is None):
            raise ValueError(f"give either seed or share, got seed={seed}, share={share}")
        z_a = self.latent_features(ops.convert_to_tensor(x_a, dtype="float32"))
        z_b = self.latent_features(ops.convert_to_tensor(x_b, dtype="float32"))
        if share is None:
            share = keras.random.uniform((z_a.shape[0], 1), seed=seed)
        share = ops.convert_to_tensor(share, dtype="float32")
        return self.decode((1.0 - share) * z_a + share * z_b)

    def row_losses(self, x, seed, kl_weight):
        """Loss of each row at a given weight of the KL term, with one drawn code a row.

        (batch, n_features) -> {"loss", "reconstruction_loss", "kl_loss"}, each (batch,)
        """
        z_mean, z_log_var = self.encode(x)
        before_activation = self.decoder(self.draw_code(z_mean, z_log_var, seed))
        if self.reconstruction_loss == "binary_cross_entropy":
            reconstruction = binary_cross_entropy(x, before_activation)
        else:
            reconstruction = squared_error(x, self.output_function(before_activation))
        kl = kl_to_standard_normal(z_mean, z_log_var)
        return {
            "loss": reconstruction + kl_weight * kl,
            "reconstruction_loss": reconstruction,
            "kl_loss": kl,
        }

    def evaluate_losses(self, x):
        """Losses of rows outside training, per row, with the same noise each time.

        They are taken at the full `beta`, so that epochs of the warm-up compare with later ones.
        """
        return self.row_losses(x, self.seed, self.beta)

    def begin_epoch(self, epoch):
        """Set the weight of the KL term for an epoch, counted from 0."""
        warmup = self.beta_warmup_epochs
        self.kl_weight.assign(self.beta * (min(1.0, epoch / warmup) if warmup else 1.0))

    def check_rows(self, x):
        """Refuse training rows that the reconstruction loss is not made for.

        Raises
        ------
        ValueError
            If the loss is binary cross-entropy and a value lies outside [0, 1].
        """
        check_reconstructed_rows(self.reconstruction_loss, x)

    def learn(self, x):
        """Take one optimizer step on a batch of rows and record its losses in `metrics`."""
        with tf.GradientTape() as tape:
            losses = self.row_losses(x, self.seed_generator, self.kl_weight)
            loss = ops.mean(losses["loss"])
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for name, tracker in self.trackers.items():
            tracker.update_state(losses[name])

    def train_step(self, data):
        """Take one step of ``fit``: rows in, or a tuple that starts with them."""
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        self.learn(x)
        return self.get_metrics_result()

    @property
    def metrics(self):
        """Trackers that start afresh each epoch."""
        return list(self.trackers.values())

    def get_config(self):
        """Arguments that rebuild the untrained model."""
        return {
            "n_features": self.n_features,
            "hidden_units": list(self.hidden_units),
            "latent_dim": self.latent_dim,
            "hidden_activation": self.hidden_activation,
            "output_activation": self.output_activation,
            "reconstruction_loss": self.reconstruction_loss,
            "beta": self.beta,
            "beta_warmup_epochs": self.beta_warmup_epochs,
            "seed": self.seed,
            "image_shape": self.image_shape,
            "kernel_size": self.kernel_size,
            "name": self.name,
        }
