"""Ways through a latent space: between two transactions, and around one."""

import numpy as np

from models.encoders.training import apply_in_batches
from models.encoders.vae import TabularVAE


def latent_codes(model, rows):
    """Code of each row, without what an encoder's features hold beside it.

    Parameters
    ----------
    model : TabularAutoencoder or TabularVAE
    rows : array-like of shape (n_rows, n_features)
        Scaled.

    Returns
    -------
    float32 ndarray of shape (n_rows, latent_dim)
        Of a VAE the means.
    """
    return apply_in_batches(model.encode_rows, rows)[:, : model.latent_dim]


def latent_path(model, row_a, row_b, n_steps):
    """Rows decoded on the straight line between the codes of two rows.

    Parameters
    ----------
    model : TabularAutoencoder or TabularVAE
    row_a, row_b : array-like of shape (n_features,)
        Scaled.
    n_steps : int, >= 2
        Points on the line, both ends among them.

    Returns
    -------
    share : ndarray of shape (n_steps,)
        How far along the line, from 0 to 1.
    rows : float32 ndarray of shape (n_steps, n_features)
        Scaled; the first and the last are the reconstructions of `row_a` and `row_b`.
    """
    share = np.linspace(0.0, 1.0, n_steps)
    a, b = (np.repeat(np.asarray(row, np.float32)[None], n_steps, axis=0) for row in (row_a, row_b))
    return share, np.asarray(model.interpolate(a, b, share=share[:, None].astype(np.float32)))


def posterior_draws(vae, rows, n_draws, *, seed):
    """Several rows from the code distribution of each row, as `VAEOverSampler` makes frauds.

    Parameters
    ----------
    vae : TabularVAE
    rows : array-like of shape (n_rows, n_features)
        Scaled.
    n_draws : int, >= 1
        Of each row.
    seed : int
        Equal seeds draw equal rows.

    Returns
    -------
    float32 ndarray of shape (n_rows, n_draws, n_features)

    Raises
    ------
    TypeError
        If the model is no VAE: an autoencoder has one code for a row.
    """
    if not isinstance(vae, TabularVAE):
        raise TypeError(f"posterior_draws needs a TabularVAE, got {type(vae).__name__}")
    rows = np.asarray(rows, dtype=np.float32)
    drawn = np.asarray(vae.sample_posterior(np.repeat(rows, n_draws, axis=0), seed=seed))
    return drawn.reshape(len(rows), n_draws, rows.shape[1])
