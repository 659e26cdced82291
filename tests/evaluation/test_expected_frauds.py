"""Expected against observed frauds: exact counts by hand, and coverage where truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binom, poisson_binom

from evaluation.calibration import fit_logistic_calibration
from evaluation.expected_frauds import expected_frauds
from evaluation.metrics import prevalence_weights

KEPT = 1 / 4.358  # of the genuine transactions; every fraud is kept


def sampled_population(rng, n=6_000):
    """Rows kept of a population in which `score` is the probability of fraud."""
    score = expit(rng.normal(-6, 2.5, n))
    y = (rng.random(n) < score).astype(int)
    kept = (y == 1) | (rng.random(n) < KEPT)
    return y[kept], score[kept], np.where(y[kept] == 1, 1.0, 1 / KEPT)


def shares(distort, *, k, weighted=True, n_draws=500):
    """Share of draws whose observed count is below, within and above the interval."""
    rng = np.random.default_rng(0)
    places = []
    for _ in range(n_draws):
        y, score, weight = sampled_population(rng)
        found = expected_frauds(y, distort(score), weight if weighted else None, k=k)
        places.append(int(found.observed > found.high) - int(found.observed < found.low))
    return [np.mean(np.array(places) == place) for place in (-1, 0, 1)]


@pytest.mark.parametrize("k", [None, 500])
def test_calibrated_scores_are_within_95_percent_of_the_time(k):
    below, within, above = shares(lambda score: score, k=k)
    assert 0.93 < within < 0.985
    assert below < 0.045
    assert above < 0.045


@pytest.mark.parametrize("k", [None, 500])
@pytest.mark.parametrize(("shift", "side"), [(0.7, 0), (-0.7, 2)])
def test_scores_shifted_by_0_7_in_log_odds_are_caught(k, shift, side):
    assert shares(lambda score: expit(logit(score) + shift), k=k, n_draws=60)[side] > 0.9


def test_rows_left_out_are_not_forgotten():
    # As if the kept genuine rows were all there were: too few frauds are expected.
    assert shares(lambda score: score, k=None, weighted=False, n_draws=60)[2] > 0.9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.sampled_from([0.5, 0.9, 0.95]))
def test_interval_is_the_poisson_binomial_one(seed, n, level):
    rng = np.random.default_rng(seed)
    score, y = rng.random(n) ** 3, np.append(1, rng.integers(0, 2, n - 1))
    found = expected_frauds(y, score, level=level)
    share = poisson_binom.pmf(np.arange(n + 1), score)
    below = np.cumsum(share)
    assert found.low == np.argmax(below >= (1 - level) / 2)
    assert found.high == np.argmax(below >= (1 + level) / 2)
    assert found.expected == pytest.approx(score.sum())
    assert (found.observed, found.n_rows) == (y.sum(), n)


def test_many_rows_of_tiny_probability_count_too():
    y = np.append(1, np.zeros(199_999))
    found = expected_frauds(y, np.full(200_000, 5e-5))
    assert (found.low, found.high) == tuple(binom.ppf([0.025, 0.975], 200_000, 5e-5))


def test_certain_rows_leave_no_doubt():
    found = expected_frauds([1, 1, 0], [1.0, 1.0, 0.0], [1, 1, 9])
    assert found[:4] == (2.0, 2, 2, 2)


def test_a_weight_is_a_number_of_transactions_by_hand():
    # A score of 1/5 among four genuine transactions for each row kept: odds 4 * 1/4 = 1.
    found = expected_frauds([1, 0, 0], [0.2, 0.2, 0.2], [1, 4, 4])
    assert found.expected == pytest.approx(3 / 2)


def test_k_counts_transactions_of_the_population():
    y, score = np.array([0, 1, 0, 0, 0]), np.array([0.3, 0.9, 0.2, 0.1, 0.1])
    assert expected_frauds(y, score, k=2).n_rows == 2
    assert expected_frauds(y, score, k=2).expected == pytest.approx(1.2)
    assert expected_frauds(y, score, k=4).n_rows == 5  # rows of equal score stay together
    assert expected_frauds(y, score, k=99).n_rows == 5
    # With 9 genuine transactions a row: 0.9 is a fraud with odds 81, 0.3 with odds 27 / 7. They
    # stand for (81 + 9) / 82 and (27 + 9 * 7) / 34 transactions, 1.10 and 2.65.
    weight = np.where(y == 1, 1, 9)
    rows = [expected_frauds(y, score, weight, k=k).n_rows for k in (1.09, 1.11, 3.74, 3.75)]
    assert rows == [1, 2, 2, 3]


def test_the_highest_scores_are_chosen_without_looking_at_labels():
    rng = np.random.default_rng(0)
    y, score, weight = sampled_population(rng)
    # Other frauds, as many of them, so that the weights stay those of the classes.
    shuffled = rng.permutation(y)
    other = np.where(shuffled == 1, 1.0, 1 / KEPT)
    assert (
        expected_frauds(y, score, weight, k=200)[2:]
        == (expected_frauds(shuffled, score, other, k=200)[2:])
    )


def test_calibration_undoes_a_class_balance_changed_by_sampling():
    """Scores of a model that saw 10 % frauds, calibrated on rows that stand for 0.5 %."""
    rng = np.random.default_rng(1)
    population = expit(rng.normal(-8.5, 2.5, 150_000))
    y = (rng.random(len(population)) < population).astype(int)
    prior_shift = logit(0.1) - logit(y.mean())
    seen = expit(logit(population) + prior_shift)
    is_test = rng.random(len(y)) < 0.5
    validation = ~is_test & ((y == 1) | (rng.random(len(y)) < KEPT))
    weight = prevalence_weights(y[validation], y.mean())
    calibration = fit_logistic_calibration(seen[validation], y[validation], weight)
    assert calibration.intercept == pytest.approx(-prior_shift, abs=0.35)
    assert calibration.slope == pytest.approx(1, abs=0.12)
    for k in (None, 1_000):
        raw = expected_frauds(y[is_test], seen[is_test], k=k)
        corrected = expected_frauds(y[is_test], calibration.apply(seen[is_test]), k=k)
        assert raw.observed < raw.low
        assert corrected.low <= corrected.observed <= corrected.high


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 0], [0.5, 1.5]), {}, "probabilities"),
        (([1, 0, 0], [0.5, 0.5, 0.5], [1, 2, 3]), {}, "from 2 to 3 within a class"),
        (([0, 0], [0.5, 0.5]), {}, "at least one fraud"),
        (([1, 0], [0.5, 0.5]), {"k": 0}, "k must be above 0, got 0"),
        (([1, 0], [0.5, 0.5]), {"level": 1}, r"level must lie in \(0, 1\), got 1"),
    ],
)
def test_malformed_input_is_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        expected_frauds(*arguments, **options)
