"""Recalibration: monotone, balanced, finite, and scikit-learn's answer where data decide."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from evaluation.calibration import (
    LogisticCalibration,
    calibration_slope,
    fit_logistic_calibration,
)
from evaluation.metrics import average_precision, prevalence_weights


def scored(n, slope, intercept, seed=0):
    rng = np.random.default_rng(seed)
    raw = rng.normal(-2, 2, n)
    y = (rng.random(n) < expit(slope * raw + intercept)).astype(int)
    return expit(raw), y


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.5, -1), (2.5, 1)])
def test_recovers_the_distortion_it_should_undo(slope, intercept):
    fitted = fit_logistic_calibration(*scored(50_000, slope, intercept))
    assert fitted.slope == pytest.approx(slope, rel=0.06)
    assert fitted.intercept == pytest.approx(intercept, abs=0.12)


def test_equals_unpenalised_weighted_logistic_regression():
    score, y = scored(2_000, 0.7, -1)
    weight = prevalence_weights(y, 0.01)
    fitted = fit_logistic_calibration(score, y, weight, ridge=1e-9)
    expected = LogisticRegression(C=1e9, tol=1e-10, max_iter=1_000)
    expected.fit(logit(score)[:, None], y, sample_weight=weight)
    assert fitted.slope == pytest.approx(expected.coef_[0, 0], rel=1e-3)
    assert fitted.intercept == pytest.approx(expected.intercept_[0], rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 60), st.floats(0.001, 0.6))
def test_mean_equals_the_weighted_fraud_rate_and_slope_is_positive(seed, n, prevalence):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.3).astype(int)
    y[:2] = [0, 1]
    score = np.round(rng.random(n) ** 3, 2)
    weight = prevalence_weights(y, prevalence)
    fitted = fit_logistic_calibration(score, y, weight)
    assert fitted.slope > 0
    assert np.average(fitted.apply(score), weights=weight) == pytest.approx(prevalence, rel=1e-6)


@pytest.mark.parametrize(
    ("score", "y"),
    [
        ([0.01, 0.02, 0.97, 0.99], [0, 0, 1, 1]),  # no overlap
        ([0.0, 0.0, 1.0, 1.0], [0, 0, 1, 1]),  # saturated
        ([0.2, 0.8], [0, 1]),  # one of each
        ([0.3, 0.3, 0.3], [0, 1, 0]),  # one constant score
    ],
)
def test_few_or_separable_rows_give_a_moderate_slope(score, y):
    fitted = fit_logistic_calibration(score, y)
    assert 0.3 < fitted.slope < 3
    assert np.isfinite(fitted.intercept)


def test_a_score_that_points_the_wrong_way_is_flattened_not_turned():
    score, y = scored(5_000, 1, 0)
    fitted = fit_logistic_calibration(1 - score, y)
    assert 0 < fitted.slope < 0.01
    assert np.ptp(fitted.apply(score)) < 0.02


def test_apply_keeps_the_order():
    score, y = scored(3_000, 0.4, -2)
    calibrated = fit_logistic_calibration(score, y).apply(score)
    assert np.array_equal(np.argsort(score), np.argsort(calibrated))
    assert average_precision(y, calibrated) == pytest.approx(average_precision(y, score))


def test_apply_by_hand_and_at_the_ends():
    calibration = LogisticCalibration(slope=2.0, intercept=np.log(3))
    np.testing.assert_allclose(calibration.apply([0.5, 2 / 3]), [3 / 4, 12 / 13])
    ends = calibration.apply([0.0, 1.0])
    assert ends == pytest.approx([0, 1])
    assert np.isfinite(ends).all()


def test_survives_json():
    calibration = LogisticCalibration(0.8, -1.5, 1e-4)
    assert LogisticCalibration.from_dict(json.loads(json.dumps(calibration.to_dict()))) == (
        calibration
    )


def test_weights_are_copies():
    score, y = scored(300, 1, 0)
    weight = np.random.default_rng(0).integers(1, 4, 300)
    copies = fit_logistic_calibration(np.repeat(score, weight), np.repeat(y, weight))
    weighted = fit_logistic_calibration(score, y, weight)
    assert weighted.slope == pytest.approx(copies.slope, rel=1e-4)


def lapsing(n, floor, seed=0):
    """Scores of which a share `floor` are frauds whatever the score says."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(-12, 5, n)
    fraud = rng.random(n) < floor + (1 - floor) * expit(raw)
    return expit(raw), fraud.astype(int)


def test_finds_the_floor_that_some_frauds_lie_on():
    score, y = lapsing(200_000, 5e-4)
    fitted = fit_logistic_calibration(score, y)
    assert fitted.floor == pytest.approx(5e-4, rel=0.25)
    assert fitted.apply(score).mean() == pytest.approx(y.mean(), rel=1e-6)
    line = fit_logistic_calibration(score, y, with_floor=False)
    unseen, labels = lapsing(200_000, 5e-4, seed=1)
    saved = log_loss(labels, line.apply(unseen)) - log_loss(labels, fitted.apply(unseen))
    assert saved * len(labels) > 10  # nats


def test_gives_no_floor_where_none_is_needed():
    floors = [fit_logistic_calibration(*lapsing(50_000, 0.0, seed)).floor for seed in range(20)]
    assert np.count_nonzero(floors) <= 3


def test_apply_with_a_floor_by_hand():
    calibration = LogisticCalibration(slope=1.0, intercept=0.0, floor=0.2)
    np.testing.assert_allclose(calibration.apply([0.0, 0.5, 1.0]), [0.2, 0.6, 1.0], atol=1e-11)


def test_slope_says_which_way_scores_err():
    score, y = scored(20_000, 1, 0)
    assert calibration_slope(y, score) == pytest.approx(1, abs=0.05)
    assert calibration_slope(y, expit(2 * logit(score))) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("score", "y", "message"),
    [
        ([0.1, 0.2], [1, 1], "frauds and genuine"),
        ([0.1, 2.0], [0, 1], "probabilities"),
        ([0, 1], [0.1, 0.2], "only 0 and 1"),  # arguments swapped
    ],
)
def test_malformed_rows_are_named(score, y, message):
    with pytest.raises(ValueError, match=message):
        fit_logistic_calibration(score, y)


def test_impossible_numbers_are_named():
    with pytest.raises(ValueError, match="ridge must be above 0"):
        fit_logistic_calibration([0.1, 0.9], [0, 1], ridge=0)
    with pytest.raises(ValueError, match="finite slope above 0"):
        LogisticCalibration(-1.0, 0.0)
    with pytest.raises(ValueError, match="floor must lie"):
        LogisticCalibration(1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="probabilities"):
        LogisticCalibration(1.0, 0.0).apply([1.5])


@pytest.mark.parametrize("ridge", [0.1, 1.0, 10.0])
def test_few_rows_minimise_the_documented_objective(ridge):
    score, y = np.array([0.02, 0.1, 0.4, 0.3, 0.9]), np.array([0, 0, 0, 1, 1])
    weight = np.array([4.0, 4.0, 4.0, 1.0, 1.0])

    def objective(slope, intercept):
        p = expit(slope * logit(score) + intercept)
        loss = -weight @ (y * np.log(p) + (1 - y) * np.log(1 - p))
        return loss + ridge / 2 * (slope - 1) ** 2

    fitted = fit_logistic_calibration(score, y, weight, ridge=ridge)
    lowest = objective(fitted.slope, fitted.intercept)
    for step in (-0.01, 0.01):
        assert objective(fitted.slope + step, fitted.intercept) > lowest
        assert objective(fitted.slope, fitted.intercept + step) > lowest


def test_a_few_saturated_scores_do_not_decide_the_slope():
    score, y = scored(5_000, 1, 0)
    saturated = np.append(score, [1.0] * 4)
    labels = np.append(y, [1, 1, 1, 0])  # one of the four "certain" frauds is none
    plain, fitted = fit_logistic_calibration(score, y), fit_logistic_calibration(saturated, labels)
    assert fitted.slope == pytest.approx(plain.slope, rel=0.05)
    assert fitted.apply(saturated).mean() == pytest.approx(labels.mean())
