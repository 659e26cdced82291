"""The population stability index by hand, and from quantiles as from samples."""

import numpy as np
import pytest

from evaluation.drift import (
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
