"""Draws new rows like those that a table holds, such as days of hourly prices."""

from __future__ import annotations

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from features.gan_oversampling import train_gan
from features.latent import VAEFeatures
from features.scaling import METHODS, TransactionScaler
from models.encoders.training import apply_in_batches
from models.parameter_constraints import (
    COUNT,
    NOT_NEGATIVE,
    OPTIMIZER,
    POSITIVE,
    check_units,
)

_SCALING = [StrOptions(set(METHODS))]


class _RowGenerator(BaseEstimator):
    """What both generators share: scaling, and drawing in units of the columns."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):  # noqa: ARG002 - sklearn's signature
        """Learn how rows are distributed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, in units of the columns.
        y : None
            Ignored; here for pipelines.

        Returns
        -------
        self

        Raises
        ------
        models.encoders.training.TrainingDivergedError
            If a loss is no longer finite.
        """
        X = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        self.scaler_ = TransactionScaler(method=self.scaling).fit(X)
        self._fit_scaled(self.scaler_.transform(X).astype(np.float32))
        return self

    def sample(self, n_samples=1, random_state=None):
        """Draw rows.

        Parameters
        ----------
        n_samples : int, default=1
            Rows to draw, at least 1.
        random_state : int, RandomState or None, default=None
            Equal integers draw equal rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In units of the columns.

        Raises
        ------
        ValueError
            If `n_samples` is below 1.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples must be at least 1, got {n_samples}")
        drawn = self._sample_scaled(n_samples, check_random_state(random_state))
        return self.scaler_.inverse_transform(drawn.astype(np.float64))


class VAEGenerator(_RowGenerator):
    """Generator of rows by a variational autoencoder (`models.encoders.vae.TabularVAE`).

    A row is the decoder's mean for a code from N(0, I), plus, with ``noise=True``, what the VAE
    left over of a training row drawn at random: means alone are smoother than any real row.
    Codes match N(0, I) best where `beta` is about twice the variance of what is left over.

    **Fitted on:** the rows given to `fit`, which must be training rows.

    Parameters
    ----------
    hidden_units, latent_dim, hidden_activation, beta, beta_warmup_epochs
        As in `models.encoders.vae.TabularVAE`.
    noise : bool, default=True
        Add what is left over.
    scaling : {"standard", "arcsinh", "robust", "min_max"}, default="standard"
        Of each column, see `features.scaling.TransactionScaler`.
    epochs, batch_size, learning_rate, optimizer
        As in `models.encoders.training.TrainingSettings`.
    random_state : int, RandomState or None, default=None
        Seed of the training.

    Attributes
    ----------
    model_ : TabularVAE
    scaler_ : TransactionScaler
    residuals_ : float32 ndarray of shape (n_samples, n_features)
        Scaled training rows less their reconstruction from a code drawn for each.
    history_ : list of dict
        Losses per epoch.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(5.0, 2.0, (200, 3))
    >>> generator = VAEGenerator(latent_dim=2, epochs=2, random_state=0).fit(X)
    >>> generator.sample(4, random_state=0).shape
    (4, 3)
    """

    _parameter_constraints: ClassVar[dict] = {
        "latent_dim": COUNT,
        "beta": NOT_NEGATIVE,
        "beta_warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "noise": ["boolean"],
        "scaling": _SCALING,
        "epochs": COUNT,
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
        "optimizer": OPTIMIZER,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_units=(64,),
        latent_dim=6,
        hidden_activation="relu",
        beta=0.2,
        beta_warmup_epochs=0,
        noise=True,
        scaling="standard",
        epochs=100,
        batch_size=64,
        learning_rate=1e-3,
        optimizer="adam",
        random_state=None,
    ):
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.hidden_activation = hidden_activation
        self.beta = beta
        self.beta_warmup_epochs = beta_warmup_epochs
        self.noise = noise
        self.scaling = scaling
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.random_state = random_state

    def _fit_scaled(self, rows):
        random = check_random_state(self.random_state)
        features = VAEFeatures(
            hidden_units=self.hidden_units, latent_dim=self.latent_dim,
            hidden_activation=self.hidden_activation, beta=self.beta,
            beta_warmup_epochs=self.beta_warmup_epochs, epochs=self.epochs,
            batch_size=self.batch_size, learning_rate=self.learning_rate,
            optimizer=self.optimizer, random_state=random,
        ).fit(rows)  # fmt: skip
        self.model_, self.history_ = features.model_, features.history_
        seed = _seed(random)
        made = apply_in_batches(lambda x: self.model_.sample_posterior(x, seed), rows)
        self.residuals_ = rows - made

    def _sample_scaled(self, n, random):
        rows = np.asarray(self.model_.sample(n, seed=_seed(random)))
        if self.noise:
            rows = rows + self.residuals_[random.randint(len(self.residuals_), size=n)]
        return rows


class GANGenerator(_RowGenerator):
    """Generator of rows by a generative adversarial network (`models.sgan.model.SGAN`, one class).

    **Fitted on:** the rows given to `fit`, which must be training rows.

    Parameters
    ----------
    noise_dim, generator_units, discriminator_units, feature_matching_weight, epochs, \
steps_per_epoch, batch_size, learning_rate
        As in `features.gan_oversampling.GANOverSampler`.
    scaling : {"standard", "arcsinh", "robust", "min_max"}, default="standard"
        Of each column, see `features.scaling.TransactionScaler`.
    random_state : int, RandomState or None, default=None
        Seed of the training.

    Attributes
    ----------
    model_ : SGAN
    scaler_ : TransactionScaler
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(5.0, 2.0, (200, 3))
    >>> generator = GANGenerator(epochs=1, steps_per_epoch=10, random_state=0).fit(X)
    >>> generator.sample(4, random_state=0).shape
    (4, 3)
    """

    _parameter_constraints: ClassVar[dict] = {
        "noise_dim": COUNT,
        "feature_matching_weight": NOT_NEGATIVE,
        "scaling": _SCALING,
        "epochs": COUNT,
        "steps_per_epoch": COUNT,
        "batch_size": COUNT,
        "learning_rate": POSITIVE,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        noise_dim=16,
        generator_units=(128, 128),
        discriminator_units=(128, 128),
        feature_matching_weight=1.0,
        scaling="standard",
        epochs=40,
        steps_per_epoch=100,
        batch_size=64,
        learning_rate=1e-3,
        random_state=None,
    ):
        self.noise_dim = noise_dim
        self.generator_units = generator_units
        self.discriminator_units = discriminator_units
        self.feature_matching_weight = feature_matching_weight
        self.scaling = scaling
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def _fit_scaled(self, rows):
        check_units(self, "generator_units", "discriminator_units")
        self.model_ = train_gan(
            rows, np.ones(len(rows), dtype=bool), noise_dim=self.noise_dim,
            generator_units=self.generator_units, discriminator_units=self.discriminator_units,
            feature_matching_weight=self.feature_matching_weight, epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch, batch_size=self.batch_size,
            learning_rate=self.learning_rate, rng=check_random_state(self.random_state),
        )  # fmt: skip

    def _sample_scaled(self, n, random):
        return self.model_.sample(n, seed=_seed(random))[0]


def _seed(random):
    return int(random.randint(np.iinfo(np.int32).max))
