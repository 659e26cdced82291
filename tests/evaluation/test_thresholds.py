"""Thresholds keep their promise on the rows they were chosen on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.metrics import best_f1, confusion_at
from evaluation.thresholds import choose_threshold

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(1, 3)), min_size=1, max_size=40
).map(lambda rows: np.array([(1, 5, 1), (0, 2, 1), *rows]).T)


@given(ROWS)
def test_by_f1_is_best_f1(rows):
    y, score, weight = rows
    expected = best_f1(y, score, weight)[1]
    assert choose_threshold(y, score, sample_weight=weight) == expected


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
        ({"by": "alerts"}, r"needs a value in \(0, 1\], got None"),
        ({"by": "alerts", "value": 100}, r"needs a value in \(0, 1\], got 100"),
        ({"by": "precision", "value": 0}, r"needs a value in \(0, 1\], got 0"),
        ({"by": "precision", "value": 0.9}, "highest one reached is 0.5"),
    ],
)
def test_impossible_rules_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold([1, 0], [0.1, 0.9], **arguments)
