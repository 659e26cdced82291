"""Tests of two samples: known statistics, ties, corrections and intervals of ratios."""

import numpy as np
import pytest
from scipy.stats import binomtest, ks_2samp

from evaluation.two_samples import (
    chi_squared_of_counts,
    holm,
    ks_of_quantiles,
    ks_of_samples,
    ratio_of_shares,
)

LEVELS = np.linspace(0, 1, 101)


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=200), rng.normal(0.4, 1, 300)
    weight = rng.integers(1, 4, 200)
    weighted = ks_of_samples(old, new, weight)
    assert weighted.statistic == pytest.approx(ks_2samp(np.repeat(old, weight), new).statistic)
    equal, plain = ks_of_samples(old, new, np.full(200, 2.0)), ks_of_samples(old, new)
    assert equal == pytest.approx(plain)


def columns():
    rng = np.random.default_rng(3)
    return {
        "normal": (rng.normal(size=5_000), rng.normal(0.2, 1, 3_000)),
        "same": (rng.normal(size=5_000), rng.normal(size=3_000)),
        "ties": (rng.integers(0, 5, 5_000), rng.integers(0, 6, 3_000)),
        "mostly zero": (rng.random(5_000) * (rng.random(5_000) < 0.1),
                        rng.random(3_000) * (rng.random(3_000) < 0.3)),
        "one value": (np.zeros(5_000), np.zeros(3_000)),
        "prices": (rng.lognormal(3, 1, 5_000).round(), rng.lognormal(3.1, 1, 3_000).round()),
    }  # fmt: skip


@pytest.mark.parametrize("name", columns())
def test_from_quantiles_comes_a_lower_bound_never_more(name):
    old, new = columns()[name]
    exact = ks_of_samples(old, new)
    bound = ks_of_quantiles(np.quantile(old, LEVELS), len(old), new)
    assert bound.statistic <= exact.statistic + 1e-12
    assert bound.p_value >= exact.p_value - 1e-12
    if name in ("normal", "mostly zero"):
        assert bound.statistic > exact.statistic - 0.021
        assert bound.p_value < 0.001


def test_categories():
    same = chi_squared_of_counts({"a": 100, "b": 300}, {"a": 50, "b": 150})
    assert same == pytest.approx((0.0, 1.0))
    # chi-squared of [[10, 20], [20, 10]] is 6.667; V is its root over 60 rows.
    other = chi_squared_of_counts({"a": 10, "b": 20}, {"a": 20, "b": 10})
    assert other.statistic == pytest.approx(1 / 3)
    assert other.p_value == pytest.approx(0.00982, abs=1e-4)
    assert chi_squared_of_counts({"a": 10, "z": 0}, {"a": 10}) == (0.0, 1.0)


def test_holm_by_hand():
    # 4 * 0.01, 3 * 0.02, 2 * 0.03 (as the one before), 1 * 0.9.
    np.testing.assert_allclose(holm([0.03, 0.9, 0.01, 0.02]), [0.06, 0.9, 0.04, 0.06])
    assert holm([0.7, 0.8]).tolist() == [1.0, 1.0]


def test_ratio_of_shares_is_that_of_clopper_and_pearson():
    ratio = ratio_of_shares(10, 1_000, 30, 2_000)
    share = binomtest(30, 40).proportion_ci(0.95, method="exact")
    assert ratio.value == pytest.approx(1.5)
    assert ratio.low == pytest.approx(share.low / (1 - share.low) / 2)
    assert ratio.high == pytest.approx(share.high / (1 - share.high) / 2)


def test_ratio_where_nothing_was_counted():
    assert ratio_of_shares(0, 1_000, 0, 1_000) == (None, 0.0, None)
    none_before = ratio_of_shares(0, 1_000, 40, 1_000)
    assert none_before.value is None
    assert none_before.low > 5
    none_now = ratio_of_shares(40, 1_000, 0, 1_000)
    assert (none_now.value, none_now.low) == (0.0, 0.0)
    assert none_now.high < 0.2


def test_ratio_holds_the_truth():
    rng = np.random.default_rng(5)
    found = [
        ratio_of_shares(rng.binomial(20_000, 0.001), 20_000, rng.binomial(5_000, 0.003), 5_000)
        for _ in range(500)
    ]
    missed = [one.low > 3 or (one.high is not None and one.high < 3) for one in found]
    assert np.mean(missed) <= 0.05
