"""The two-sample classifier finds what no single column shows, and nothing where nothing is."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluation.two_sample_classifier import (
    MAX_ROWS,
    _auc_with_variance,
    separation_auc,
)


def test_one_distribution_cannot_be_told_apart():
    rng = np.random.default_rng(0)
    found = [
        separation_auc(rng.normal(size=(300, 6)), rng.normal(size=(200, 6)), rng=rng)
        for _ in range(12)
    ]
    assert sum(one.low > 0.5 for one in found) <= 1
    assert np.mean([one.value for one in found]) == pytest.approx(0.5, abs=0.03)


def test_a_changed_correlation_is_found_where_every_column_is_as_it_was():
    rng = np.random.default_rng(1)
    old = rng.normal(size=(2_000, 2))
    new = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2_000)
    assert separation_auc(old, new, rng=rng).low > 0.65


def test_a_shift_of_known_size():
    """One standard deviation in one column: the best AUC is Phi(1 / sqrt 2) = 0.760."""
    rng = np.random.default_rng(2)
    old, new = rng.normal(size=(4_000, 3)), rng.normal(size=(4_000, 3))
    new[:, 1] += 1
    found = separation_auc(old, new, rng=rng)
    assert found.low < 0.760 < found.high + 0.01
    assert found.high - found.low < 0.04


def test_categories_are_told_by_their_codes():
    rng = np.random.default_rng(3)
    old = rng.choice([0, 2, 4, 300], size=(1_000, 1))
    new = rng.choice([1, 2, 3, 300], size=(1_000, 1))
    found = separation_auc(old, new, is_categorical=[True], rng=rng)
    # Half of the rows on each side are known for certain, the others not at all: 1 - 1/4 / 2.
    assert found.value == pytest.approx(0.875, abs=0.03)


def test_rows_are_drawn_and_the_seed_decides():
    rows = np.random.default_rng(4).normal(size=(MAX_ROWS + 500, 2))
    one, same = (separation_auc(rows, rows[:400], rng=np.random.default_rng(7)) for _ in range(2))
    assert one == same
    assert (one.n_old, one.n_new) == (MAX_ROWS, 400)


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="expected 50 rows on each side, got 49 and 80"):
        separation_auc(np.zeros((49, 1)), np.zeros((80, 1)), rng=np.random.default_rng(0))


def test_the_variance_is_that_of_simulated_samples():
    rng = np.random.default_rng(5)
    label = np.repeat([0, 1], [60, 40])
    found = []
    for _ in range(800):
        score = rng.normal(size=100) + label
        auc, variance = _auc_with_variance(label, score)
        assert auc == pytest.approx(roc_auc_score(label, score))
        found.append((auc, variance))
    auc, variance = np.array(found).T
    assert variance.mean() == pytest.approx(auc.var(), rel=0.15)
