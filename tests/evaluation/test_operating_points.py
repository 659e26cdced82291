"""Operating points: thresholds from validation rows, what they do on test rows, by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics import prevalence_weights
from evaluation.operating_points import operating_points
from evaluation.thresholds import choose_threshold


def rows(rng, n, *, rounded=False):
    y = (rng.random(n) < 0.1).astype(int)
    y[:2] = [0, 1]
    score = rng.normal(2 * y, 1)
    score = np.round(score, 1) if rounded else score
    return y, score, prevalence_weights(y, 0.02), np.round(rng.exponential(50, n), 2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_every_point_is_what_its_threshold_does(seed, rounded):
    rng = np.random.default_rng(seed)
    validation, test = rows(rng, 300, rounded=rounded), rows(rng, 200, rounded=rounded)
    points = operating_points(validation, test)
    assert points.threshold[0] == np.inf
    assert np.all(np.diff(points.threshold) < 0)
    for i, threshold in enumerate(points.threshold):
        y, score, weight, amount = validation
        alert = score >= threshold
        assert points.validation_alerts[i] == pytest.approx(weight[alert].sum() / weight.sum())
        assert points.validation_false_alarms[i] == pytest.approx(weight[alert & (y == 0)].sum())
        missed = (amount * weight)[~alert & (y == 1)].sum()
        assert points.validation_missed_amount[i] == pytest.approx(missed, abs=1e-6)
        y, score, weight, amount = test
        alert = score >= threshold
        assert points.alerts[i] == pytest.approx(weight[alert].sum() / weight.sum())
        assert points.caught[i] == (alert & (y == 1)).sum()
        assert points.false_alarms[i] == (alert & (y == 0)).sum()
        caught = (amount * weight)[alert & (y == 1)].sum()
        assert points.caught_amount[i] == pytest.approx(caught)


def test_the_budget_is_kept_and_used_to_within_a_percent_of_itself_or_a_row():
    rng = np.random.default_rng(0)
    validation = rows(rng, 20_000)
    points = operating_points(validation, rows(rng, 100))
    row = validation[2].max() / validation[2].sum()
    for share in (0.0, 0.001, 0.01, 0.3, 1.0):
        used = points.validation_alerts[points.within_alerts(share)]
        assert used <= share * (1 + 1e-12)
        assert share - used <= max(0.01 * share, row) + 1e-12
    assert points.within_alerts(0.0) == 0


@pytest.mark.parametrize("n", [1200, 9821])
def test_a_budget_of_a_whole_number_of_alerts_is_used_up_as_by_the_threshold_command(n):
    score = np.arange(n, 0.0, -1.0)
    scored = (np.arange(n) % 10 == 0, score, None, None)
    points = operating_points(scored, scored)
    for n_alerts in range(1, 60):
        index = points.within_alerts(n_alerts / n)
        assert points.caught[index] + points.false_alarms[index] == n_alerts
        threshold = choose_threshold(scored[0], score, by="alerts", value=n_alerts / n)
        assert points.threshold[index] == threshold


def test_the_lowest_cost_is_found():
    # Scores 4 to 1: fraud of 30, genuine, fraud of 5, genuine.
    validation = ([1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0], None, [30.0, 9.0, 5.0, 9.0])
    points = operating_points(validation, validation)

    def caught(*costs):
        return points.caught[points.of_least_cost(*costs)]

    assert caught(1.0, 1.0) == 2  # one false alarm for 5
    assert caught(6.0, 1.0) == 1  # which is not worth 6
    assert caught(40.0, 1.0) == 1  # the highest score costs no false alarm
    assert caught(5.0, 1.0) == 1  # of equals the one with fewer alerts
    assert points.of_least_cost(1.0, 0.0) == 0
