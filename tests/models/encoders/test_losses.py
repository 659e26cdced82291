"""Losses against numbers worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.encoders.losses import (
    binary_cross_entropy,
    kl_to_standard_normal,
    mean_squared_error,
    squared_error,
)

finite = st.floats(-5, 5)


def test_squared_error_sums_over_features():
    x = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]], dtype="float32")
    reconstruction = np.array([[1.0, 0.0, 6.0], [1.0, 1.0, 1.0]], dtype="float32")
    # 0 + 4 + 9 and 1 + 1 + 1
    np.testing.assert_allclose(squared_error(x, reconstruction), [13.0, 3.0])
    np.testing.assert_allclose(mean_squared_error(x, reconstruction), [13 / 3, 1.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("z_mean", "z_log_var", "expected"),
    [
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([1.0, 0.0], [0.0, 0.0], 0.5),  # half the squared mean
        ([0.0, 0.0], [math.log(4.0), 0.0], 0.5 * (4 - 1 - math.log(4))),  # variance 4, not 16
        ([2.0, -1.0], [math.log(0.25), 0.0], 0.5 * (0.25 + 4 - 1 + math.log(4) + 1)),
    ],
)
def test_kl_equals_numbers_worked_by_hand(z_mean, z_log_var, expected):
    kl = kl_to_standard_normal(
        np.array([z_mean], dtype="float32"), np.array([z_log_var], dtype="float32")
    )
    assert kl.shape == (1,)
    assert float(kl[0]) == pytest.approx(expected, abs=1e-6)


def test_kl_equals_a_numerical_integral():
    mean, log_var = 0.7, -0.9
    z, width = np.linspace(-8, 8, 20_001, retstep=True)
    q = np.exp(-((z - mean) ** 2) / (2 * np.exp(log_var))) / np.sqrt(2 * np.pi * np.exp(log_var))
    p = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    integral = np.sum(q * np.log(np.maximum(q, 1e-300) / p)) * width
    kl = kl_to_standard_normal(np.float32([[mean]]), np.float32([[log_var]]))
    assert float(kl[0]) == pytest.approx(integral, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(finite, finite)
def test_kl_is_never_negative(z_mean, z_log_var):
    kl = kl_to_standard_normal(np.float32([[z_mean]]), np.float32([[z_log_var]]))
    assert float(kl[0]) >= -1e-6


def test_binary_cross_entropy_equals_numbers_worked_by_hand():
    # p = 1/2 costs log 2 whatever the target; p = 3/4 costs log(4/3) on 1 and log 4 on 0
    logits = np.array([[0.0, math.log(3.0)], [math.log(3.0), 0.0]], dtype="float32")
    x = np.array([[1.0, 1.0], [0.0, 0.3]], dtype="float32")
    expected = [math.log(2) + math.log(4 / 3), math.log(4) + math.log(2)]
    np.testing.assert_allclose(binary_cross_entropy(x, logits), expected, rtol=1e-6)


def test_binary_cross_entropy_stays_exact_where_the_sigmoid_saturates():
    loss = binary_cross_entropy(np.float32([[0.0, 1.0]]), np.float32([[100.0, -100.0]]))
    assert float(loss[0]) == pytest.approx(200.0)
