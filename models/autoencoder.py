"""A dense autoencoder of scaled transactions."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.losses import mean_squared_error


@keras.saving.register_keras_serializable(package="counterfoil")
class TabularAutoencoder(keras.Model):
    """Autoencoder ``n_features - hidden_units - latent_dim - hidden_units reversed - n_features``.

    The defaults, with 29 features, are the 29-12-29 network with a tanh code. Train it with
    `models.training.train` (one compiled call an epoch) or with ``compile`` and ``fit``.

    Parameters
    ----------
    n_features : int
        Columns of a row.
    hidden_units : sequence of int, default=()
        Widths of the hidden layers of the encoder, from the input inwards; the decoder mirrors
        them.
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
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.n_features = n_features
        self.hidden_units = tuple(hidden_units)
        self.latent_dim = latent_dim
        self.hidden_activation = hidden_activation
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.input_noise = input_noise
        self.seed = seed
        seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(self.hidden_units) + 3))
        self.encoder = dense_stack(
            n_features, (*self.hidden_units, latent_dim), hidden_activation, code_activation,
            seeds, "encoder",
        )  # fmt: skip
        self.decoder = dense_stack(
            latent_dim, (*reversed(self.hidden_units), n_features), hidden_activation,
            output_activation, seeds, "decoder",
        )  # fmt: skip
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
        if training and self.input_noise:
            x = x + self.input_noise * keras.random.normal(ops.shape(x), seed=self.seed_generator)
        return self.decode(self.encode(x))

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
        return {"loss": mean_squared_error(x, self(x))}

    def learn(self, x):
        """Take one optimizer step on a batch of rows and record its losses in `metrics`."""
        with tf.GradientTape() as tape:
            losses = mean_squared_error(x, self(x, training=True))
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
            "name": self.name,
        }


def dense_stack(n_inputs, units, hidden_activation, last_activation, seeds, name):
    """Built dense layers one after another, with seeded initial weights.

    Parameters
    ----------
    n_inputs : int
        Width of the input.
    units : sequence of int
        Width of each layer, at least one.
    hidden_activation, last_activation : str
        Activation of all layers but the last, and of the last.
    seeds : iterator of int
        One is taken for each layer.
    name : str
        Name of the stack; its layers are numbered behind it, so that the saved file does not
        depend on how many layers the process made before.

    Returns
    -------
    keras.Sequential
    """
    last = len(units) - 1
    layers = [
        keras.layers.Dense(
            width,
            activation=last_activation if i == last else hidden_activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed=int(next(seeds))),
            name=f"{name}_{i}",
        )
        for i, width in enumerate(units)
    ]
    return keras.Sequential([keras.Input((n_inputs,), name=f"{name}_input"), *layers], name=name)
