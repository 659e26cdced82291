"""Bootstrap: merged rows are exact, intervals cover, pairs share their resamples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom

from evaluation.metrics import (
    amount_saved,
    average_precision,
    best_f1,
    brier_score,
    f1_at,
    prevalence_weights,
    summarise,
)
from evaluation.uncertainty import (
    _merge,
    bootstrap_intervals,
    paired_difference,
    summary_intervals,
    threshold_statistics,
)


def scored(n_frauds, n_genuine, seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([1, 0], [n_frauds, n_genuine])
    return y, np.round(expit(rng.normal(2.5 * y - 3, 1.2)), 3)


@given(
    st.integers(0, 1_000),
    st.sampled_from([None, 0.01]),
    st.lists(st.floats(0, 1), min_size=1, max_size=1),
)
def test_merged_rows_give_every_threshold_figure_exactly(seed, prevalence, cut):
    y, score = scored(8, 60, seed)
    score = np.round(score, 2)  # ties between frauds and genuine rows, and with the cut
    cut = [round(cut[0], 2)]
    weight = prevalence_weights(y, prevalence)
    first, size = _merge(y == 1, [score], weight, [cut])
    assert len(first) < len(y)
    assert size.sum() == len(y)
    statistics = threshold_statistics(cut[0], alert_budget=12, fpr=0.1)
    for name, statistic in statistics.items():
        merged = statistic(y[first], score[first], weight[first] * size)
        assert merged == pytest.approx(statistic(y, score, weight)), name


def test_merged_and_full_resamples_give_the_same_interval():
    y, score = scored(60, 3_000, 1)
    weight = prevalence_weights(y, 0.002)
    statistics = {"average_precision": average_precision, "f1": lambda y, s, w: f1_at(y, s, 0.5, w)}
    merged = bootstrap_intervals(
        statistics, y, score, weight, cuts=[0.5], rng=np.random.default_rng(1)
    )
    full = bootstrap_intervals(statistics, y, score, weight, rng=np.random.default_rng(2))
    for name in statistics:
        assert merged[name] == pytest.approx(full[name], abs=0.015)
        assert merged[name].low < merged[name].estimate < merged[name].high


def test_recall_interval_is_the_binomial_one():
    # Recall at a fixed threshold resamples n_frauds draws with probability recall.
    y, score = scored(100, 500, 2)
    statistics = {"recall": threshold_statistics(0.3)["recall"]}
    low, high = bootstrap_intervals(
        statistics, y, score, cuts=[0.3], n_resamples=4_000, rng=np.random.default_rng(0)
    )["recall"][1:]
    caught = np.mean(score[y == 1] >= 0.3)
    expected = binom.ppf([0.025, 0.975], 100, caught) / 100
    assert [low, high] == pytest.approx(expected, abs=0.011)


def test_same_seed_same_interval_and_wider_level_wider_interval():
    y, score = scored(40, 800, 3)
    statistics = {"average_precision": average_precision}

    def interval(seed, level=0.95):
        return bootstrap_intervals(
            statistics, y, score, cuts=[], level=level, rng=np.random.default_rng(seed)
        )["average_precision"]

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)
    assert interval(1, 0.99).low < interval(1).low < interval(1).high < interval(1, 0.99).high


def coverage(n_experiments, n_resamples):
    """Share of 90 % intervals for recall and AP that hold the population's values."""
    population = scored(100_000, 100_000, 99)
    population_weight = prevalence_weights(population[0], 0.05)
    statistics = {
        "average_precision": average_precision,
        "recall": threshold_statistics(0.4)["recall"],
    }
    truth = {name: f(*population, population_weight) for name, f in statistics.items()}
    hits = dict.fromkeys(statistics, 0)
    for seed in range(n_experiments):
        y, score = scored(60, 600, seed)
        intervals = bootstrap_intervals(
            statistics,
            y,
            score,
            prevalence_weights(y, 0.05),
            cuts=[0.4],
            level=0.9,
            n_resamples=n_resamples,
            rng=np.random.default_rng(seed),
        )
        for name, interval in intervals.items():
            hits[name] += interval.low <= truth[name] <= interval.high
    return {name: count / n_experiments for name, count in hits.items()}


def test_intervals_cover_about_as_often_as_they_say():
    assert all(0.78 < share <= 1 for share in coverage(50, 100).values())


@pytest.mark.full
def test_intervals_cover_as_often_as_they_say():
    assert all(0.84 < share < 0.95 for share in coverage(200, 300).values())


def test_paired_difference_of_a_model_with_itself_is_nothing():
    y, score = scored(40, 800, 4)
    difference = paired_difference(
        {"average_precision": average_precision},
        y,
        score,
        score,
        cuts=([], []),
        rng=np.random.default_rng(0),
    )
    assert difference["average_precision"] == (0, 0, 0, 0.5)


def test_pairs_are_tighter_than_two_intervals_and_know_the_better_model():
    y, score = scored(60, 3_000, 5)
    better = np.clip(score + 0.05 * y, 0, 1)
    statistics = {"average_precision": average_precision}
    pair = paired_difference(
        statistics, y, score, better, cuts=([], []), rng=np.random.default_rng(0)
    )["average_precision"]
    single = bootstrap_intervals(statistics, y, score, cuts=[], rng=np.random.default_rng(0))
    assert pair.estimate == pytest.approx(
        average_precision(y, better) - average_precision(y, score)
    )
    assert 0 < pair.low < pair.estimate < pair.high
    assert pair.probability_b_better > 0.99
    width = single["average_precision"].high - single["average_precision"].low
    assert pair.high - pair.low < width / 2
    swapped = paired_difference(
        statistics, y, better, score, cuts=([], []), rng=np.random.default_rng(0)
    )["average_precision"]
    assert swapped.estimate == -pair.estimate
    assert swapped.probability_b_better < 0.01


def test_each_model_is_judged_at_its_own_threshold():
    y, score = scored(60, 2_000, 6)
    shifted = score / 2
    _, threshold = best_f1(y, score)
    difference = paired_difference(
        threshold_statistics(threshold),
        y,
        score,
        shifted,
        statistics_b=threshold_statistics(threshold / 2),
        cuts=([threshold], [threshold / 2]),
        n_resamples=50,
        rng=np.random.default_rng(0),
    )
    for name, figure in difference.items():
        assert figure == pytest.approx((0, 0, 0, 0.5)), name


def test_paired_merged_and_full_agree():
    y, score = scored(60, 1_500, 7)
    other = np.clip(score + np.random.default_rng(0).normal(0, 0.05, len(y)), 0, 1)
    statistics = threshold_statistics(0.4, alert_budget=50)
    weight = prevalence_weights(y, 0.01)
    merged = paired_difference(
        statistics,
        y,
        score,
        other,
        weight,
        cuts=([0.4], [0.4]),
        n_resamples=400,
        rng=np.random.default_rng(0),
    )
    full = paired_difference(
        statistics, y, score, other, weight, n_resamples=400, rng=np.random.default_rng(1)
    )
    for name in statistics:
        assert merged[name] == pytest.approx(full[name], abs=0.04), name
        assert merged[name].estimate == pytest.approx(full[name].estimate)


def test_summary_intervals_bracket_the_summary():
    y, score = scored(50, 1_000, 8)
    weight = prevalence_weights(y, 0.01)
    amount = np.random.default_rng(0).uniform(1, 100, len(y))
    arguments = {"sample_weight": weight, "amount": amount, "alert_budget": 60, "fpr": 0.01}
    summary = summarise(y, score, 0.4, **arguments)
    intervals = summary_intervals(
        y, score, 0.4, **arguments, n_resamples=300, rng=np.random.default_rng(0)
    )
    assert set(intervals) == {
        name
        for name in summary
        if not name.startswith("n_") and name not in ("threshold", "prevalence", "amount_at_risk")
    }
    for name, interval in intervals.items():
        assert interval.estimate == pytest.approx(summary[name]), name
    for name in ("average_precision", "f1", "recall", "brier_score", "amount_saved"):
        assert intervals[name].low < summary[name] < intervals[name].high, name


def test_amount_interval_resamples_frauds():
    y, score = scored(50, 100, 9)
    amount = np.where(y == 1, 10.0, 1e6)  # genuine money must not count
    interval = summary_intervals(
        y, score, 0.2, amount=amount, n_resamples=1_000, rng=np.random.default_rng(0)
    )["amount_saved"]
    caught = np.mean(score[y == 1] >= 0.2)
    expected = 10 * binom.ppf([0.025, 0.975], 50, caught)
    assert [interval.low, interval.high] == pytest.approx(expected, abs=11)
    assert interval.estimate == amount_saved(y, amount, score >= 0.2)


def test_a_statistic_of_values_needs_no_cuts():
    y, score = scored(50, 1_000, 10)
    interval = bootstrap_intervals(
        {"brier_score": brier_score}, y, score, n_resamples=200, rng=np.random.default_rng(0)
    )["brier_score"]
    assert interval.low < interval.estimate == brier_score(y, score) < interval.high


def test_malformed_requests_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="frauds and genuine"):
        bootstrap_intervals({"ap": average_precision}, [1, 1], [0.1, 0.2], rng=rng)
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 95"):
        bootstrap_intervals({"ap": average_precision}, [0, 1], [0.1, 0.2], level=95, rng=rng)
    with pytest.raises(ValueError, match=r"names \['a'\], got \['b'\]"):
        paired_difference(
            {"a": average_precision},
            [0, 1],
            [0.1, 0.2],
            [0.1, 0.2],
            statistics_b={"b": average_precision},
            rng=rng,
        )
