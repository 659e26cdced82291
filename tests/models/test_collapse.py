"""Collapse is detected and named."""

import numpy as np
import pytest

from models.collapse import diagnose

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
    assert diagnose(figures(generator_loss=loss), log_odds) == {1: "generator_loss not finite"}


def test_scores_that_are_not_finite_are_named(log_odds):
    log_odds[3, 1] = np.nan
    assert diagnose(figures(), log_odds) == {1: "scores not finite"}


def test_a_generator_of_one_point_is_named(log_odds):
    reason = diagnose(figures(fake_spread=0.01), log_odds)[1]
    assert "one point" in reason
    assert "0.010" in reason


def test_one_score_for_every_row_is_named(log_odds):
    log_odds[:, 1] = -3.0
    assert diagnose(figures(), log_odds) == {1: "the same score for every row"}
