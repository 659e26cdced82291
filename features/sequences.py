"""Finds unusual windows of a series by how badly an autoencoder reconstructs them."""

from __future__ import annotations

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, _fit_context
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from features.scaling import METHODS, TransactionScaler
from features.windows import padded
from models.encoders.training import OPTIMIZERS, TrainingSettings, apply_in_batches, train
from models.estimator_folder import SavedInFolder
from models.series.autoencoder import BODIES, SequenceAutoencoder, check_windows

WINDOWS_PER_CALL = 1024
SCALER_CONSTANTS = ("offset_", "scale_", "bound_")


class SequenceAnomalyDetector(SavedInFolder, OutlierMixin, BaseEstimator):
    """Detector of unusual windows, which may differ in length.

    Scales the features, trains a `models.series.autoencoder.SequenceAutoencoder`, and scores a
    window by its squared reconstruction errors, each divided by the mean squared error of that
    feature over the training windows: a feature that nothing can reconstruct then counts no more
    than the others.

    **Fitted on:** training windows, normal or mostly so; labels are not used.

    Parameters
    ----------
    body, latent_dim, units, patch_steps, input_noise
        As in `models.series.autoencoder.SequenceAutoencoder`.
    scaling : {"standard", "arcsinh", "robust", "min_max"}, default="standard"
        Of each feature over all steps, see `features.scaling.TransactionScaler`; "arcsinh" for
        features with long tails, such as amounts that are not logarithms.
    contamination : float in (0, 0.5], default=0.01
        Share of the training windows that `predict` calls outliers.
    epochs, batch_size, learning_rate, optimizer
        As in `models.encoders.training.TrainingSettings`; a batch is made of windows.
    random_state : int, RandomState or None, default=None
        Seed of weights, noise and order.

    Attributes
    ----------
    model_ : SequenceAutoencoder
    scaler_ : TransactionScaler
    residual_variance_ : ndarray of shape (n_features,)
        Mean squared error of each scaled feature over the training windows.
    offset_ : float
        The score below which a window is an outlier.
    history_ : list of dict
        Losses per epoch.
    n_features_in_ : int
        Values of a step; for a two-dimensional `X` its columns, which are the steps.

    Notes
    -----
    `X` is always one of

    - a list of arrays of shape (n_steps, n_features), whose lengths may differ;
    - an array of shape (n_windows, n_steps, n_features), where steps of NaN at the end of a
      window are padding (`features.windows.card_windows` gives one);
    - a table of shape (n_windows, n_steps), one value a step.

    Padding changes no score.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> waves = np.sin(rng.uniform(0, 6, (200, 1)) + np.arange(20) / 3)
    >>> detector = SequenceAnomalyDetector(latent_dim=4, epochs=20, random_state=0).fit(waves)
    >>> detector.score_samples(rng.permuted(waves[:50], axis=1)).max() < detector.offset_
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "body": [StrOptions(set(BODIES))],
        "latent_dim": [Interval(Integral, 1, None, closed="left")],
        "units": [Interval(Integral, 1, None, closed="left")],
        "patch_steps": [Interval(Integral, 1, None, closed="left")],
        "input_noise": [Interval(Real, 0, None, closed="left")],
        "scaling": [StrOptions(set(METHODS))],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "optimizer": [StrOptions(set(OPTIMIZERS))],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        body="convolution",
        latent_dim=8,
        units=32,
        patch_steps=4,
        input_noise=0.0,
        scaling="standard",
        contamination=0.01,
        epochs=30,
        batch_size=64,
        learning_rate=3e-3,
        optimizer="adam",
        random_state=None,
    ):
        self.body = body
        self.latent_dim = latent_dim
        self.units = units
        self.patch_steps = patch_steps
        self.input_noise = input_noise
        self.scaling = scaling
        self.contamination = contamination
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, *, X_validation=None):  # noqa: ARG002 - sklearn's signature
        """Learn what windows usually look like.

        Parameters
        ----------
        X : list of arrays, or array of two or three dimensions
            Training windows.
        y : None
            Ignored; here for pipelines.
        X_validation : like `X`, optional
            Windows whose loss is recorded after every epoch; never trained on.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a window is empty, has padding before its end, or an infinite value.
        models.encoders.training.TrainingDivergedError
            If the loss is no longer finite.
        """
        windows = self._windows(X, reset=True)
        is_real = ~np.isnan(windows[:, :, 0])
        self.scaler_ = TransactionScaler(method=self.scaling).fit(windows[is_real])
        seeds = check_random_state(self.random_state).randint(np.iinfo(np.int32).max, size=2)
        self.model_ = SequenceAutoencoder(
            windows.shape[2], latent_dim=self.latent_dim, body=self.body, units=self.units,
            patch_steps=self.patch_steps, input_noise=self.input_noise, seed=int(seeds[0]),
        )  # fmt: skip
        settings = TrainingSettings(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate,
            optimizer=self.optimizer, seed=int(seeds[1]),
        )  # fmt: skip
        scaled = self._scaled(windows)
        validation = None if X_validation is None else self._scaled(self._windows(X_validation))
        self.history_ = train(self.model_, scaled, settings, x_validation=validation)
        squares = self._squared_errors(scaled)
        # A feature that is always met exactly, such as a constant one, has no error to divide by.
        smallest = np.finfo(np.float32).eps
        self.residual_variance_ = np.maximum(squares[is_real].mean(axis=0), smallest)
        self.offset_ = float(np.quantile(self._scores(squares, is_real), self.contamination))
        return self

    def score_samples(self, X):
        """How usual each window is: minus its mean relative squared error.

        Parameters
        ----------
        X : list of arrays, or array of two or three dimensions
            Windows, of the number of features that `fit` saw; of any length.

        Returns
        -------
        ndarray of shape (n_windows,)
            At most 0; about -1 for a usual window, lower for a more suspicious one
            (scikit-learn's convention for outlier detectors).
        """
        scaled = self._scaled(self._windows(X))
        return self._scores(self._squared_errors(scaled), ~np.isnan(scaled[:, :, 0]))

    def decision_function(self, X):
        """`score_samples` less `offset_`: negative for outliers, (n_windows,)."""
        return self.score_samples(X) - self.offset_

    def predict(self, X):
        """-1 for an outlier and 1 for any other window, (n_windows,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def step_errors(self, X):
        """Mean relative squared error of each step, which says where a window is unusual.

        Parameters
        ----------
        X : list of arrays, or array of two or three dimensions
            Windows.

        Returns
        -------
        ndarray of shape (n_windows, n_steps)
            NaN at padding.
        """
        scaled = self._scaled(self._windows(X))
        errors = (self._squared_errors(scaled) / self.residual_variance_).mean(axis=2)
        return np.where(np.isnan(scaled[:, :, 0]), np.nan, errors)

    def encode(self, X):
        """Code of each window, for clusters and pictures: (n_windows, latent_dim)."""
        scaled = self._scaled(self._windows(X))
        return apply_in_batches(self.model_.encode_rows, scaled, WINDOWS_PER_CALL)[:, :-1]

    def _scores(self, squares, is_real):
        errors = (squares / self.residual_variance_).mean(axis=2)
        return -np.sum(errors, axis=1, where=is_real) / is_real.sum(axis=1)

    def _squared_errors(self, scaled):
        """(n_windows, n_steps, n_features), anything at padding."""
        made = apply_in_batches(self.model_.reconstruct_rows, scaled, WINDOWS_PER_CALL)
        return np.square(made.astype(np.float64) - scaled)

    def _scaled(self, windows):
        check_is_fitted(self, "scaler_")
        is_real = ~np.isnan(windows[:, :, 0])
        scaled = np.full(windows.shape, np.nan, dtype=np.float32)
        scaled[is_real] = self.scaler_.transform(windows[is_real])
        return scaled

    def _windows(self, X, *, reset=False):
        """Windows as one padded array of shape (n_windows, n_steps, n_features)."""
        if not reset:
            check_is_fitted(self, "scaler_")
        if _is_list_of_windows(X):
            X = padded(X)
        n_dimensions = 3 if getattr(X, "ndim", 2) == 3 else 2
        if not reset and n_dimensions != self._n_dimensions:
            raise ValueError(
                f"X has {n_dimensions} dimensions, but {type(self).__name__} was fitted on "
                f"{self._n_dimensions} dimensions with {self.n_features_in_} features"
            )
        settings = {"dtype": np.float64, "ensure_all_finite": "allow-nan"}
        if n_dimensions == 2:
            X = validate_data(self, X, reset=reset, **settings)[:, :, None]
        else:
            X = check_array(X, allow_nd=True, **settings)
            n_features = X.shape[2] if reset else self.n_features_in_
            if X.shape[2] != n_features:
                raise ValueError(
                    f"X has {X.shape[2]} features, but {type(self).__name__} is expecting "
                    f"{n_features} features as input"
                )
        if reset:
            self._n_dimensions = n_dimensions
            self.n_features_in_ = X.shape[1] if n_dimensions == 2 else X.shape[2]
        check_windows(X, X.shape[2])
        return X

    def _fitted_state(self):
        return {
            "n_dimensions": self._n_dimensions,
            "offset": self.offset_,
            "residual_variance": self.residual_variance_.tolist(),
            "scaler": {name: getattr(self.scaler_, name).tolist() for name in SCALER_CONSTANTS},
            "history": self.history_,
        }

    def _restore(self, state):
        self._n_dimensions, self.offset_ = state["n_dimensions"], state["offset"]
        self.residual_variance_ = np.array(state["residual_variance"])
        # A fit on any rows, whose constants are then those that were saved.
        n_features = len(self.residual_variance_)
        self.scaler_ = TransactionScaler(method=self.scaling).fit(np.zeros((1, n_features)))
        for name, values in state["scaler"].items():
            setattr(self.scaler_, name, np.array(values))
        self.history_ = state["history"]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _is_list_of_windows(X):
    return isinstance(X, list | tuple) and len(X) > 0 and np.ndim(X[0]) == 2
