"""The population stability index by hand, and from quantiles as from samples."""

import numpy as np
import pytest
from scipy.stats import norm

from evaluation.drift import (
    counts_beside_quantiles,
    counts_beside_samples,
    effective_size,
    index_of_counts,
    population_stability_index,
    psi_of_counts,
    psi_of_quantiles,
    psi_of_samples,
)

LEVELS = np.linspace(0, 1, 101)


def test_by_hand():
    expected, actual = [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]
    by_hand = -0.1 * np.log(0.8) + 0.1 * np.log(4 / 3)
    assert population_stability_index(expected, actual) == pytest.approx(by_hand)
    assert population_stability_index(actual, expected) == pytest.approx(by_hand)
    assert population_stability_index([5, 3, 2], [40, 40, 20]) == pytest.approx(by_hand)


def test_an_empty_bin_counts_a_ten_thousandth():
    found = population_stability_index([1.0, 0.0], [0.5, 0.5])
    assert np.isfinite(found)
    assert found > 2


def test_categories_that_one_side_lacks():
    assert psi_of_counts({"a": 10, "b": 10}, {"a": 10, "b": 10}) == 0
    assert psi_of_counts({"a": 10}, {"a": 10, "c": 10}) > 1


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_quantiles_say_what_the_samples_say(shift):
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=200_000), rng.normal(shift, 1, 200_000)
    from_samples = psi_of_samples(one, other)
    from_quantiles = psi_of_quantiles(np.quantile(one, LEVELS), np.quantile(other, LEVELS))
    assert from_quantiles == pytest.approx(from_samples, abs=0.004 + 0.02 * from_samples)
    # Two normals of deviation 1 have a symmetrised divergence of shift^2; ten bins lose some.
    assert 0.8 * shift**2 - 0.01 <= from_samples <= shift**2 + 0.01


def test_a_column_that_is_mostly_one_value():
    zeros = np.quantile(np.append(np.zeros(900), np.arange(100)), LEVELS)
    more = np.quantile(np.append(np.zeros(600), np.arange(400)), LEVELS)
    assert psi_of_quantiles(zeros, zeros) == pytest.approx(0, abs=1e-12)
    assert psi_of_quantiles(zeros, more) > 0.25
    assert psi_of_quantiles(np.zeros(101), np.zeros(101)) == pytest.approx(0, abs=1e-12)


def normal_shares(shift):
    """Shares of a shifted standard normal between the deciles of an unshifted one."""
    edges = norm.ppf(np.arange(1, 10) / 10)
    return np.diff(np.concatenate([[0], norm.cdf(edges - shift), [1]]))


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.5])
def test_the_interval_holds_the_true_index(shift):
    rng = np.random.default_rng(0)
    shares, deciles = normal_shares(shift), np.full(10, 0.1)
    true = population_stability_index(deciles, shares)
    found = [
        index_of_counts(rng.multinomial(5_000, deciles), rng.multinomial(800, shares))
        for _ in range(400)
    ]
    assert np.mean([one.low > true for one in found]) <= 0.05
    assert np.mean([one.high < true for one in found]) <= 0.05
    if shift == 0.5:  # a quarter: seen for certain with so many rows
        assert all(one.low > 0.05 for one in found)


def test_the_interval_of_a_huge_sample_is_narrow_and_whole():
    one = index_of_counts([1e6] * 10, [5e6] * 5 + [1.0] * 5)
    assert one.low < one.value < one.high
    assert one.high - one.low < 0.01
    assert index_of_counts([7], [9]) == (0.0, 0.0, 0.0)


def test_counts_beside_quantiles_are_those_beside_the_samples():
    rng = np.random.default_rng(1)
    old, new = rng.normal(size=10_000), rng.normal(0.5, 1, 2_000)
    shares, counts = counts_beside_quantiles(np.quantile(old, LEVELS), new)
    np.testing.assert_allclose(shares, 0.1, atol=1e-3)
    assert counts.sum() == 2_000
    np.testing.assert_allclose(counts, counts_beside_samples(old, new)[1], atol=1)


@pytest.mark.parametrize("top", [0.6, 0.95])
def test_ties_on_an_edge_fall_into_the_same_bin_on_both_sides(top):
    rng = np.random.default_rng(2)
    old, new = (np.where(rng.random(20_000) < top, 0.0, rng.random(20_000)) for _ in range(2))
    shares, counts = counts_beside_quantiles(np.quantile(old, LEVELS), new)
    assert population_stability_index(shares, counts) < 0.005


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (np.arange(1000) < 50, np.ones(200)),  # a flag that was rare
        (np.arange(1000) < 20, np.ones(200)),
        (np.arange(1000) < 950, np.zeros(200)),  # one that was usual
        (np.maximum(np.arange(1000) - 920, 0), np.arange(1, 200)),  # amounts, 92 % of them 0
        (np.full(1000, 3.5), np.full(200, 7.0)),
        (np.full(1000, 3.5), np.full(200, -7.0)),
        (np.repeat([0, 1, 2], [300, 400, 300]), np.ones(200)),
        (np.append(np.linspace(-1, 1, 800), np.zeros(200)), np.linspace(-1, 1, 200)),
    ],
)
def test_a_value_that_is_repeated_often_is_a_bin_of_its_own(old, new):
    old, new = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
    quantiles = np.quantile(old, LEVELS)
    indices = (
        psi_of_samples(old, new),
        psi_of_quantiles(quantiles, np.quantile(new, LEVELS)),
        population_stability_index(*counts_beside_quantiles(quantiles, new)),
        population_stability_index(*counts_beside_samples(old, new, np.ones(len(old)))),
    )
    assert min(indices) > 0.25, indices
    assert psi_of_samples(old, old[::2]) < 0.01
    assert psi_of_quantiles(quantiles, np.quantile(old[::2], LEVELS)) < 0.02
    assert population_stability_index(*counts_beside_quantiles(quantiles, old)) < 0.02


def test_weighted_rows_stand_for_their_transactions():
    old, new = np.arange(100.0), np.arange(100.0)
    weight = np.where(old < 50, 9.0, 1.0)
    repeated = np.repeat(old, weight.astype(int))
    weighted = counts_beside_samples(old, new, weight)
    np.testing.assert_allclose(weighted[0], counts_beside_samples(repeated, new)[0], atol=9)
    assert effective_size(weight) == pytest.approx(500**2 / (50 * 81 + 50))
