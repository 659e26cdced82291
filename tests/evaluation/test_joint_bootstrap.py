"""The joint bootstrap: figures of other code on every resample, and intervals that hold."""

import numpy as np
import pytest

from evaluation.decisions import amount_saved, confusion_at
from evaluation.joint_bootstrap import _groups, compare_models
from evaluation.metrics import prevalence_weights
from evaluation.ranking import average_precision, recall_at_fpr, recall_at_k
from evaluation.uncertainty import paired_difference, threshold_statistics

THRESHOLDS = (1.0, 0.8, 1.2)


def simulated(rng, n_genuine=2000, n_frauds=60, noise=(1.0, 1.0, 1.0), decimals=None):
    y = np.repeat([0, 1], [n_genuine, n_frauds])
    common = rng.normal(2.0 * y, 1.0)
    scores = [common + rng.normal(0, deviation, len(y)) for deviation in noise]
    return y, [score if decimals is None else np.round(score, decimals) for score in scores]


@pytest.mark.parametrize("decimals", [None, 1])
def test_estimates_are_those_of_the_plain_metrics(decimals):
    rng = np.random.default_rng(1)
    y, scores = simulated(rng, decimals=decimals)
    weight, amount = prevalence_weights(y, 0.01), rng.exponential(50, len(y))
    found = compare_models(
        y, scores, THRESHOLDS, weight, amount=amount, alert_budget=80, fpr=0.01,
        n_resamples=2, rng=rng,
    )  # fmt: skip
    for i, (score, threshold) in enumerate(zip(scores, THRESHOLDS, strict=True)):
        confusion = confusion_at(y, score, threshold, weight)
        expected = {
            "average_precision": average_precision(y, score, weight),
            "f1": confusion.f1,
            "precision": confusion.precision,
            "recall": confusion.recall,
            "recall_at_fpr": recall_at_fpr(y, score, 0.01, weight),
            "caught_at_budget": 60 * recall_at_k(y, score, 80, weight),
            "alerts": confusion.true_positives + confusion.false_positives,
            "false_alarms": np.sum((score >= threshold) & (y == 0)),
            "amount_caught": amount_saved(y, amount, score >= threshold, weight),
        }
        for name, value in expected.items():
            assert found[name].estimate[i] == pytest.approx(value), name


def test_resamples_are_resamples_of_the_rows():
    # The same model twice, with ties: every figure of every resample is equal in both.
    rng = np.random.default_rng(2)
    y, (score, *_) = simulated(rng, decimals=1)
    found = compare_models(y, [score, 3 * score + 1], (1.0, 4.0), n_resamples=200, rng=rng)
    for name, comparison in found.items():
        assert comparison.difference_low[1] == comparison.difference_high[1] == 0, name
        assert comparison.probability_better[1] == 0.5
        assert comparison.low[1] < comparison.high[1], name


def test_agrees_with_the_paired_bootstrap_of_any_figures():
    rng = np.random.default_rng(3)
    y, scores = simulated(rng, noise=(1.0, 0.4, 1.0))
    weight = prevalence_weights(y, 0.005)
    joint = compare_models(y, scores, THRESHOLDS, weight, n_resamples=4000, rng=rng)
    paired = paired_difference(
        threshold_statistics(THRESHOLDS[0]), y, scores[0], scores[1], weight,
        statistics_b=threshold_statistics(THRESHOLDS[1]),
        cuts=([THRESHOLDS[0]], [THRESHOLDS[1]]), n_resamples=4000, rng=rng,
    )  # fmt: skip
    for name in ("average_precision", "f1", "precision", "recall", "recall_at_fpr"):
        one, other = joint[name], paired[name]
        width = other.high - other.low
        assert one.difference[1] == pytest.approx(other.estimate)
        assert one.difference_low[1] == pytest.approx(other.low, abs=0.06 * width), name
        assert one.difference_high[1] == pytest.approx(other.high, abs=0.06 * width), name
        assert one.probability_better[1] == pytest.approx(other.probability_b_better, abs=0.03)


def test_groups_hold_rows_that_no_model_tells_apart():
    places = [np.array([0, 0, 2, 2, 0]), np.array([1, 1, 1, 3, 3])]
    groups, sizes = _groups(places)
    found = sorted(zip(groups[0], groups[1], sizes, strict=True))
    assert found == [(0, 1, 2), (0, 3, 1), (2, 1, 1), (2, 3, 1)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "allowed"), [(200, 0.04), pytest.param(1000, 0.02, marks=pytest.mark.full)]
)
def test_intervals_cover_the_truth_and_a_true_null_is_rejected_at_its_rate(n, allowed):
    """Simulated comparisons of models whose true difference is known; 2.6 standard errors off."""
    rng = np.random.default_rng(4)
    y, scores = simulated(rng, 400_000, 100_000, noise=(1.0, 0.5, 1.0))
    weight = prevalence_weights(y, 0.02)
    truth = compare_models(y, scores, (1.5,) * 3, weight, n_resamples=1, rng=rng)
    names = ("average_precision", "f1", "recall")
    covered = {name: np.zeros(2) for name in names}
    rejected = dict.fromkeys(names, 0)
    for _ in range(n):
        y, scores = simulated(rng, 3000, 150, noise=(1.0, 0.5, 1.0))
        found = compare_models(
            y, scores, (1.5,) * 3, prevalence_weights(y, 0.02), n_resamples=500, rng=rng
        )
        for name in names:
            one, true = found[name], truth[name]
            covered[name] += [
                one.low[0] <= true.estimate[0] <= one.high[0],
                one.difference_low[1] <= true.difference[1] <= one.difference_high[1],
            ]
            rejected[name] += not one.difference_low[2] <= 0 <= one.difference_high[2]
    for name in names:
        assert np.all(np.abs(covered[name] / n - 0.95) <= allowed), (name, covered)
        assert abs(rejected[name] / n - 0.05) <= allowed, (name, rejected)


def test_the_best_of_many_equal_models_is_seldom_called_better():
    """Of 19 models as good as the first, the best one by these rows looks better far too often."""
    rng = np.random.default_rng(6)
    n, misses = 60, np.zeros(2)
    for _ in range(n):
        y, scores = simulated(rng, 1000, 95, noise=(1.0,) * 20)
        found = compare_models(y, scores, (1.5,) * 20, alert_budget=90, n_resamples=200, rng=rng)
        caught = found["caught_at_budget"]
        best = int(np.argmax(caught.difference[1:])) + 1
        misses += [caught.difference_low[best] > 0, caught.family_low[best] > 0]
    assert misses[1] / n <= 0.07
    assert misses[0] > misses[1]


def test_two_models_are_a_family_of_one_difference():
    rng = np.random.default_rng(7)
    y, scores = simulated(rng)
    for one in compare_models(y, scores[:2], (1.0, 0.8), n_resamples=100, rng=rng).values():
        assert np.array_equal(one.family_low, one.difference_low)
        assert np.array_equal(one.family_high, one.difference_high)


def test_by_hand_with_ties():
    # Frauds at 3, 2, 2, 0; genuine rows at 2, 1, 0, and each stands for two transactions.
    y, score = [1, 1, 1, 1, 0, 0, 0], [3.0, 2.0, 2.0, 0.0, 2.0, 1.0, 0.0]
    found = compare_models(
        y, [score], [2.0], [1.0] * 4 + [2.0] * 3, amount=np.arange(1.0, 8), alert_budget=3,
        fpr=1 / 3, n_resamples=1, rng=np.random.default_rng(0),
    )  # fmt: skip
    expected = {
        "average_precision": 1 / 4 + 2 / 4 * 3 / 5 + 1 / 4 * 4 / 10,
        "f1": 2 * 3 / (5 + 4),
        "precision": 3 / 5,
        "recall": 3 / 4,
        "recall_at_fpr": 3 / 4,
        "caught_at_budget": 1 + 2 * 2 / 4,  # the two last alerts are drawn from four alike
        "precision_at_budget": 2 / 3,
        "alerts": 5,
        "false_alarms": 1,
        "amount_caught": 1 + 2 + 3,
    }
    assert {name: one.estimate[0] for name, one in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": 1.0}, "level must lie"),
        ({"thresholds": (1.0,)}, "one threshold for each model"),
        ({"sample_weight": np.linspace(1, 2, 2060)}, "one weight for all rows of a class"),
    ],
)
def test_malformed_input_is_named(change, message):
    rng = np.random.default_rng(5)
    y, scores = simulated(rng)
    arguments = {"thresholds": THRESHOLDS, "n_resamples": 1, "rng": rng} | change
    with pytest.raises(ValueError, match=message):
        compare_models(y, scores, **arguments)
