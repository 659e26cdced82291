"""An autoencoder of windows of a series, which may differ in length."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from models.series.layers import TemporalDecoder, TemporalEncoder

BODIES = ("convolution", "lstm")
N_HEADS = 4


@keras.saving.register_keras_serializable(package="counterfoil")
class SequenceAutoencoder(keras.Model):
    """Autoencoder of windows of shape (n_steps, n_features).

    Shorter windows are padded at their end with steps that are NaN in every feature. Padding has
    no part in code, reconstruction or loss: a window padded further gives the same.

    Train it with `models.encoders.training.train` (one compiled call an epoch) or with ``compile``
    and ``fit``.

    Parameters
    ----------
    n_features : int
        Values of a step.
    latent_dim : int, default=16
        Width of the code.
    body : {"convolution", "lstm"}, default="convolution"
        "lstm": LSTM(latent_dim) - RepeatVector - LSTM(n_features), the encoder's last state being
        the code (Malhotra et al. 2016, section 2, without their reversed target); its output
        lies in (-1, 1). "convolution": a gated convolution over patches of a few steps,
        attention over them into the code, and a decoder of the same kind that makes all steps at
        once; linear output.
    units : int, default=32
        Channels of "convolution"; "lstm" has none.
    patch_steps : int, default=4
        Steps that "convolution" takes together.
    input_noise : float, default=0.0
        Deviation of the normal noise that training adds to the input and not to the target
        (denoising autoencoder), in units of the scaled features.
    seed : int, default=0
        Seed of the initial weights and of the noise. No global random state is touched.
    name : str, default="sequence_autoencoder"
        Keras name.
    """

    def __init__(
        self,
        n_features,
        latent_dim=16,
        body="convolution",
        units=32,
        patch_steps=4,
        input_noise=0.0,
        seed=0,
        name="sequence_autoencoder",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if body not in BODIES:
            raise ValueError(f"body must be one of {BODIES}, got {body!r}")
        self.n_features = n_features
        self.latent_dim = latent_dim
        self.body = body
        self.units = units
        self.patch_steps = patch_steps
        self.input_noise = input_noise
        self.seed = seed
        self._build_layers()
        self.loss_tracker = keras.metrics.Mean(name="loss")
        signature = [tf.TensorSpec((None, None, n_features), tf.float32)]
        self.encode_rows = tf.function(
            self.latent_features, input_signature=signature, autograph=False
        )
        self.reconstruct_rows = tf.function(self.call, input_signature=signature, autograph=False)
        self.built = True

    def _build_layers(self):
        seeds = [int(s) for s in np.random.SeedSequence(self.seed).generate_state(3)]
        if self.body == "lstm":
            self.encoder = _lstm(self.latent_dim, seeds[0], "encoder")
            self.decoder = _lstm(self.n_features, seeds[1], "decoder", return_sequences=True)
            self.decoder.build((None, None, self.latent_dim))
        else:
            self.encoder = TemporalEncoder(
                self.units,
                self.latent_dim,
                self.patch_steps,
                N_HEADS,
                seed=seeds[0],
                name="encoder",
            )
            self.decoder = TemporalDecoder(
                self.units, self.n_features, self.patch_steps, seed=seeds[1], name="decoder"
            )
            self.decoder.build((None, self.latent_dim))
        self.encoder.build((None, None, self.n_features))
        self.seed_generator = keras.random.SeedGenerator(seeds[2])

    def encode(self, x):
        """Code of each window: (batch, n_steps, n_features) -> (batch, latent_dim)."""
        values, mask = without_padding(x)
        return self._encode(values, mask)

    def decode(self, code, mask):
        """Windows from codes.

        Parameters
        ----------
        code : tensor of shape (batch, latent_dim)
        mask : tensor of shape (batch, n_steps, 1)
            1 at the steps of each window, which come first, and 0 after them.

        Returns
        -------
        tensor of shape (batch, n_steps, n_features)
            What stands after the last step of a window means nothing.
        """
        if self.body == "lstm":
            repeated = ops.repeat(code[:, None, :], ops.shape(mask)[1], axis=1)
            return self.decoder(repeated)  # looks back only, so that padding cannot touch it
        return self.decoder(code, mask)

    def call(self, x, training=False):
        """Reconstruct each window; the steps of padding in it mean nothing.

        (batch, n_steps, n_features) -> (batch, n_steps, n_features)
        """
        values, mask = without_padding(x)
        if training and self.input_noise:
            noise = keras.random.normal(ops.shape(values), seed=self.seed_generator)
            values = values + self.input_noise * noise * mask
        return self.decode(self._encode(values, mask), mask)

    def _encode(self, values, mask):
        if self.body == "lstm":
            return self.encoder(values, mask=mask[:, :, 0] > 0)
        return self.encoder(values, mask)

    def reconstruction_error(self, x):
        """Mean squared error of each window over its real steps: (batch, 1)."""
        return masked_squared_error(x, self(x))[:, None]

    def latent_features(self, x):
        """Code and reconstruction error side by side.

        (batch, n_steps, n_features) -> (batch, latent_dim + 1), the error last.
        """
        values, mask = without_padding(x)
        code = self._encode(values, mask)
        error = masked_squared_error(x, self.decode(code, mask))[:, None]
        return ops.concatenate([code, error], axis=-1)

    def evaluate_losses(self, x):
        """Losses of windows outside training, per window: {"loss": (batch,)}."""
        return {"loss": masked_squared_error(x, self(x))}

    def check_rows(self, x):
        """Refuse windows that cannot be trained on.

        Raises
        ------
        ValueError
            If a window has no steps, padding elsewhere than at its end, a step of which only a
            part is NaN, or an infinite value.
        """
        check_windows(x, self.n_features)

    def learn(self, x):
        """Take one optimizer step on a batch of windows and record its losses in `metrics`."""
        with tf.GradientTape() as tape:
            losses = masked_squared_error(x, self(x, training=True))
            loss = ops.mean(losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.loss_tracker.update_state(losses)

    def train_step(self, data):
        """Take one step of ``fit``: windows in, or a tuple that starts with them."""
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
            "latent_dim": self.latent_dim,
            "body": self.body,
            "units": self.units,
            "patch_steps": self.patch_steps,
            "input_noise": self.input_noise,
            "seed": self.seed,
            "name": self.name,
        }


def without_padding(x):
    """Values with 0 for padding, and the mask of real steps.

    (batch, n_steps, n_features) -> the same shape, and (batch, n_steps, 1) of 1 and 0
    """
    x = ops.convert_to_tensor(x, dtype="float32")
    is_real = ops.logical_not(ops.isnan(x[:, :, :1]))
    return ops.where(is_real, x, 0.0), ops.cast(is_real, "float32")


def masked_squared_error(x, reconstruction):
    """Squared error averaged over features and real steps, per window.

    Parameters
    ----------
    x : tensor of shape (batch, n_steps, n_features)
        Scaled windows; NaN marks padding.
    reconstruction : tensor of the same shape
        Anything finite at padding.

    Returns
    -------
    tensor of shape (batch,), values >= 0
    """
    values, mask = without_padding(x)
    squares = ops.square(values - reconstruction) * mask
    n_values = ops.sum(mask, axis=(1, 2)) * values.shape[-1]
    return ops.sum(squares, axis=(1, 2)) / n_values


def check_windows(x, n_features):
    """Refuse windows that are no windows; see `SequenceAutoencoder.check_rows`."""
    x = np.asarray(x)
    if x.ndim != 3 or x.shape[-1] != n_features:
        raise ValueError(
            f"windows must have shape (n_windows, n_steps, {n_features}), got {x.shape}"
        )
    is_nan = np.isnan(x)
    is_padding = is_nan.all(axis=2)
    faults = {
        "an infinite value": np.isinf(x).any(axis=(1, 2)),
        "a step with some values missing": (is_nan.any(axis=2) & ~is_padding).any(axis=1),
        "no step at all": is_padding.all(axis=1),
        "a missing step before its last": (is_padding[:, :-1] & ~is_padding[:, 1:]).any(axis=1),
    }
    for fault, is_faulty in faults.items():
        if is_faulty.any():
            raise ValueError(
                f"{int(is_faulty.sum())} of {len(x)} windows have {fault}, the first at position "
                f"{int(np.argmax(is_faulty))}; only whole steps at the end may be NaN, as padding"
            )


def _lstm(units, seed, name, *, return_sequences=False):
    seeds = np.random.SeedSequence(seed).generate_state(2)
    return keras.layers.LSTM(
        units,
        return_sequences=return_sequences,
        kernel_initializer=keras.initializers.GlorotUniform(seed=int(seeds[0])),
        recurrent_initializer=keras.initializers.Orthogonal(seed=int(seeds[1])),
        name=name,
    )
