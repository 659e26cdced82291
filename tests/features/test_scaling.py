"""Claims of the scaler: what it maps to, that it can be undone, that it is a citizen."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from features.scaling import METHODS, TransactionScaler

TABLES = arrays(
    np.float64,
    st.tuples(st.integers(1, 20), st.integers(1, 4)),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False),
)


@parametrize_with_checks([TransactionScaler(method=method) for method in METHODS])
def test_passes_scikit_learns_check(estimator, check):
    check(estimator)


@pytest.fixture(name="X")
def make_rows():
    return np.array([[1.0, -3.0], [2.0, 0.0], [3.0, 0.0], [10.0, 1.0]])


def test_min_max_maps_training_rows_to_the_unit_interval(X):
    scaled = TransactionScaler(method="min_max").fit_transform(X)
    np.testing.assert_allclose(scaled[:, 0], [0, 1 / 9, 2 / 9, 1])
    np.testing.assert_allclose(scaled[:, 1], [0, 0.75, 0.75, 1])


def test_standard_has_mean_zero_and_deviation_one(X):
    scaled = TransactionScaler(method="standard").fit_transform(X)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), 1)


def test_robust_uses_median_and_quartiles():
    X = np.array([[0.0], [1.0], [2.0], [3.0], [1000.0]])
    scaled = TransactionScaler(method="robust").fit_transform(X)
    np.testing.assert_allclose(scaled[:, 0], [-1, -0.5, 0, 0.5, 499])


def test_robust_falls_back_on_the_deviation_where_quartiles_are_equal():
    X = np.array([[0.0]] * 9 + [[10.0]])
    scaled = TransactionScaler(method="robust").fit_transform(X)
    np.testing.assert_allclose(scaled[-1], 10 / X.std())


def test_arcsinh_follows_its_formula_and_stays_within_one(X):
    scaler = TransactionScaler(method="arcsinh").fit(X)
    bent = np.arcsinh((X - X.mean(axis=0)) / X.std(axis=0))
    np.testing.assert_allclose(scaler.transform(X), bent / np.abs(bent).max(axis=0))
    np.testing.assert_allclose(np.abs(scaler.transform(X)).max(axis=0), 1)


def test_values_beyond_the_training_rows_are_not_clipped(X):
    for method in METHODS:
        scaler = TransactionScaler(method=method).fit(X)
        assert np.all(scaler.transform(X.max(axis=0) * [[100.0, 100.0]]) > scaler.transform(X)[3])


def test_methods_may_differ_by_column(X):
    frame = pd.DataFrame(X, columns=["V1", "Amount"])
    scaler = TransactionScaler(method="standard", column_methods={"Amount": "min_max"}).fit(frame)
    assert scaler.methods_ == ["standard", "min_max"]
    scaled = scaler.transform(frame)
    assert scaled[:, 0].std() == pytest.approx(1)
    assert (scaled[:, 1].min(), scaled[:, 1].max()) == (0, 1)
    assert scaler.get_feature_names_out().tolist() == ["V1", "Amount"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, 0.1, -1e9])
def test_a_constant_column_becomes_zero_and_comes_back(method, value):
    X = np.full((7, 1), value)
    scaler = TransactionScaler(method=method).fit(X)
    scaled = scaler.transform(X)
    np.testing.assert_array_equal(scaled, 0)
    np.testing.assert_array_equal(scaler.inverse_transform(scaled), X)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]])
@pytest.mark.parametrize("method", METHODS)
def test_a_column_that_varies_by_rounding_alone_is_constant(method, order):
    X = np.array([[5e-166], [0.0], [0.0]])[order]
    assert np.abs(TransactionScaler(method=method).fit_transform(X)).max() < 1e-150


@pytest.mark.parametrize("method", METHODS)
def test_keeps_the_precision_of_its_input(method, X):
    scaler = TransactionScaler(method=method).fit(X)
    assert scaler.transform(X.astype(np.float32)).dtype == np.float32
    assert scaler.inverse_transform(X.astype(np.float32) / 10).dtype == np.float32
    assert scaler.transform(X).dtype == np.float64


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(X=TABLES)
def test_inverse_undoes_transform(method, X):
    scaler = TransactionScaler(method=method).fit(X)
    span = np.ptp(X, axis=0).max() + np.abs(X).max()
    restored = scaler.inverse_transform(scaler.transform(X))
    np.testing.assert_allclose(restored, X, rtol=0, atol=1e-9 * span)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(X=TABLES)
def test_keeps_the_order_of_values(method, X):
    scaled = TransactionScaler(method=method).fit_transform(X)
    for column, image in zip(X.T, scaled.T, strict=True):
        assert np.all(np.diff(image[np.argsort(column, kind="stable")]) >= 0)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(X=TABLES, seed=st.integers(0, 100))
def test_order_of_rows_is_irrelevant(method, X, seed):
    order = np.random.default_rng(seed).permutation(len(X))
    scaler = TransactionScaler(method=method).fit(X)
    shuffled = clone(scaler).fit(X[order])
    span = np.abs(X).max() + 1e-300
    # A spread that is rounding itself (1e-16 of the values) cannot be the same to the last bit.
    steady = np.ptp(X, axis=0) > 1e-6 * span
    np.testing.assert_allclose(
        shuffled.transform(X)[:, steady], scaler.transform(X)[:, steady], rtol=1e-6, atol=1e-8
    )


def test_unknown_methods_and_columns_are_named(X):
    with pytest.raises(ValueError, match=r"method must be one of .*'log'"):
        TransactionScaler(method="log").fit(X)
    with pytest.raises(ValueError, match=r"\['Amuont'\]"):
        TransactionScaler(column_methods={"Amuont": "robust"}).fit(
            pd.DataFrame(X, columns=["V1", "Amount"])
        )


def test_inverse_needs_as_many_columns_as_were_fitted(X):
    with pytest.raises(ValueError, match="expecting 2 features"):
        TransactionScaler().fit(X).inverse_transform(X[:, :1])
