"""Decisions, probabilities and the summary: against scikit-learn and by hand."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from evaluation.metrics import (
    amount_saved,
    brier_score,
    confusion_at,
    count_summary,
    expected_calibration_error,
    f1_at,
    prevalence_weights,
    summarise,
)


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    y = (rng.random(400) < 0.2).astype(int)
    score = np.round(np.clip(rng.normal(0.3 + 0.3 * y, 0.2), 0, 1), 2)
    return y, score, rng.uniform(0.5, 4, 400)


def test_confusion_and_f1_are_scikit_learns(rows):
    y, score, weight = rows
    confusion = confusion_at(y, score, 0.5, weight)
    tn, fp, fn, tp = sk.confusion_matrix(y, score >= 0.5, sample_weight=weight).ravel()
    assert confusion == pytest.approx((tp, fp, fn, tn))
    assert confusion.precision == pytest.approx(tp / (tp + fp))
    assert confusion.recall == pytest.approx(tp / (tp + fn))
    expected = sk.f1_score(y, score >= 0.5, sample_weight=weight)
    assert f1_at(y, score, 0.5, weight) == pytest.approx(expected)


def test_a_score_equal_to_the_threshold_is_an_alert():
    assert confusion_at([1, 0], [0.5, 0.4], 0.5) == (1, 0, 0, 1)


def test_without_alerts_precision_and_f1_are_zero():
    confusion = confusion_at([1, 0], [0.5, 0.4], 0.9)
    assert (confusion.precision, confusion.recall, confusion.f1) == (0, 0, 0)


def test_brier_score_is_scikit_learns(rows):
    y, score, weight = rows
    expected = sk.brier_score_loss(y, score, sample_weight=weight)
    assert brier_score(y, score, weight) == pytest.approx(expected)


def test_calibration_error_by_hand():
    # Two bins of two rows: means 0.1 against 1/2, 0.8 against 1/2.
    y, score = [0, 1, 1, 0], [0.1, 0.1, 0.8, 0.8]
    assert expected_calibration_error(y, score, n_bins=2) == pytest.approx((0.4 + 0.3) / 2)
    # One bin: labels 1/2 against scores 0.45.
    assert expected_calibration_error(y, score, n_bins=1) == pytest.approx(0.05)


def test_calibration_error_weights_are_copies_and_order_is_irrelevant(rows):
    y, score, _ = rows
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    copies = np.random.default_rng(1).permutation(np.repeat(np.arange(len(y)), weight))
    expected = expected_calibration_error(y[copies], score[copies])
    assert expected_calibration_error(y, score, weight) == pytest.approx(expected)


def test_calibrated_scores_have_a_small_error_and_shifted_ones_the_shift():
    rng = np.random.default_rng(0)
    score = rng.uniform(0.1, 0.6, 100_000)
    y = rng.random(100_000) < score
    assert expected_calibration_error(y, score) < 0.01
    assert expected_calibration_error(y, score + 0.3) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("metric", [brier_score, expected_calibration_error])
def test_probabilities_are_asked_for(metric):
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\], got scores from -1.0 to 2.0"):
        metric([0, 1], [-1, 2])


def test_prevalence_weights_set_the_fraud_rate_and_keep_frauds():
    y = np.array([1] * 5 + [0] * 95)
    weight = prevalence_weights(y, 0.00167)
    assert np.average(y, weights=weight) == pytest.approx(0.00167)
    assert set(weight[:5]) == {1.0}
    np.testing.assert_array_equal(prevalence_weights(y, None), np.ones(100))


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 2])
def test_impossible_prevalence_is_named(prevalence):
    with pytest.raises(ValueError, match=r"prevalence must lie in \(0, 1\)"):
        prevalence_weights([0, 1], prevalence)


def test_prevalence_needs_both_classes():
    with pytest.raises(ValueError, match="got 2 frauds among 2 rows"):
        prevalence_weights([1, 1], 0.1)


def test_amount_saved_is_the_money_in_caught_frauds():
    y, amount, alerts = [0, 1, 1, 1], [10.0, 20.0, 30.0, 40.0], [True, True, False, True]
    assert amount_saved(y, amount, alerts) == 60
    assert amount_saved(y, amount, alerts, [1, 2, 1, 1]) == 80
    with pytest.raises(ValueError, match="must have one shape"):
        amount_saved(y, amount[:2], alerts)


def test_counts_stand_beside_rates_and_are_never_weighted():
    y, score = [1, 1, 1, 0, 0], [0.9, 0.8, 0.1, 0.7, 0.6]
    counts = count_summary(y, score, 0.5, [1, 1, 1, 4, 4])
    assert str(counts) == "2 of 3 frauds caught, 2 false alarms"
    assert (counts.n_rows, counts.n_alerts, counts.n_missed) == (5, 4, 1)
    assert (counts.n_false_alarms, counts.n_false_alarms_weighted) == (2, 8)
    assert str(count_summary(y, score, 0.65)) == "2 of 3 frauds caught, 1 false alarm"


def test_summary_by_hand():
    y, score = [1, 1, 0, 0], np.array([0.9, 0.3, 0.7, 0.1])
    summary = summarise(
        y,
        score,
        0.5,
        sample_weight=[1, 1, 4, 4],
        amount=[50.0, 20.0, 5.0, 5.0],
        alert_budget=2,
        fpr=0.5,
    )
    assert summary == pytest.approx(
        {
            "average_precision": (1 + 2 / 6) / 2,
            "f1": 2 / 7,
            "precision": 1 / 5,
            "recall": 1 / 2,
            "recall_at_fpr": 1.0,
            "precision_at_k": 1 / 2,
            "recall_at_k": 1 / 2,
            "brier_score": (0.01 + 0.49 + 4 * 0.49 + 4 * 0.01) / 10,
            "expected_calibration_error": summary["expected_calibration_error"],
            "amount_saved": 50.0,
            "amount_at_risk": 70.0,
            "n_rows": 4,
            "n_frauds": 2,
            "n_alerts": 2,
            "n_caught": 1,
            "n_missed": 1,
            "n_false_alarms": 1,
            "n_false_alarms_weighted": 4,
            "prevalence": 0.2,
            "threshold": 0.5,
        }
    )
    assert all(type(value) is float for value in summary.values())
    json.dumps(summary, allow_nan=False)


def test_summary_of_scores_that_are_no_probabilities_has_no_probability_figures():
    summary = summarise([1, 0, 0], [3.0, 1.0, -1.0], 2.0)
    assert "brier_score" not in summary
    assert summary["f1"] == 1.0


def test_an_alert_budget_above_the_rows_alerts_all():
    summary = summarise([1, 0, 0, 0], [0.9, 0.8, 0.1, 0.2], 0.5, alert_budget=100)
    assert summary["precision_at_k"] == 0.25
    assert summary["recall_at_k"] == 1.0
