"""Thresholds keep their promise on the rows they were chosen on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from evaluation.metrics import best_f1, confusion_at, f1_at
from evaluation.thresholds import (
    cheapest_threshold,
    choose_threshold,
    cost_at,
    expected_f1_threshold,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=40
).map(lambda rows: np.array([(1, 5, 1), (0, 2, 1), *rows]).T)


@given(ROWS)
def test_by_f1_lies_halfway_between_the_f1_that_came_and_the_one_expected(rows):
    y, score, weight = rows[0], rows[1] / 10 + 0.05, rows[2]
    found = best_f1(y, score, weight)[1]
    expected = expected_f1_threshold(score, weight)
    threshold = choose_threshold(y, score, sample_weight=weight)
    assert logit(threshold) == pytest.approx((logit(found) + logit(expected)) / 2)
    assert min(found, expected) <= threshold <= max(found, expected)


@given(ROWS)
def test_no_cut_has_a_higher_expected_f1(rows):
    score, weight = rows[1] / 10 + 0.05, rows[2]

    def expected_f1(threshold):
        alerts = score >= threshold
        twice_caught = 2 * np.sum(weight * score * alerts)
        return twice_caught / (np.sum(weight * alerts) + np.sum(weight * score))

    best = expected_f1(expected_f1_threshold(score, weight))
    assert best == pytest.approx(max(expected_f1(cut) for cut in np.unique(score)))


def test_f1_by_hand():
    # F1 is 2/3, 1/2 and 4/5 for one, two and three alerts, so cut at 0.1. Expected are 18/29,
    # 34/39 and 38/49, so cut at 0.5.
    y, score = [1, 0, 1, 0], [0.9, 0.8, 0.2, 0.0]
    assert best_f1(y, score)[1] == pytest.approx(0.1)
    assert expected_f1_threshold(score) == pytest.approx(0.5)
    # The odds are 1/9 and 1, so halfway in log odds lie the odds 1/3.
    assert choose_threshold(y, score) == pytest.approx(0.25)


def test_f1_on_new_rows_is_steadier_and_higher_than_at_the_empirical_best():
    """Calibrated scores, about 60 frauds to choose on, F1 judged on 400,000 other rows."""
    rng = np.random.default_rng(0)

    def rows(n):
        score = expit(rng.normal(-12, 4.5, n))
        return (rng.random(n) < score).astype(int), score

    new = rows(400_000)
    thresholds, f1 = [], []
    for _ in range(60):
        y, score = rows(8_000)
        both = [best_f1(y, score)[1], choose_threshold(y, score)]
        thresholds.append(logit(both))
        f1.append([f1_at(*new, threshold) for threshold in both])
    spread_of_best, spread = np.std(thresholds, axis=0)
    assert spread < 0.7 * spread_of_best
    of_best, of_ours = np.mean(f1, axis=0)
    assert of_ours > of_best + 0.003


def test_saturated_and_separable_scores_have_a_threshold_that_parts_them():
    for dtype in (np.float32, np.float64):
        score = np.array([1.0, 1.0, 0.0, 0.0], dtype)
        threshold = choose_threshold([1, 1, 0, 0], score)
        np.testing.assert_array_equal(score >= dtype(threshold), [True, True, False, False])


@given(ROWS, st.floats(0.05, 1))
def test_alerts_fill_the_budget_and_never_exceed_it(rows, share):
    y, score, weight = rows
    shares = {s: np.average(score >= s, weights=weight) for s in np.unique(score)}
    possible = [alerted for alerted in shares.values() if alerted <= share * (1 + 1e-12)]
    if not possible:
        with pytest.raises(ValueError, match="raise the alert budget"):
            choose_threshold(y, score, by="alerts", value=share, sample_weight=weight)
        return
    threshold = choose_threshold(y, score, by="alerts", value=share, sample_weight=weight)
    assert np.average(score >= threshold, weights=weight) == pytest.approx(max(possible))


@given(ROWS, st.floats(0.05, 1))
def test_precision_floor_is_kept_with_the_highest_recall(rows, floor):
    y, score, weight = rows
    confusions = [confusion_at(y, score, s, weight) for s in np.unique(score)]
    possible = [c.recall for c in confusions if c.recall > 0 and c.precision >= floor * (1 - 1e-12)]
    if not possible:
        with pytest.raises(ValueError, match="lower the precision floor"):
            choose_threshold(y, score, by="precision", value=floor, sample_weight=weight)
        return
    threshold = choose_threshold(y, score, by="precision", value=floor, sample_weight=weight)
    chosen = confusion_at(y, score, threshold, weight)
    assert chosen.precision >= floor - 1e-9
    assert chosen.recall == pytest.approx(max(possible))


def test_of_equal_recall_the_fewest_alerts_win():
    # Both cuts 0.9 and 0.5 catch the one fraud with a precision of at least 1/2.
    y, score = [1, 0, 0], [0.9, 0.5, 0.1]
    assert choose_threshold(y, score, by="precision", value=0.5) == pytest.approx(0.7)


def test_weights_decide_what_a_budget_means():
    y, score = [1, 0, 0, 0], [0.9, 0.8, 0.2, 0.1]
    assert choose_threshold(y, score, by="alerts", value=0.25) == pytest.approx(0.85)
    tight = [1, 33, 33, 33]
    assert choose_threshold(y, score, by="alerts", value=0.02, sample_weight=tight) > 0.8
    with pytest.raises(ValueError, match=r"highest score alone is shared by 0\.25"):
        choose_threshold(y, score, by="alerts", value=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "recall"}, r"by must be one of \['alerts', 'f1', 'precision'\], got 'recall'"),
        ({"by": "f1", "value": 0.5}, "takes no value"),
        ({"score": [0.1, 2.0]}, "expected probabilities"),
        ({"by": "alerts"}, r"needs a value in \(0, 1\], got None"),
        ({"by": "alerts", "value": 100}, r"needs a value in \(0, 1\], got 100"),
        ({"by": "precision", "value": 0}, r"needs a value in \(0, 1\], got 0"),
        ({"by": "precision", "value": 0.9}, "highest one reached is 0.5"),
    ],
)
def test_impossible_rules_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold([1, 0], **{"score": [0.1, 0.9]} | arguments)


COSTED = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 3), st.integers(0, 50)),
    min_size=1,
    max_size=40,
).map(lambda rows: np.array([(1, 5, 1, 8), (0, 2, 1, 3), *rows]).T)


@given(COSTED, st.integers(1, 30), st.sampled_from([0.25, 0.5, 1.0, 2.0]), st.booleans())
def test_no_cut_is_cheaper_than_the_cheapest_and_of_equals_it_has_the_fewest_alerts(
    rows, false_alarm, missed_unit, has_weights
):
    y, score, weight, amount = rows
    weight = weight if has_weights else np.ones(len(y))

    def cost(alerts):
        missed = np.sum((weight * amount)[(y == 1) & ~alerts])
        return false_alarm * np.sum(weight[(y == 0) & alerts]) + missed_unit * missed

    # Costs are exact in binary here, so equal means equal.
    kept = np.unique(score[weight > 0])[::-1]
    cuts = [cost(np.zeros(len(y), dtype=bool)), *(cost(score >= cut) for cut in kept)]
    cheapest = int(np.argmin(cuts))
    costs = {"cost_per_false_alarm": false_alarm, "cost_per_missed_unit": missed_unit}
    weights = {"sample_weight": weight if has_weights else None}
    if not weight[y == 1].any():
        with pytest.raises(ValueError, match="at least one fraud"):
            cheapest_threshold(y, score, amount, **costs, **weights)
        return
    if cheapest == 0:
        with pytest.raises(ValueError, match="lower the cost per false alarm"):
            cheapest_threshold(y, score, amount, **costs, **weights)
        return
    threshold = cheapest_threshold(y, score, amount, **costs, **weights)
    np.testing.assert_array_equal(kept >= threshold, kept >= kept[cheapest - 1])
    assert cost_at(y, score, threshold, amount, **costs, **weights) == min(cuts)


def test_cost_by_hand():
    # Frauds of 9 and 40 at 1.0 and 0.5, genuine rows at 0.75 and 0.25. Alerts on one, two, three
    # and four rows cost 40, 45, 5 and 10 where a false alarm costs 5.
    y, score, amount = [1, 0, 1, 0], [1.0, 0.75, 0.5, 0.25], [9.0, 100.0, 40.0, 100.0]
    for threshold, cost in [(1.0, 40), (0.75, 45), (0.5, 5), (0.25, 10)]:
        assert cost_at(y, score, threshold, amount, cost_per_false_alarm=5) == cost
    assert cheapest_threshold(y, score, amount, cost_per_false_alarm=5) == 0.375
    # At 50 each, the false alarm is worth more than the second fraud; at half the loss, already
    # at 21.
    assert cheapest_threshold(y, score, amount, cost_per_false_alarm=50) == 0.875
    half = {"cost_per_false_alarm": 21, "cost_per_missed_unit": 0.5}
    assert cheapest_threshold(y, score, amount, **half) == 0.875
    # A genuine row that stands for ten makes its alarm ten times as dear.
    dear = [1, 10, 1, 10]
    assert cheapest_threshold(y, score, amount, cost_per_false_alarm=5, sample_weight=dear) == 0.875


def test_equal_costs_in_other_digits_still_mean_the_fewest_alerts():
    # Missing 0.1 and 0.2 costs what a false alarm at 0.3 does, but 0.1 + 0.2 > 0.3 in binary.
    y, score = [1, 0, 1, 1], [0.9, 0.8, 0.7, 0.7]
    threshold = cheapest_threshold(y, score, [1, 0, 0.1, 0.2], cost_per_false_alarm=0.3)
    assert threshold == pytest.approx(0.85)


def test_a_threshold_that_is_as_dear_as_no_alert_is_none():
    with pytest.raises(ValueError, match=r"no alert at all \(5\); the cheapest one costs 5"):
        cheapest_threshold([1, 0], [0.5, 0.5], [5, 1], cost_per_false_alarm=5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cost_per_false_alarm": 0}, "cost_per_false_alarm must be .* above 0, got 0"),
        ({"cost_per_false_alarm": np.nan}, "cost_per_false_alarm must be .*, got nan"),
        ({"cost_per_missed_unit": np.inf}, "cost_per_missed_unit must be .*, got inf"),
        ({"amount": [1.0]}, r"amount must hold 2 finite numbers like y_true, got shape \(1,\)"),
        ({"amount": [1.0, np.nan]}, "finite numbers"),
        ({"cost_per_false_alarm": 1e9, "score": [0.9, 0.1]}, r"no alert at all \(1\)"),
    ],
)
def test_impossible_costs_are_named(arguments, message):
    usable = {"score": [0.1, 0.9], "amount": [1.0, 1.0], "cost_per_false_alarm": 0.5}
    with pytest.raises(ValueError, match=message):
        cheapest_threshold([0, 1] if "score" in arguments else [1, 0], **usable | arguments)
