"""Metrics of order: against scikit-learn, by hand, and by properties."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from evaluation.metrics import (
    average_precision,
    best_f1,
    f1_at,
    precision_at_k,
    precision_recall_points,
    recall_at_fpr,
    recall_at_k,
)


@st.composite
def scored_rows(draw):
    """Labels with both classes, scores with ties, small integer weights."""
    n = draw(st.integers(2, 30))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    labels[0], labels[1] = 0, 1
    scores = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    return np.array(labels), np.array(scores) / 8, np.array(weights)


@given(scored_rows())
def test_average_precision_is_scikit_learns(rows):
    y, score, weight = rows
    expected = sk.average_precision_score(y, score, sample_weight=weight)
    assert average_precision(y, score, weight) == pytest.approx(expected)


@given(scored_rows())
def test_best_f1_is_the_best_over_every_threshold(rows):
    y, score, weight = rows
    f1, threshold = best_f1(y, score, weight)
    candidates = [f1_at(y, score, s, weight) for s in np.unique(score)]
    assert f1 == pytest.approx(max(candidates))
    assert f1_at(y, score, threshold, weight) == pytest.approx(f1)


@given(scored_rows(), st.floats(0, 1))
def test_recall_at_fpr_is_the_best_of_scikit_learns_roc(rows, fpr):
    y, score, weight = rows
    rates = sk.roc_curve(y, score, sample_weight=weight, drop_intermediate=False)
    expected = rates[1][rates[0] <= fpr + 1e-12].max()
    assert recall_at_fpr(y, score, fpr, weight) == pytest.approx(expected)


@given(scored_rows(), st.randoms(use_true_random=False), st.floats(0.01, 1))
def test_row_order_is_irrelevant_and_weights_are_copies(rows, random, share):
    y, score, weight = rows
    copies = np.repeat(np.arange(len(y)), weight)
    random.shuffle(order := copies.tolist())
    k = share * weight.sum()
    for metric in (
        average_precision,
        lambda *a: best_f1(*a)[0],
        lambda *a: best_f1(*a)[1],
        lambda y, s, w=None: precision_at_k(y, s, k, w),
        lambda y, s, w=None: recall_at_k(y, s, k, w),
        lambda y, s, w=None: recall_at_fpr(y, s, 0.3, w),
    ):
        assert metric(y, score, weight) == pytest.approx(metric(y[order], score[order]))


@given(scored_rows(), st.floats(0.01, 1))
def test_ties_at_the_cut_count_by_expected_share(rows, share):
    y, score, _ = rows
    k = max(1, round(share * len(y)))
    above = np.sort(score)[::-1][k - 1]
    certain, tied = y[score > above], y[score == above]
    expected = (certain.sum() + (k - len(certain)) * tied.mean()) / k
    assert precision_at_k(y, score, k) == pytest.approx(expected)
    assert recall_at_k(y, score, k) == pytest.approx(expected * k / y.sum())


def test_average_precision_by_hand():
    # Precision 1 at recall 1/2, 2/3 at recall 1.
    assert average_precision([0, 1, 1, 0], [0.1, 0.9, 0.4, 0.8]) == pytest.approx(5 / 6)


def test_rows_of_weight_zero_do_not_count():
    assert average_precision([0, 1, 0], [0.9, 0.5, 0.1], [0, 1, 1]) == 1.0


def test_a_genuine_row_that_stands_for_four_costs_four_false_alarms():
    assert precision_at_k([1, 0, 0], [0.5, 0.9, 0.1], 5, [1, 4, 4]) == pytest.approx(1 / 5)
    f1, threshold = best_f1([1, 0, 0], [0.5, 0.9, 0.1], [1, 4, 4])
    assert f1 == pytest.approx(2 * 1 / (5 + 1))
    assert threshold == pytest.approx(0.3)


def test_threshold_lies_halfway_and_prefers_fewer_alerts():
    # One alert and four alerts both give F1 2/3.
    assert best_f1([1, 0, 0, 1], [0.8, 0.4, 0.2, 0.1])[1] == pytest.approx(0.6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threshold_separates_neighbouring_floats_in_their_own_type(dtype):
    low = dtype(0.7)
    high = np.nextafter(low, dtype(1))
    score = np.array([low, high], dtype=dtype)
    f1, threshold = best_f1([0, 1], score)
    assert f1 == 1.0
    np.testing.assert_array_equal(score >= threshold, [False, True])


def test_halfway_of_huge_scores_does_not_overflow():
    assert best_f1([0, 1], [-1.7e308, 1.7e308]) == (1.0, pytest.approx(0.0))


def test_recall_at_fpr_is_zero_where_the_top_score_is_a_false_alarm():
    assert recall_at_fpr([0, 1, 0], [0.9, 0.5, 0.1], 0.4) == 0.0
    assert recall_at_fpr([0, 1, 0], [0.9, 0.5, 0.1], 0.5) == 1.0


@given(scored_rows())
def test_corners_describe_the_whole_curve(rows):
    y, score, weight = rows
    recall, precision = precision_recall_points(y, score, weight)
    assert recall[0] == 0
    assert recall[-1] == pytest.approx(1)
    area = np.sum(np.diff(recall) * precision[1:])
    assert area == pytest.approx(average_precision(y, score, weight))
    full_precision, full_recall, _ = sk.precision_recall_curve(y, score, sample_weight=weight)
    full = np.column_stack([full_recall, full_precision])
    for point in zip(recall[1:], precision[1:], strict=True):
        assert np.isclose(full, point).all(axis=1).any()


@pytest.mark.parametrize(
    ("y", "score", "weight", "message"),
    [
        ([0, 0], [0.1, 0.2], None, "at least one fraud"),
        ([0, 1], [0.1, 0.2], [1, 0], "at least one fraud"),
        ([0, 2], [0.1, 0.2], None, r"only 0 and 1, got 2.0 in row 1"),
        ([0, 1], [0.1, np.nan], None, "score must be finite, got nan in row 1"),
        ([0, 1], [0.1], None, r"score must have shape \(2,\)"),
        ([0, 1], [0.1, 0.2], [1, -1], "at least 0, got -1"),
        ([[0, 1]], [0.1, 0.2], None, "one dimension"),
    ],
)
def test_malformed_rows_are_named(y, score, weight, message):
    with pytest.raises(ValueError, match=message):
        average_precision(y, score, weight)


@pytest.mark.parametrize("k", [0, -1, 3.5])
def test_k_outside_its_range_is_named(k):
    with pytest.raises(ValueError, match=r"k must lie in \(0, 3\]"):
        precision_at_k([0, 1, 0], [0.1, 0.2, 0.3], k)


def test_recall_at_fpr_names_bad_arguments():
    with pytest.raises(ValueError, match=r"fpr must lie in \[0, 1\], got 2"):
        recall_at_fpr([0, 1], [0, 1], 2)
    with pytest.raises(ValueError, match="frauds and genuine"):
        recall_at_fpr([1, 1], [0, 1], 0.1)


def test_best_f1_of_300_000_rows_is_quick_enough_for_every_epoch():
    rng = np.random.default_rng(0)
    y, score = rng.random(300_000) < 0.002, rng.random(300_000)
    durations = []
    for _ in range(3):
        start = time.perf_counter()
        best_f1(y, score)
        durations.append(time.perf_counter() - start)
    assert min(durations) < 1.0  # 0.07 s alone; the margin is for busy machines
