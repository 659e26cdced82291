"""Invertible scaling of numeric transaction columns."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import FLOAT_DTYPES, check_array, check_is_fitted, validate_data

# Below this a spread is rounding, and dividing by it would overflow.
_SMALLEST_SPREAD = 1e-150


def _min_max(X):
    return X.min(axis=0), np.ptp(X, axis=0)


def _standard(X):
    return X.mean(axis=0), X.std(axis=0)


def _robust(X):
    low, median, high = np.percentile(X, [25, 50, 75], axis=0)
    spread = high - low
    # Columns that are mostly one value have no interquartile range; their deviation still works.
    return median, np.where(spread > _SMALLEST_SPREAD, spread, X.std(axis=0))


# Each method is an affine map, (x - offset) / scale; arcsinh bends its result afterwards.
METHODS = {"min_max": _min_max, "standard": _standard, "robust": _robust, "arcsinh": _standard}


class TransactionScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scales each column by an increasing map that can be inverted; values are never clipped.

    With column mean m, standard deviation s (population), median q50, quartiles q25 and q75:

    - ``min_max``: (x - min) / (max - min), training rows in [0, 1];
    - ``standard``: (x - m) / s;
    - ``robust``: (x - q50) / (q75 - q25), or / s where the quartiles are equal;
    - ``arcsinh``: arcsinh((x - m) / s) / c, where c makes the largest absolute value of the
      training rows 1.

    A constant column becomes 0.

    **Fitted on:** training rows only.

    Parameters
    ----------
    method : {"min_max", "standard", "robust", "arcsinh"}, default="arcsinh"
        For every column that `column_methods` does not name.
    column_methods : dict, default=None
        Method by column name (or by position if `fit` is given an array).

    Attributes
    ----------
    methods_ : list of str of length n_features
        Method of each column.
    offset_, scale_ : ndarray of shape (n_features,)
        The affine part, (x - offset) / scale, in units of the column.
    bound_ : ndarray of shape (n_features,)
        c of ``arcsinh``; 1 for the other methods.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns; only if `fit` was given a DataFrame.

    Examples
    --------
    >>> X = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 30.0]])
    >>> TransactionScaler(method="min_max").fit_transform(X)
    array([[0. , 0. ],
           [0.5, 0.5],
           [1. , 1. ]])
    """

    def __init__(self, method="arcsinh", column_methods=None):
        self.method = method
        self.column_methods = column_methods

    def fit(self, X, y=None):  # noqa: ARG002 - scikit-learn's signature
        """Learn the constants of every column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows; finite.
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a method or a column of `column_methods` is unknown.
        """
        X = validate_data(self, X, dtype=FLOAT_DTYPES).astype(np.float64, copy=False)
        self.methods_ = self._methods()
        self.offset_ = np.zeros(X.shape[1])
        self.scale_ = np.ones(X.shape[1])
        for method, fit_columns in METHODS.items():
            chosen = [i for i, name in enumerate(self.methods_) if name == method]
            if chosen:
                self.offset_[chosen], self.scale_[chosen] = fit_columns(X[:, chosen])
        is_constant = (X.min(axis=0) == X.max(axis=0)) | ~(self.scale_ > _SMALLEST_SPREAD)
        # Of a spread that is rounding no row may be the measure: their order would matter.
        self.offset_ = np.where(is_constant, X.min(axis=0), self.offset_)
        self.scale_ = np.where(is_constant, 1.0, self.scale_)
        largest = np.abs(np.arcsinh((X - self.offset_) / self.scale_)).max(axis=0)
        is_bent = self._is_bent() & ~is_constant & (largest > 0)
        self.bound_ = np.where(is_bent, largest, 1.0)
        return self

    def transform(self, X):
        """Scale rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in units of the columns.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float32 if X is float32, else float64.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=FLOAT_DTYPES)
        scaled = (X - self.offset_) / self.scale_
        bent = self._is_bent()
        scaled[:, bent] = np.arcsinh(scaled[:, bent]) / self.bound_[bent]
        return scaled.astype(X.dtype, copy=False)

    def inverse_transform(self, X):
        """Bring scaled rows back to the units of the columns.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Scaled rows, e.g. from a generator.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float32 if X is float32, else float64.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=FLOAT_DTYPES)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but TransactionScaler is expecting "
                f"{self.n_features_in_} features as input"
            )
        restored = X.astype(np.float64)
        bent = self._is_bent()
        restored[:, bent] = np.sinh(restored[:, bent] * self.bound_[bent])
        restored = restored * self.scale_ + self.offset_
        return restored.astype(X.dtype, copy=False)

    def _methods(self):
        """Method of each column, checked."""
        names = list(getattr(self, "feature_names_in_", range(self.n_features_in_)))
        given = self.column_methods or {}
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(f"column_methods names {unknown}, expected columns among {names}")
        methods = [given.get(name, self.method) for name in names]
        for method in [self.method, *methods]:
            if method not in METHODS:
                raise ValueError(f"method must be one of {sorted(METHODS)}, got {method!r}")
        return methods

    def _is_bent(self):
        return np.array([method == "arcsinh" for method in self.methods_])
