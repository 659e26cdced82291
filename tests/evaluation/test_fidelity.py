"""Fidelity: twins look alike, shifted rows do not, copies are caught, few rows do not break."""

import json

import numpy as np
import pytest
from scipy.stats import ks_2samp

from evaluation.fidelity import fidelity_report, nearest_distances

COLUMNS = ["V1", "V2", "V3", "V4", "Amount"]
COVARIANCE = 0.6 * np.eye(5) + 0.4


def draw(n, seed, shift=0.0, scale=1.0):
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal(np.full(5, shift), COVARIANCE, n) * scale


def report_on(real, synthetic, **arguments):
    report = fidelity_report(real, synthetic, COLUMNS, rng=np.random.default_rng(0), **arguments)
    json.dumps(report, allow_nan=False)
    return report


@pytest.fixture(scope="module")
def twins():
    return report_on(draw(400, 3), draw(400, 4), holdout=draw(100, 5))


def test_draws_of_one_distribution_cannot_be_told_apart(twins):
    assert twins["ks"]["mean"] < 0.08
    assert twins["correlation"]["mean_absolute_difference"] < 0.1
    assert 0.4 < twins["two_sample"]["logistic_auc"] < 0.6
    assert 0.4 < twins["two_sample"]["forest_auc"] < 0.6
    assert twins["two_sample"]["n_per_side"] == 400
    assert 0.02 < twins["privacy"]["share_nearer_than_real"] < 0.1
    assert twins["privacy"]["n_exact_copies"] == 0
    assert twins["unavailable"] == {}


def test_holdout_frauds_are_the_yardstick(twins):
    assert twins["n_holdout"] == 100
    assert twins["holdout"]["ks"]["mean"] < 0.15
    synthetic, holdout = twins["privacy"]["synthetic_to_real"], twins["holdout"]["holdout_to_real"]
    assert synthetic["median"] == pytest.approx(holdout["median"], rel=0.2)


def test_shifted_rows_are_told_apart_and_the_column_named():
    synthetic = draw(400, 2)
    synthetic[:, 2] += 2.0
    report = report_on(draw(400, 1), synthetic)
    assert report["ks"]["worst_column"] == "V3"
    assert report["ks"]["max"] == report["ks"]["per_column"]["V3"] > 0.5
    assert report["ks"]["per_column"]["V1"] < 0.12
    assert report["two_sample"]["logistic_auc"] > 0.9
    assert report["two_sample"]["forest_auc"] > 0.9


def test_lost_correlation_shows_where_margins_do_not():
    rng = np.random.default_rng(4)
    independent = rng.permuted(draw(400, 2), axis=0)
    report = report_on(draw(400, 1), independent)
    assert report["ks"]["mean"] < 0.08
    assert report["correlation"]["mean_absolute_difference"] == pytest.approx(0.4, abs=0.1)
    # Equal means: only the classifier that sees interactions can tell.
    assert report["two_sample"]["logistic_auc"] < 0.6
    assert report["two_sample"]["forest_auc"] > 0.6


def test_copies_are_flagged():
    real = draw(200, 1)
    copies = real[np.random.default_rng(0).integers(0, 200, 300)]
    privacy = report_on(real, copies.astype(np.float32))["privacy"]
    assert privacy["n_exact_copies"] == 300
    assert privacy["share_nearer_than_real"] == 1.0
    assert privacy["synthetic_to_real"]["median"] < 1e-6


def test_near_copies_are_flagged_without_being_exact():
    real = draw(200, 1)
    near = real + np.random.default_rng(0).normal(0, 0.001, real.shape)
    privacy = report_on(real, near)["privacy"]
    assert privacy["n_exact_copies"] == 0
    assert privacy["share_nearer_than_real"] == 1.0


def test_ks_is_scipys():
    real, synthetic = draw(50, 1), draw(70, 2, shift=0.3)
    expected = [ks_2samp(real[:, i], synthetic[:, i]).statistic for i in range(5)]
    assert list(report_on(real, synthetic)["ks"]["per_column"].values()) == pytest.approx(expected)


def test_distances_by_hand_are_in_standard_deviations_of_the_real_rows():
    real = np.array([[0.0, 5.0], [4.0, 5.0], [8.0, 5.0]])  # deviation sqrt(32/3); constant column
    to_real, among_real = nearest_distances(real, np.array([[4.0, 8.0], [9.0, 5.0]]))
    deviation = np.sqrt(32 / 3)
    np.testing.assert_allclose(to_real, [3.0, 1 / deviation])
    np.testing.assert_allclose(among_real, np.full(3, 4 / deviation))


def test_units_do_not_matter():
    unit = np.array([1, 10, 1e-3, 1, 1e4])
    plain = report_on(draw(9, 1), draw(60, 2))
    scaled = report_on(draw(9, 1) * unit, draw(60, 2) * unit)
    assert scaled["ks"]["mean"] == pytest.approx(plain["ks"]["mean"])
    assert scaled["privacy"]["synthetic_to_real"] == pytest.approx(
        plain["privacy"]["synthetic_to_real"]
    )


@pytest.mark.parametrize(
    ("n_real", "n_synthetic", "unavailable"),
    [
        (0, 50, {"ks", "correlation", "two_sample", "privacy.n_exact_copies"}),
        (1, 50, {"correlation", "two_sample"}),
        (2, 50, {"two_sample"}),
        (5, 1, {"correlation", "two_sample"}),
        (50, 0, {"ks", "correlation", "two_sample", "privacy.n_exact_copies"}),
    ],
)
def test_few_rows_give_none_and_a_reason(n_real, n_synthetic, unavailable):
    report = report_on(draw(n_real, 1), draw(n_synthetic, 2), holdout=draw(1, 3))
    stated = {name for name in report["unavailable"] if not name.startswith("holdout")}
    if n_real < 2 or n_synthetic == 0:
        unavailable = unavailable | {"privacy.share_nearer_than_real"}
    assert stated == unavailable
    assert report["two_sample"]["forest_auc"] is None
    assert f"{n_real} and {n_synthetic}" in report["unavailable"]["two_sample"]


def test_constant_columns_leave_the_correlations_of_the_others():
    real, synthetic = draw(9, 1), draw(9, 2)
    synthetic[:, 0] = 1.0
    report = report_on(real, synthetic)
    assert report["correlation"]["n_columns"] == 4
    constant = report_on(np.ones((9, 5)), np.ones((9, 5)))
    assert constant["correlation"]["mean_absolute_difference"] is None
    assert "two columns that vary" in constant["unavailable"]["correlation"]


def test_same_generator_state_same_report():
    real, synthetic = draw(10, 1), draw(12, 2)
    assert report_on(real, synthetic) == report_on(real, synthetic)


def test_malformed_tables_are_named():
    with pytest.raises(ValueError, match=r"synthetic must have shape \(n, 5\), got \(3, 4\)"):
        report_on(draw(3, 1), np.zeros((3, 4)))
    with pytest.raises(ValueError, match="synthetic must be finite, got 15 other values"):
        report_on(draw(3, 1), np.full((3, 5), np.nan))
