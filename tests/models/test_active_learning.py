"""The strategies choose what they promise to choose."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

import models.active_learning
from models.active_learning import (
    STRATEGIES,
    boundary_distance,
    choose_queries,
    disagreement,
    farthest_first,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def pool(rng):
    """Scaled rows, and scores of three members that are unsure along one line of the plane."""
    X = rng.normal(size=(400, 2))
    log_odds = 4 * X[:, [0]] + rng.normal(size=(400, 3))
    return X, expit(log_odds)


def test_the_examples_of_the_docstrings():
    result = doctest.testmod(models.active_learning, extraglobs={"np": np})
    assert result.failed == 0
    assert result.attempted >= 6


def test_nearest_the_threshold_on_the_scale_of_log_odds():
    # 0.01 and 0.04 are as far from 0.02 (a factor of about two); 0.5 is far.
    distance = boundary_distance([0.01, 0.04, 0.5], threshold=0.02)
    assert distance[0] == pytest.approx(distance[1], rel=0.05)
    assert distance[2] > 4 * distance[1]
    assert np.isfinite(boundary_distance([0.0, 1.0], threshold=1.0)).all()


def test_disagreement_by_hand():
    # Mean 0.5: entropy ln 2. Members at 0 and 1 are sure, so all of it is disagreement.
    assert disagreement([[0.0, 1.0]])[0] == pytest.approx(np.log(2))
    # (0.2, 0.6): H(0.4) - (H(0.2) + H(0.6)) / 2 = 0.67301 - (0.50040 + 0.67301) / 2
    assert disagreement([[0.2, 0.6]])[0] == pytest.approx(0.08630, abs=1e-5)
    assert disagreement([[0.5, 0.5], [1.0, 1.0]]).tolist() == [0.0, 0.0]


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=50)
def test_disagreement_lies_between_0_and_ln_2_whatever_the_order(members):
    members = np.array(members)
    found = disagreement(members)
    assert ((found >= 0) & (found <= np.log(2) + 1e-12)).all()
    np.testing.assert_allclose(disagreement(members[:, ::-1]), found, atol=1e-12)


def test_farthest_first_takes_the_corners_and_keeps_away_from_known_rows():
    X = np.array([[0, 0], [0.1, 0], [1, 0], [1, 1], [0.5, 0.5]])
    assert set(farthest_first(X, 3, weight=[2, 1, 1, 1, 1])) == {0, 2, 3}
    assert farthest_first(X, 1, known=[[0, 0]]).tolist() == [3]
    assert sorted(farthest_first(X, 5)) == [0, 1, 2, 3, 4]
    assert len(farthest_first(X, 0)) == 0


def test_a_batch_holds_no_near_copies(rng):
    """Fifty near-copies of the most uncertain row: pure strategies take them, mixed does not."""
    spread = rng.normal(size=(300, 2)) * 3
    copies = 0.001 * rng.normal(size=(50, 2))
    X = np.vstack([copies, spread])
    members = np.vstack([np.tile([0.3, 0.7], (50, 1)), np.tile([0.35, 0.6], (300, 1))])
    n_copies = {
        strategy: int((choose_queries(strategy, 50, X, members) < 50).sum())
        for strategy in ("boundary", "disagreement", "mixed")
    }
    assert n_copies["disagreement"] == 50
    assert n_copies["boundary"] == 50
    assert 1 <= n_copies["mixed"] <= 3


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_as_many_rows_as_asked_for_and_none_twice(strategy, pool, rng):
    X, members = pool
    chosen = choose_queries(strategy, 30, X, members, rng=rng)
    assert len(set(chosen.tolist())) == 30
    assert chosen.dtype == np.int64
    assert len(choose_queries(strategy, 1000, X, members, rng=rng)) == len(X)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_identical_rows_are_asked_about_once_while_there_are_others(strategy, pool, rng):
    X, members = (np.vstack([part, part]) for part in pool)
    chosen = choose_queries(strategy, 400, X, members, rng=rng)
    assert len(np.unique(X[chosen], axis=0)) == 400
    assert len(choose_queries(strategy, 401, X, members, rng=rng)) == 401


def test_each_strategy_takes_the_best_by_its_own_measure(pool):
    X, members = pool
    score = expit(np.log(members / (1 - members)).mean(axis=1))
    riskiest = choose_queries("highest_risk", 20, X, members, threshold=0.3)
    assert score[riskiest].tolist() == sorted(score)[:-21:-1]
    nearest = choose_queries("boundary", 20, X, members, threshold=0.3)
    distance = boundary_distance(score, 0.3)
    assert sorted(distance[nearest]) == sorted(distance)[:20]
    assert (np.diff(distance[nearest]) >= 0).all()
    contrary = choose_queries("disagreement", 20, X, members)
    assert sorted(disagreement(members)[contrary]) == sorted(disagreement(members))[-20:]
    # "mixed" chooses among rows that are good by both.
    mixed = choose_queries("mixed", 10, X, members)
    assert distance_rank(score, mixed).mean() < 0.25


def distance_rank(score, chosen):
    """Share of the pool that is nearer the boundary than each chosen row."""
    distance = boundary_distance(score)
    return np.searchsorted(np.sort(distance), distance[chosen]) / len(score)


def test_diversity_looks_at_labelled_rows_and_random_at_nothing(pool):
    X, members = pool
    free = choose_queries("diversity", 1, X, members)
    assert choose_queries("diversity", 1, X, members, known=X[free]) != free
    draws = [
        choose_queries("random", 40, X, members, rng=np.random.default_rng(seed)) for seed in (1, 2)
    ]
    again = choose_queries("random", 40, X, members, rng=np.random.default_rng(1))
    assert draws[0].tolist() == again.tolist() != draws[1].tolist()
    # At random: not nearer the boundary than the pool.
    assert 0.3 < distance_rank(members.mean(axis=1), draws[0]).mean() < 0.7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nearest", 1, [[0.0]], [[0.5]]), "no strategy 'nearest'; choose among highest_risk"),
        (("random", 0, [[0.0]], [[0.5]]), "at least 1, got 0"),
        (("random", 1, [[0.0]], [[1.5]]), "probabilities"),
        (("random", 1, [[0.0]], [[np.nan]]), "probabilities"),
        (("random", 1, [[0.0], [1.0]], [[0.5]]), "one row for each row"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose_queries(*arguments)


def test_mixed_wants_rows_that_are_near_and_disputed():
    near, disputed, both = [0.5, 0.5], [0.999, 0.3], [0.3, 0.7]
    members = np.array([near] * 30 + [disputed] * 30 + [both] * 10)
    chosen = choose_queries("mixed", 1, np.arange(70.0)[:, None], members)
    assert chosen[0] >= 60
