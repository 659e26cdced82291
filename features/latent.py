"""Turns scaled transactions into the codes of an autoencoder or a VAE."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingSettings, apply_in_batches, train
from models.encoders.vae import TabularVAE
from models.estimator_folder import SavedInFolder
from models.parameter_constraints import ENCODER_CONSTRAINTS

TRAINING_PARAMS = ("epochs", "batch_size", "learning_rate", "optimizer")


class _LatentFeatures(SavedInFolder, TransformerMixin, BaseEstimator):
    """What both transformers share: fit, transform, save, load.

    A subclass names its Keras class in `_model_class` and that class's constructor arguments in
    `_model_params`.
    """

    _unsaved_params = ("model",)

    _parameter_constraints: ClassVar[dict] = ENCODER_CONSTRAINTS

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_validation=None, on_epoch=None):  # noqa: ARG002 - sklearn's signature
        """Train the model, or adopt the trained one given as `model`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Scaled transactions.
        y : None
            Ignored; here for pipelines.
        X_validation : array-like of shape (n_validation_samples, n_features), optional
            Rows that are scored after every epoch and never trained on.
        on_epoch : callable, optional
            Called as ``on_epoch(epoch, metrics)`` after every epoch, from 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `model` was made for another number of columns.
        models.encoders.training.TrainingDivergedError
            If the loss is no longer finite.
        """
        X = validate_data(self, X, dtype=np.float32)
        self.history_ = []
        if self.model is not None:
            _check_width(self.model, X)
            self.model_ = self.model
            return self
        if X_validation is not None:
            X_validation = validate_data(self, X_validation, dtype=np.float32, reset=False)
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=2)
        self.model_ = self._model_class(
            X.shape[1],
            **{name: getattr(self, name) for name in self._model_params},
            seed=int(seeds[0]),
        )
        settings = TrainingSettings(
            **{name: getattr(self, name) for name in TRAINING_PARAMS}, seed=int(seeds[1])
        )
        self.history_ = train(
            self.model_, X, settings, x_validation=X_validation, on_epoch=on_epoch
        )
        return self

    def transform(self, X):
        """Features of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Scaled transactions.

        Returns
        -------
        ndarray of shape (n_samples, n_features_out), float32
            In the order of `get_feature_names_out`.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        return apply_in_batches(self.model_.encode_rows, X)

    def _fitted_state(self):
        return {"history": self.history_}

    def _restore(self, state):
        self.history_ = state["history"]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class AutoencoderFeatures(_LatentFeatures):
    """Code and reconstruction error of each row, from a dense autoencoder.

    **Fitted on:** training rows only, all of them, labelled or not.

    Parameters
    ----------
    hidden_units, latent_dim, hidden_activation, code_activation, output_activation, input_noise
        As in `models.encoders.autoencoder.TabularAutoencoder`.
    epochs, batch_size, learning_rate, optimizer
        As in `models.encoders.training.TrainingSettings`.
    random_state : int, RandomState or None, default=None
        Seed of weights, noise and row order.
    model : TabularAutoencoder, optional
        Already trained: `fit` only checks its width. The parameters above then have no effect.

    Attributes
    ----------
    model_ : TabularAutoencoder
    history_ : list of dict
        Losses per epoch; empty for a given model.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where `X` has string column names.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(64, 5))
    >>> features = AutoencoderFeatures(latent_dim=2, epochs=1, random_state=0).fit(X)
    >>> features.transform(X).shape
    (64, 3)
    >>> list(features.get_feature_names_out())
    ['autoencoder_code_0', 'autoencoder_code_1', 'reconstruction_error']
    """

    _model_class = TabularAutoencoder
    _model_params = (
        "hidden_units",
        "latent_dim",
        "hidden_activation",
        "code_activation",
        "output_activation",
        "input_noise",
    )

    def __init__(
        self,
        hidden_units=(),
        latent_dim=12,
        hidden_activation="relu",
        code_activation="tanh",
        output_activation="linear",
        input_noise=0.0,
        epochs=20,
        batch_size=128,
        learning_rate=1e-3,
        optimizer="adam",
        random_state=None,
        model=None,
    ):
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.hidden_activation = hidden_activation
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.input_noise = input_noise
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.random_state = random_state
        self.model = model

    def get_feature_names_out(self, input_features=None):  # noqa: ARG002 - sklearn's signature
        """Names of the features: the codes, then `reconstruction_error`.

        Parameters
        ----------
        input_features : array-like of str, optional
            Ignored; every feature depends on every column.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        codes = [f"autoencoder_code_{i}" for i in range(self.model_.latent_dim)]
        return np.array([*codes, "reconstruction_error"], dtype=object)


class VAEFeatures(_LatentFeatures):
    """Mean code of each row, from a dense variational autoencoder.

    **Fitted on:** training rows only, all of them, labelled or not.

    Parameters
    ----------
    hidden_units, latent_dim, hidden_activation, output_activation, reconstruction_loss, beta, \
beta_warmup_epochs
        As in `models.encoders.vae.TabularVAE`.
    epochs, batch_size, learning_rate, optimizer
        As in `models.encoders.training.TrainingSettings`.
    random_state : int, RandomState or None, default=None
        Seed of weights, noise and row order.
    model : TabularVAE, optional
        Already trained: `fit` only checks its width. The parameters above then have no effect.

    Attributes
    ----------
    model_ : TabularVAE
    history_ : list of dict
        Losses per epoch; empty for a given model.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where `X` has string column names.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(64, 5))
    >>> features = VAEFeatures(hidden_units=(4,), latent_dim=2, epochs=1, random_state=0).fit(X)
    >>> features.transform(X).shape
    (64, 2)
    """

    _model_class = TabularVAE
    _model_params = (
        "hidden_units",
        "latent_dim",
        "hidden_activation",
        "output_activation",
        "reconstruction_loss",
        "beta",
        "beta_warmup_epochs",
    )

    def __init__(
        self,
        hidden_units=(16,),
        latent_dim=6,
        hidden_activation="relu",
        output_activation="linear",
        reconstruction_loss="squared_error",
        beta=1.0,
        beta_warmup_epochs=0,
        epochs=50,
        batch_size=100,
        learning_rate=1e-3,
        optimizer="rmsprop",
        random_state=None,
        model=None,
    ):
        self.hidden_units = hidden_units
        self.latent_dim = latent_dim
        self.hidden_activation = hidden_activation
        self.output_activation = output_activation
        self.reconstruction_loss = reconstruction_loss
        self.beta = beta
        self.beta_warmup_epochs = beta_warmup_epochs
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.random_state = random_state
        self.model = model

    def get_feature_names_out(self, input_features=None):  # noqa: ARG002 - sklearn's signature
        """Names of the features, one per code dimension.

        Parameters
        ----------
        input_features : array-like of str, optional
            Ignored; every feature depends on every column.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        return np.array([f"vae_code_{i}" for i in range(self.model_.latent_dim)], dtype=object)


def _check_width(model, X):
    if model.n_features != X.shape[1]:
        raise ValueError(
            f"the given model was made for {model.n_features} columns, X has {X.shape[1]}; "
            "give rows scaled like those it was trained on"
        )
