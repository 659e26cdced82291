"""Training losses, one value per row, so that callers choose the mean and the weights."""

from __future__ import annotations

import numpy as np
from keras import ops

RECONSTRUCTION_LOSSES = ("squared_error", "binary_cross_entropy")


def squared_error(x, reconstruction):
    """Squared error summed over the features, per row.

    Twice the negative log-likelihood of a unit-variance Gaussian, up to a constant.

    Parameters
    ----------
    x, reconstruction : tensor of shape (batch, n_features)
        Scaled transactions and their reconstruction, any real values.

    Returns
    -------
    tensor of shape (batch,), values >= 0
    """
    return ops.sum(ops.square(x - reconstruction), axis=-1)


def mean_squared_error(x, reconstruction):
    """Squared error averaged over the features, per row.

    Parameters
    ----------
    x, reconstruction : tensor of shape (batch, n_features)
        Scaled transactions and their reconstruction, any real values.

    Returns
    -------
    tensor of shape (batch,), values >= 0
    """
    return ops.mean(ops.square(x - reconstruction), axis=-1)


def binary_cross_entropy(x, logits):
    """Binary cross-entropy summed over the features, per row, in nats.

    ``-sum(x * log(p) + (1 - x) * log(1 - p))`` with ``p = sigmoid(logits)``, computed from the
    logits so that a saturated sigmoid costs no precision.

    Parameters
    ----------
    x : tensor of shape (batch, n_features), values in [0, 1]
        Min-max scaled transactions.
    logits : tensor of shape (batch, n_features)
        What the sigmoid of the output layer receives, any real values.

    Returns
    -------
    tensor of shape (batch,), values >= 0 for `x` in [0, 1]
    """
    per_feature = ops.relu(logits) - logits * x + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.sum(per_feature, axis=-1)


def kl_to_standard_normal(z_mean, z_log_var):
    """KL(N(z_mean, exp(z_log_var)) || N(0, I)) in nats, per row.

    ``-1/2 * sum(1 + z_log_var - z_mean**2 - exp(z_log_var))`` (Kingma and Welling 2014,
    appendix B). `z_log_var` is the logarithm of the variance, not of the deviation.

    Parameters
    ----------
    z_mean, z_log_var : tensor of shape (batch, latent_dim)
        Mean and log variance of the code's normal distribution.

    Returns
    -------
    tensor of shape (batch,), values >= 0
    """
    return 0.5 * ops.sum(ops.exp(z_log_var) + ops.square(z_mean) - 1.0 - z_log_var, axis=-1)


def mean_binary_cross_entropy(x, probability):
    """Binary cross-entropy averaged over the features, per row, in nats.

    Parameters
    ----------
    x : tensor of shape (batch, n_features), values in [0, 1]
        Min-max scaled rows.
    probability : tensor of shape (batch, n_features), values in [0, 1]
        What a sigmoid made; cut off 1e-7 from 0 and 1.

    Returns
    -------
    tensor of shape (batch,), values >= 0
    """
    return ops.mean(ops.binary_crossentropy(x, probability), axis=-1)


def check_reconstruction_loss(reconstruction_loss, output_activation):
    """Refuse an unknown loss, and an output that the loss is not made for.

    Raises
    ------
    ValueError
        As said.
    """
    if reconstruction_loss not in RECONSTRUCTION_LOSSES:
        raise ValueError(
            f"reconstruction_loss must be one of {RECONSTRUCTION_LOSSES}, "
            f"got {reconstruction_loss!r}"
        )
    if reconstruction_loss == "binary_cross_entropy" and output_activation != "sigmoid":
        raise ValueError(
            "reconstruction_loss='binary_cross_entropy' needs output_activation='sigmoid', "
            f"got {output_activation!r}"
        )


def check_reconstructed_rows(reconstruction_loss, x):
    """Refuse training rows that the reconstruction loss is not made for.

    Raises
    ------
    ValueError
        If the loss is binary cross-entropy and a value lies outside [0, 1].
    """
    low, high = np.min(x), np.max(x)
    rounding = 1e-6  # min-max scaling in float32 ends a few units beyond 1
    if reconstruction_loss == "binary_cross_entropy" and (low < -rounding or high > 1 + rounding):
        raise ValueError(
            "reconstruction_loss='binary_cross_entropy' expects rows in [0, 1], got values "
            f"from {low:.4g} to {high:.4g}; scale with min_max, or use 'squared_error'"
        )
