"""Decay between independent samples: known losses are held, and none is found where none is."""

import numpy as np
import pytest

from evaluation.decay import FIGURES, MIN_FRAUDS, decay
from evaluation.decisions import confusion_at
from evaluation.metrics import prevalence_weights
from evaluation.ranking import average_precision

THRESHOLD = 0.5


def rows(rng, n_frauds, n_genuine, caught=0.8, weight=None):
    label = np.repeat([1, 0], [n_frauds, n_genuine])
    is_seen = rng.random(n_frauds) < caught
    frauds = np.where(is_seen, rng.uniform(0.5, 1, n_frauds), rng.uniform(0, 0.5, n_frauds))
    return label, np.concatenate([frauds, rng.beta(0.5, 20, n_genuine)]), weight


def test_values_are_those_of_the_metrics():
    rng = np.random.default_rng(0)
    test, new = rows(rng, 60, 3_000), rows(rng, 40, 500)
    new = (*new[:2], prevalence_weights(new[0], 0.02))
    found = decay(test, new, THRESHOLD, n_resamples=100, rng=rng)
    assert tuple(found) == FIGURES
    for side, (y, s, w) in (("test", test), ("new", new)):
        at = confusion_at(y, s, THRESHOLD, w)
        assert getattr(found["f1"], side) == pytest.approx(at.f1)
        assert getattr(found["recall"], side) == pytest.approx(at.recall)
        ranked = average_precision(y, s, w)
        assert getattr(found["average_precision"], side) == pytest.approx(ranked)
    for one in found.values():
        assert one.loss == pytest.approx(one.test - one.new)
        assert one.low <= one.loss <= one.high


@pytest.mark.parametrize("n_frauds", [MIN_FRAUDS, 80])
def test_no_decay_is_rarely_taken_for_one(n_frauds):
    rng = np.random.default_rng(1)
    alarms = dict.fromkeys(("f1", "recall", "average_precision"), 0)
    for _ in range(150):
        sides = rows(rng, 90, 3_000), rows(rng, n_frauds, 40 * n_frauds)
        found = decay(*sides, THRESHOLD, n_resamples=150, rng=rng)
        for name in alarms:
            alarms[name] += found[name].low > 0
    assert max(alarms.values()) <= 0.06 * 150, alarms


def test_the_interval_holds_a_known_loss_of_recall():
    rng = np.random.default_rng(2)
    found = [
        decay(rows(rng, 90, 1_000), rows(rng, 60, 1_000, caught=0.5), THRESHOLD,
              n_resamples=150, rng=rng)["recall"]
        for _ in range(150)
    ]  # fmt: skip
    held = np.mean([one.low <= 0.3 <= one.high for one in found])
    assert held >= 0.90
    assert np.mean([one.low > 0 for one in found]) > 0.9


def test_samples_are_resampled_on_their_own():
    """The same rows twice: paired resamples would give no spread at all."""
    rng = np.random.default_rng(3)
    same = rows(rng, 60, 2_000)
    one = decay(same, same, THRESHOLD, n_resamples=200, rng=rng)["f1"]
    assert one.loss == 0
    assert one.low < -0.05 < 0.05 < one.high
