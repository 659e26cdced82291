"""A decoder as plain arrays, for what decodes without Keras."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np


class DecoderLayer(NamedTuple):
    """One dense layer: ``activation(x @ kernel + bias)``.

    Attributes
    ----------
    kernel : float32 ndarray of shape (n_inputs, n_outputs)
    bias : float32 ndarray of shape (n_outputs,)
    activation : str
        Keras's name.
    """

    kernel: np.ndarray
    bias: np.ndarray
    activation: str


def decoder_layers(model):
    """Layers that turn a code into a scaled row, in their order.

    Parameters
    ----------
    model : TabularAutoencoder or TabularVAE

    Returns
    -------
    list of DecoderLayer
    """
    layers = [
        DecoderLayer(*map(np.asarray, layer.get_weights()), _name(layer.activation))
        for layer in model.decoder.layers
    ]
    # The VAE's losses need its last layer before the activation, which is therefore kept apart.
    apart = getattr(model, "output_function", None)
    if apart is not None:
        layers[-1] = layers[-1]._replace(activation=_name(apart))
    return layers


def _name(activation):
    return str(keras.activations.serialize(activation))
