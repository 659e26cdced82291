import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from benchmarks.quality.bootstrap import Difference, PooledBootstrap, Scored, figures_by_resample
from benchmarks.quality.expected import calibration_of
from evaluation.decisions import f1_at
from evaluation.uncertainty import paired_difference, threshold_statistics


def scored(y, score, *, rows=None, weight=None, threshold=0.5):
    n = len(y)
    return Scored(
        rows=np.arange(n) if rows is None else rows,
        y=np.asarray(y),
        score=np.asarray(score, float),
        weight=np.ones(n) if weight is None else weight,
        threshold=threshold,
    )


def draw(rng, n=400, n_frauds=40, shift=1.5):
    y = np.zeros(n, dtype=int)
    y[:n_frauds] = 1
    return y, shift * y + rng.normal(size=n)


@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_figures_are_those_of_scikit_learn_ties_included(decimals):
    rng = np.random.default_rng(0)
    y, score = draw(rng)
    score = np.round(score, decimals)
    weight = np.where(y == 1, 1.0, 4.358)
    counts = np.vstack([np.ones(len(y), np.uint8), rng.poisson(1.0, (5, len(y))).astype(np.uint8)])
    figures = figures_by_resample(scored(y, score, weight=weight, threshold=1.0), counts)
    for line, precision, f1 in zip(
        counts, figures["average_precision"], figures["f1"], strict=True
    ):
        weighted = line * weight
        expected = average_precision_score(y, score, sample_weight=weighted)
        assert precision == pytest.approx(expected, abs=1e-9)
        assert f1 == pytest.approx(f1_at(y, score, 1.0, weighted), abs=1e-6)


def test_a_difference_worked_by_hand():
    # A ranks genuine, fraud; B ranks fraud, genuine: average precisions 1/2 and 1.
    a, b = scored([1, 0], [0.2, 0.9]), scored([1, 0], [0.9, 0.2])
    found = PooledBootstrap(50).differences({"fold": a}, {"fold": b})
    assert found["average_precision"].estimate == pytest.approx(0.5)
    # One fraud and one genuine row: every resample is the data.
    assert found["average_precision"].low == pytest.approx(0.5)
    assert found["f1"].estimate == pytest.approx(1.0)
    assert found["f1"].n_splits == 1


def test_one_split_agrees_with_the_project_s_paired_bootstrap():
    rng = np.random.default_rng(1)
    y, score_a = draw(rng)
    score_b = score_a + rng.normal(size=len(y)) / 2
    found = PooledBootstrap(2000).differences({0: scored(y, score_a)}, {0: scored(y, score_b)})
    expected = paired_difference(
        threshold_statistics(0.5), y, score_a, score_b, cuts=([0.5], [0.5]),
        n_resamples=2000, rng=np.random.default_rng(2),
    )  # fmt: skip
    for name in ("average_precision", "f1"):
        assert found[name].estimate == pytest.approx(expected[name].estimate, abs=1e-9)
        assert found[name].low == pytest.approx(expected[name].low, abs=0.012)
        assert found[name].high == pytest.approx(expected[name].high, abs=0.012)


def test_testing_the_same_rows_under_three_seeds_does_not_narrow_the_interval():
    rng = np.random.default_rng(3)
    y, score_a = draw(rng)
    score_b = score_a + rng.normal(size=len(y)) / 2
    a, b = scored(y, score_a), scored(y, score_b)
    bootstrap = PooledBootstrap(500)
    once = bootstrap.differences({0: a}, {0: b})["average_precision"]
    thrice = bootstrap.differences(dict.fromkeys(range(3), a), dict.fromkeys(range(3), b))
    thrice = thrice["average_precision"]
    assert thrice.n_splits == 3
    assert (thrice.low, thrice.high) == pytest.approx((once.low, once.high))


def test_an_interval_for_the_best_of_many_is_wider_by_the_quantiles_of_a_normal_distribution():
    one = Difference(estimate=0.01, low=-0.01, high=0.05, n_splits=5)
    assert one.widened(1) == pytest.approx(one)
    # 0.05 / 20 in both tails: 3.023 standard deviations instead of 1.960.
    wide = one.widened(20)
    assert wide.low == pytest.approx(0.01 - 0.02 * 3.0233 / 1.95996, abs=1e-5)
    assert wide.high == pytest.approx(0.01 + 0.04 * 3.0233 / 1.95996, abs=1e-5)


def test_other_rows_do_narrow_it():
    rng = np.random.default_rng(4)
    parts = []
    for part in range(4):
        y, score_a = draw(rng)
        noise = rng.normal(size=len(y)) / 2
        rows = np.arange(len(y)) + part * len(y)
        parts.append((scored(y, score_a, rows=rows), scored(y, score_a + noise, rows=rows)))

    def width(n):
        found = PooledBootstrap(400).differences(
            {i: parts[i][0] for i in range(n)}, {i: parts[i][1] for i in range(n)}
        )["average_precision"]
        return found.high - found.low

    assert width(4) == pytest.approx(width(1) / 2, rel=0.35)


@pytest.mark.slow
def test_intervals_cover_the_truth():
    # Truth: two scores of equal quality, so a true difference of zero.
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        y, signal = draw(rng, n=300, n_frauds=40)
        a, b = (scored(y, signal + rng.normal(size=len(y))) for _ in range(2))
        one = PooledBootstrap(200).differences({0: a}, {0: b})["average_precision"]
        covered += one.low <= 0 <= one.high
    assert 0.88 <= covered / 200 <= 0.99


def test_models_that_saw_other_rows_are_not_compared():
    y = [1, 0, 0]
    a, b = scored(y, [0.9, 0.1, 0.2]), scored(y, [0.9, 0.1, 0.2], rows=np.array([0, 1, 3]))
    with pytest.raises(ValueError, match="different rows"):
        PooledBootstrap(10).differences({0: a}, {0: b})
    with pytest.raises(ValueError, match="no split in common"):
        PooledBootstrap(10).differences({0: a}, {1: a})


def test_calibrated_scores_predict_what_comes():
    rng = np.random.default_rng(6)
    log_odds = rng.normal(-3, 2, 40_000)
    score = 1 / (1 + np.exp(-log_odds))
    y = (rng.random(len(score)) < score).astype(int)
    halves = [
        scored(y[part], score[part], rows=np.arange(40_000)[part])
        for part in (slice(0, 20_000), slice(20_000, None))
    ]
    one = calibration_of(halves)
    assert one.slope == pytest.approx(1.0, abs=0.05)
    assert one.whole.observed == y.sum()
    assert one.top.n_rows == 1000
    assert one.holds
    doubled = calibration_of([scored(y, np.minimum(2 * score, 1.0), rows=np.arange(40_000))])
    assert not doubled.holds
