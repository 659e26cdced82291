"""The autoencoder and the VAE of params.yaml as one would write them in plain Keras."""

import keras
from keras import ops


class Sampling(keras.layers.Layer):
    """Draws a code and adds the KL term to the loss."""

    def __init__(self, beta, seed=0):
        super().__init__()
        self.beta = beta
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        """Map (mean, log variance), each (batch, latent_dim), to a code (batch, latent_dim)."""
        mean, log_var = inputs
        kl = 0.5 * ops.sum(ops.exp(log_var) + ops.square(mean) - 1.0 - log_var, axis=-1)
        self.add_loss(self.beta * ops.mean(kl))
        noise = keras.random.normal(ops.shape(mean), seed=self.noise)
        return mean + ops.exp(0.5 * log_var) * noise


def build(name, section, rows):
    """Return a compiled model and its targets.

    Parameters
    ----------
    name : {"autoencoder", "vae"}
        Which.
    section : AutoencoderParams or VAEParams
        Its section of params.yaml: widths, activations, optimizer.
    rows : ndarray of shape (n_rows, n_features)
        Training rows; the targets are the same.
    """
    model = {"autoencoder": _autoencoder, "vae": _vae}[name](section, rows.shape[1])
    optimizer = keras.optimizers.get(section.optimizer)
    optimizer.learning_rate = section.learning_rate
    model.compile(optimizer=optimizer, loss="mean_squared_error")
    return model, rows


def _autoencoder(section, n_features):
    layers = [keras.Input((n_features,))]
    layers += [keras.layers.Dense(n, section.code_activation) for n in section.hidden_units]
    layers.append(keras.layers.Dense(section.latent_dim, section.code_activation))
    layers += [
        keras.layers.Dense(n, section.code_activation) for n in reversed(section.hidden_units)
    ]
    layers.append(keras.layers.Dense(n_features, section.output_activation))
    return keras.Sequential(layers)


def _vae(section, n_features):
    rows = hidden = keras.Input((n_features,))
    for n_units in section.hidden_units:
        hidden = keras.layers.Dense(n_units, section.hidden_activation)(hidden)
    mean = keras.layers.Dense(section.latent_dim)(hidden)
    log_var = keras.layers.Dense(section.latent_dim)(hidden)
    hidden = Sampling(section.beta)([mean, log_var])
    for n_units in reversed(section.hidden_units):
        hidden = keras.layers.Dense(n_units, section.hidden_activation)(hidden)
    return keras.Model(rows, keras.layers.Dense(n_features, section.output_activation)(hidden))
