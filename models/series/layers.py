"""Layers over padded windows whose output at real steps does not depend on the padding.

Windows have shape (batch, n_steps, n_features); a mask of shape (batch, n_steps, 1) is 1 at real
steps and 0 at padding, which stands at the end. Inside, a few neighbouring steps make one patch,
which shortens the series that the layers work on (Nie et al. 2023, section 3.1).
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

N_FREQUENCIES = 5  # periods of 4, 8, ..., 64 patches
MASKED_OUT = -1e9  # below every score


def into_patches(steps, patch_steps):
    """Neighbouring steps side by side: (batch, n_steps, n) -> (batch, n_patches, patch_steps * n).

    The last patch is filled with zeros.
    """
    n_steps, width = ops.shape(steps)[1], steps.shape[-1]
    n_patches = (n_steps + patch_steps - 1) // patch_steps
    filled = ops.pad(steps, ((0, 0), (0, n_patches * patch_steps - n_steps), (0, 0)))
    return ops.reshape(filled, (-1, n_patches, patch_steps * width))


def from_patches(patches, n_steps, patch_steps):
    """Undo `into_patches`: (batch, n_patches, patch_steps * n) -> (batch, n_steps, n)."""
    width = patches.shape[-1] // patch_steps
    n_patches = ops.shape(patches)[1]
    return ops.reshape(patches, (-1, n_patches * patch_steps, width))[:, :n_steps]


def patch_mask(mask, patch_steps):
    """1 where a patch has a real step: (batch, n_steps, 1) -> (batch, n_patches, 1)."""
    return into_patches(mask, patch_steps)[:, :, :1]  # padding comes last


def masked_softmax(scores, mask):
    """Weights over the patches that are 0 at padding and sum to 1: (batch, n_patches, n)."""
    largest = ops.max(scores + (1.0 - mask) * MASKED_OUT, axis=1, keepdims=True)
    weights = ops.exp((scores - largest) * mask) * mask
    return weights / ops.sum(weights, axis=1, keepdims=True)


def positions(mask):
    """Sines and cosines of the distance of each patch to its window's first and last real one.

    (batch, n_patches, 1) -> (batch, n_patches, 4 * N_FREQUENCIES), 0 at padding
    """
    from_start = ops.cumsum(mask, axis=1) - 1.0
    from_end = ops.sum(mask, axis=1, keepdims=True) - 1.0 - from_start
    frequencies = ops.convert_to_tensor(
        2.0 * np.pi / 2.0 ** np.arange(2, 2 + N_FREQUENCIES), dtype="float32"
    )
    angles = ops.concatenate([from_start * frequencies, from_end * frequencies], axis=-1)
    return mask * ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


@keras.saving.register_keras_serializable(package="counterfoil")
class GatedConvolution(keras.layers.Layer):
    """Residual convolution of width 3 over patches, with a gate (Dauphin et al. 2017, section 2).

    Written as one matrix product of three shifted copies, since there are few channels.

    Parameters
    ----------
    units : int
        Channels in and out.
    seed : int
        Of the initial weights.
    """

    def __init__(self, units, *, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.seed = seed
        self.normalization = keras.layers.LayerNormalization(name="normalization")
        self.product = dense(2 * units, seed, "product")

    def build(self, input_shape):
        """Create the weights for inputs of shape (batch, n_patches, units)."""
        self.normalization.build(input_shape)
        self.product.build((*input_shape[:-1], 3 * self.units))
        self.built = True

    def call(self, inputs, mask):
        """Map (batch, n_patches, units) to the same shape."""
        # Zeros at padding are what a shorter window would see beyond its end.
        patches = self.normalization(inputs) * mask
        n_patches = ops.shape(patches)[1]
        padded = ops.pad(patches, ((0, 0), (1, 1), (0, 0)))
        taps = [padded[:, i : i + n_patches] for i in range(3)]
        value, gate = ops.split(self.product(ops.concatenate(taps, axis=-1)), 2, axis=-1)
        return inputs + value * ops.sigmoid(gate) * mask

    def get_config(self):
        """Return the constructor arguments."""
        return {**super().get_config(), "units": self.units, "seed": self.seed}


@keras.saving.register_keras_serializable(package="counterfoil")
class TemporalEncoder(keras.layers.Layer):
    """Code of a window: a gated convolution over its patches, then attention over them.

    Parameters
    ----------
    units : int
        Channels.
    latent_dim : int
        Width of the code.
    patch_steps : int
        Steps in a patch.
    n_heads : int
        Weighted means over the patches that the code is made of.
    seed : int
        Of the initial weights.
    """

    def __init__(self, units, latent_dim, patch_steps, n_heads, *, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "units": units, "latent_dim": latent_dim, "patch_steps": patch_steps,
            "n_heads": n_heads, "seed": seed,
        }  # fmt: skip
        seeds = _seeds(seed)
        self.enter = dense(units, next(seeds), "enter")
        self.convolution = GatedConvolution(units, seed=next(seeds), name="convolution")
        self.attention = dense(n_heads, next(seeds), "attention")
        self.code = dense(latent_dim, next(seeds), "code")

    def build(self, input_shape):
        """Create the weights for inputs of shape (batch, n_steps, n_features)."""
        units, patch_steps = self.settings["units"], self.settings["patch_steps"]
        n_inputs = patch_steps * (input_shape[-1] + 1) + 4 * N_FREQUENCIES
        self.enter.build((None, None, n_inputs))
        for layer in (self.convolution, self.attention):
            layer.build((None, None, units))
        self.code.build((None, units * self.settings["n_heads"]))
        self.built = True

    def call(self, inputs, mask):
        """Map (batch, n_steps, n_features) to (batch, latent_dim)."""
        patch_steps = self.settings["patch_steps"]
        values = into_patches(ops.concatenate([inputs, mask], axis=-1), patch_steps)
        is_real = patch_mask(mask, patch_steps)
        patches = self.enter(ops.concatenate([values, positions(is_real)], axis=-1)) * is_real
        patches = self.convolution(patches, is_real)
        weights = masked_softmax(self.attention(patches), is_real)
        pooled = ops.matmul(ops.transpose(weights, (0, 2, 1)), patches)
        width = self.settings["units"] * self.settings["n_heads"]
        return self.code(ops.reshape(pooled, (-1, width)))

    def get_config(self):
        """Return the constructor arguments."""
        return {**super().get_config(), **self.settings}


@keras.saving.register_keras_serializable(package="counterfoil")
class TemporalDecoder(keras.layers.Layer):
    """Windows from codes, all steps at once: the code gates what each position brings.

    Parameters
    ----------
    units : int
        Channels.
    n_features : int
        Values of a step.
    patch_steps : int
        Steps in a patch.
    seed : int
        Of the initial weights.
    """

    def __init__(self, units, n_features, patch_steps, *, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "units": units, "n_features": n_features, "patch_steps": patch_steps, "seed": seed,
        }  # fmt: skip
        seeds = _seeds(seed)
        self.from_code = dense(2 * units, next(seeds), "from_code")
        self.from_position = dense(units, next(seeds), "from_position")
        self.convolution = GatedConvolution(units, seed=next(seeds), name="convolution")
        self.leave = dense(patch_steps * n_features, next(seeds), "leave")

    def build(self, input_shape):
        """Create the weights for codes of shape (batch, latent_dim)."""
        self.from_code.build(input_shape)
        self.from_position.build((None, None, 4 * N_FREQUENCIES))
        for layer in (self.convolution, self.leave):
            layer.build((None, None, self.settings["units"]))
        self.built = True

    def call(self, code, mask):
        """Map (batch, latent_dim) to (batch, n_steps, n_features)."""
        patch_steps = self.settings["patch_steps"]
        is_real = patch_mask(mask, patch_steps)
        gain, offset = ops.split(self.from_code(code)[:, None, :], 2, axis=-1)
        patches = (gain * self.from_position(positions(is_real)) + offset) * is_real
        patches = self.convolution(patches, is_real)
        return from_patches(self.leave(patches), ops.shape(mask)[1], patch_steps)

    def get_config(self):
        """Return the constructor arguments."""
        return {**super().get_config(), **self.settings}


def dense(units, seed, name):
    """Linear layer with seeded Glorot-uniform weights."""
    initializer = keras.initializers.GlorotUniform(seed=int(seed))
    return keras.layers.Dense(units, kernel_initializer=initializer, name=name)


def _seeds(seed):
    return (int(s) for s in np.random.SeedSequence(seed).generate_state(32))
