"""Collapse is detected and named."""

import numpy as np
import pytest

from models.sgan.collapse import Collapse, diagnose

SOUND = {"discriminator_loss": 0.3, "generator_loss": 1.2, "fake_spread": 0.9}


def figures(**changes):
    """Figures of two members; the changes are those of the second."""
    return {name: np.array([value, {**SOUND, **changes}[name]]) for name, value in SOUND.items()}


@pytest.fixture
def log_odds():
    return np.random.default_rng(0).normal(size=(100, 2))


def test_sound_members_are_not_named(log_odds):
    assert diagnose(figures(), log_odds) == {}


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_named(log_odds, loss):
    assert diagnose(figures(generator_loss=loss), log_odds) == {
        1: Collapse("generator_loss not finite", still_classifies=False)
    }


def test_scores_that_are_not_finite_are_named(log_odds):
    log_odds[3, 1] = np.nan
    assert diagnose(figures(), log_odds) == {
        1: Collapse("scores not finite", still_classifies=False)
    }


def test_a_generator_of_one_point_is_named(log_odds):
    collapse = diagnose(figures(fake_spread=0.01), log_odds)[1]
    assert "one point" in collapse.reason
    assert "0.010" in collapse.reason
    assert collapse.still_classifies


def test_one_score_for_every_row_is_named(log_odds):
    log_odds[:, 1] = -3.0
    assert diagnose(figures(), log_odds) == {
        1: Collapse("the same score for every row", still_classifies=False)
    }


def test_a_fall_of_f1_is_named(log_odds):
    assert diagnose(figures(), log_odds, [0.8, 0.3], [0.8, 0.7]) == {
        1: Collapse("F1 on validation rows fell to 0.300 from 0.700", still_classifies=False)
    }


def test_noise_of_f1_is_not_a_fall(log_odds):
    assert diagnose(figures(), log_odds, [0.6, 0.05], [0.8, 0.15]) == {}
    assert diagnose(figures(), log_odds, [0.0, 0.0]) == {}


def test_a_dense_net_has_no_generator_to_collapse(log_odds):
    losses = {"discriminator_loss": np.array([0.3, 0.2])}
    assert diagnose(losses, log_odds) == {}
