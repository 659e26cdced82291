"""Piecewise-linear encoding of columns."""

import keras
import numpy as np
import pytest

from models.sgan.encoding import REACH, PiecewiseLinearEncoding, target_aware_edges


@pytest.fixture
def encoding():
    """Two columns: edges 0, 1, 3 and edges 10, 20; three bins at most."""
    layer = PiecewiseLinearEncoding([[0, 1]], 2, 3)
    layer.build()
    layer.set_edges([np.array([0.0, 1.0, 3.0]), np.array([10.0, 20.0])])
    return layer


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.25, [0.25, 0.0, 0.0]),
        (1.0, [1.0, 0.0, 0.0]),
        (2.0, [1.0, 0.5, 0.0]),
        (3.0, [1.0, 1.0, 0.0]),
        (-1.0, [-1.0, 0.0, 0.0]),  # the outermost bins go on
        (5.0, [1.0, 2.0, 0.0]),
        (-1e9, [-REACH, 0.0, 0.0]),  # but not for ever
        (1e9, [1.0, 1.0 + REACH, 0.0]),
    ],
)
def test_a_value_fills_the_bins_below_it(encoding, value, expected):
    encoded = np.asarray(encoding(np.array([[[value, 15.0]]], "float32")))[0, 0]
    np.testing.assert_allclose(encoded[:3], expected, atol=1e-6)
    np.testing.assert_allclose(encoded[3:], [0.5, 0.0, 0.0], atol=1e-6)


def test_members_encode_their_own_columns_of_shared_rows():
    layer = PiecewiseLinearEncoding([[0, 2], [1, 2]], 3, 2)
    layer.build()
    layer.set_edges([[0.0, 1.0, 2.0], [0.0, 10.0], [0.0, 4.0]])
    encoded = np.asarray(layer(np.array([[[1.5, 5.0, 1.0]]], "float32")))
    np.testing.assert_allclose(encoded, [[[1.0, 0.5, 0.25, 0.0]], [[0.5, 0.0, 0.25, 0.0]]])
    rows = np.random.default_rng(0).normal(size=(2, 7, 3)).astype("float32")
    one_by_one = [np.asarray(layer(rows[m : m + 1]))[m] for m in range(2)]
    np.testing.assert_array_equal(np.asarray(layer(rows)), one_by_one)


def test_edges_lie_where_the_classes_part():
    column = np.random.default_rng(1).uniform(size=5000)
    edges = target_aware_edges(column, (column > 0.3) & (column < 0.6), n_bins=3)
    np.testing.assert_allclose(edges[1:-1], [0.3, 0.6], atol=0.01)
    assert (edges[0], edges[-1]) == (column.min(), column.max())


def test_rare_frauds_place_edges_too():
    """Twenty frauds in twenty thousand rows: without equal weights the tree would not cut there."""
    rng = np.random.default_rng(2)
    column = np.concatenate([rng.normal(size=20_000), rng.normal(5.0, 0.1, size=20)])
    is_fraud = np.arange(20_020) >= 20_000
    edges = target_aware_edges(column, is_fraud, n_bins=8)
    assert ((edges > 3.0) & (edges < 5.0)).any()


def test_a_constant_column_and_one_class_have_edges():
    assert target_aware_edges(np.full(9, 2.0), np.arange(9) > 4, 4).tolist() == [2.0, 3.0]
    assert target_aware_edges(np.arange(9.0), np.zeros(9, bool), 4).tolist() == [0.0, 8.0]
    assert target_aware_edges(np.arange(40.0), np.arange(40) > 19, 1).tolist() == [0.0, 39.0]


def test_a_large_table_is_thinned_and_its_frauds_are_kept(monkeypatch):
    monkeypatch.setattr("models.sgan.encoding.MOST_GENUINE_ROWS", 500)
    rng = np.random.default_rng(3)
    rows = np.concatenate([rng.normal(size=5000), rng.normal(6.0, 0.1, size=10)])[:, None]
    layer = PiecewiseLinearEncoding([[0]], 1, 4)
    layer.build()
    layer.fit_bins(rows.astype("float32"), np.arange(5010) >= 5000)
    genuine, fraud = np.asarray(layer(np.array([[[0.0], [6.0]]], "float32")))[0]
    assert np.abs(genuine - fraud).max() > 0.9


def test_it_is_rebuilt_from_its_configuration(encoding):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(encoding))
    copy.build()
    copy.set_weights(encoding.get_weights())
    row = np.array([[[2.0, 12.0]]], "float32")
    np.testing.assert_array_equal(np.asarray(copy(row)), np.asarray(encoding(row)))
