"""Encoders and decoders: dense ones for rows, convolutional ones for rows that are images."""

from __future__ import annotations

import math

import keras

HALVING = 2


class DenseBody:
    """Dense hidden layers ``n_features - units`` and, mirrored, ``units reversed - n_features``.

    Parameters
    ----------
    n_features : int
        Columns of a row.
    units : sequence of int
        Widths of the hidden layers of the encoder, from the input inwards; may be empty.
    activation : str
        Activation of the hidden layers.
    """

    def __init__(self, n_features, units, activation):
        self.n_features = n_features
        self.units = tuple(units)
        self.activation = activation

    @property
    def n_hidden(self):
        """Width of what `hidden_layers` returns."""
        return self.units[-1] if self.units else self.n_features

    def hidden_layers(self, seeds):
        """Return the encoder without an output of its own; None where there are no layers."""
        if not self.units:
            return None
        return dense_stack(
            self.n_features, self.units, self.activation, self.activation, seeds, "encoder"
        )

    def encoder(self, n_outputs, last_activation, seeds):
        """Return a model that maps (batch, n_features) to (batch, n_outputs)."""
        return dense_stack(
            self.n_features, (*self.units, n_outputs), self.activation, last_activation, seeds,
            "encoder",
        )  # fmt: skip

    def decoder(self, n_inputs, last_activation, seeds):
        """Return a model that maps (batch, n_inputs) to (batch, n_features)."""
        return dense_stack(
            n_inputs, (*reversed(self.units), self.n_features), self.activation, last_activation,
            seeds, "decoder",
        )  # fmt: skip


class ConvolutionalBody:
    """Convolutions that halve an image, and mirrored ones that double it again.

    Rows stay flat outside: they are reshaped on the way in and flattened on the way out.

    Parameters
    ----------
    image_shape : tuple (height, width, channels)
        Of a row; their product is its width.
    filters : sequence of int
        Of each layer of the encoder, at least one; see `image_sizes` for which of them halve.
    activation : str
        Activation of the hidden layers.
    kernel_size : int
        Pixels along each side of a kernel.
    """

    def __init__(self, image_shape, filters, activation, kernel_size):
        self.image_shape = tuple(image_shape)
        self.filters = tuple(filters)
        self.activation = activation
        self.kernel_size = kernel_size
        self.sizes = image_sizes(self.image_shape, len(self.filters))

    @property
    def n_hidden(self):
        """Width of what `hidden_layers` returns."""
        return math.prod(self.sizes[-1]) * self.filters[-1]

    def hidden_layers(self, seeds):
        """Return the encoder without an output of its own."""
        return keras.Sequential(self._convolutions(seeds), name="encoder")

    def encoder(self, n_outputs, last_activation, seeds):
        """Return a model that maps (batch, n_features) to (batch, n_outputs)."""
        return keras.Sequential(
            [
                *self._convolutions(seeds),
                _dense(n_outputs, last_activation, seeds, f"encoder_{len(self.filters)}"),
            ],
            name="encoder",
        )

    def decoder(self, n_inputs, last_activation, seeds):
        """Return a model that maps (batch, n_inputs) to (batch, n_features)."""
        layers = [
            keras.Input((n_inputs,), name="decoder_input"),
            _dense(self.n_hidden, self.activation, seeds, "decoder_0"),
            keras.layers.Reshape((*self.sizes[-1], self.filters[-1]), name="decoder_image"),
        ]
        widths = (self.image_shape[-1], *self.filters)
        for i in reversed(range(len(self.filters))):
            layers.append(
                keras.layers.Conv2DTranspose(
                    widths[i],
                    self.kernel_size,
                    strides=self._stride(i),
                    padding="same",
                    activation=self.activation if i else last_activation,
                    kernel_initializer=keras.initializers.GlorotUniform(seed=int(next(seeds))),
                    name=f"decoder_{len(self.filters) - i}",
                )
            )
        return keras.Sequential([*layers, keras.layers.Flatten(name="decoder_row")], name="decoder")

    def _convolutions(self, seeds):
        return [
            keras.Input((math.prod(self.image_shape),), name="encoder_input"),
            keras.layers.Reshape(self.image_shape, name="encoder_image"),
            *(
                keras.layers.Conv2D(
                    width,
                    self.kernel_size,
                    strides=self._stride(i),
                    padding="same",
                    activation=self.activation,
                    kernel_initializer=keras.initializers.GlorotUniform(seed=int(next(seeds))),
                    name=f"encoder_{i}",
                )
                for i, width in enumerate(self.filters)
            ),
            keras.layers.Flatten(name="encoder_row"),
        ]

    def _stride(self, layer):
        return self.sizes[layer][0] // self.sizes[layer + 1][0]


def make_body(n_features, units, activation, *, image_shape=None, kernel_size=3):
    """Body of an autoencoder or VAE: convolutional where rows are images, dense otherwise.

    Parameters
    ----------
    n_features : int
        Columns of a row.
    units : sequence of int
        Widths of dense hidden layers, or filters of convolutional ones.
    activation : str
        Activation of the hidden layers.
    image_shape : tuple (height, width, channels), optional
        What each row is an image of.
    kernel_size : int, default=3
        Of convolutions.

    Returns
    -------
    DenseBody or ConvolutionalBody

    Raises
    ------
    ValueError
        If the image does not fill a row, or has no layers.
    """
    if image_shape is None:
        return DenseBody(n_features, units, activation)
    check_image(image_shape, n_features, units)
    return ConvolutionalBody(image_shape, units, activation, kernel_size)


def check_image(image_shape, n_features, units):
    """Refuse an image shape that does not fill a row, and a body without layers.

    Raises
    ------
    ValueError
        As said.
    """
    if len(image_shape) != 3 or math.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape must be (height, width, channels) with product {n_features}, the "
            f"columns of a row, got {tuple(image_shape)}"
        )
    if not len(units):
        raise ValueError(
            "a convolutional body needs the filters of at least one hidden layer, got none; "
            "leave image_shape out for a dense one"
        )


def image_sizes(image_shape, n_layers):
    """Height and width of an image after each layer.

    A layer halves both as long as both are even; later layers keep them, so that the mirrored
    layers come back to the same shape.

    Parameters
    ----------
    image_shape : tuple (height, width, channels)
    n_layers : int

    Returns
    -------
    list of (height, width), of length n_layers + 1

    Examples
    --------
    >>> image_sizes((28, 28, 1), 3)
    [(28, 28), (14, 14), (7, 7), (7, 7)]
    """
    sizes = [tuple(image_shape[:2])]
    for _ in range(n_layers):
        height, width = sizes[-1]
        is_even = height % HALVING == 0 and width % HALVING == 0
        sizes.append((height // HALVING, width // HALVING) if is_even else (height, width))
    return sizes


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
        _dense(width, last_activation if i == last else hidden_activation, seeds, f"{name}_{i}")
        for i, width in enumerate(units)
    ]
    return keras.Sequential([keras.Input((n_inputs,), name=f"{name}_input"), *layers], name=name)


def _dense(width, activation, seeds, name):
    return keras.layers.Dense(
        width,
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=int(next(seeds))),
        name=name,
    )
