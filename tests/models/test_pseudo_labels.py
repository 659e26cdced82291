"""Labels for unlabelled rows."""

import numpy as np
import pytest
from scipy.special import logit

from models.pseudo_labels import estimate_fraud_rate, pseudo_labels


def scores(rate, n=100_000, distance=4.0, seed=0):
    """Log odds at equal shares of two normal classes, exact by construction; and the classes."""
    rng = np.random.default_rng(seed)
    is_fraud = rng.random(n) < rate
    x = rng.normal(size=n) + distance * is_fraud
    return distance * x - distance**2 / 2, is_fraud


@pytest.mark.parametrize("rate", [0.002, 0.05, 0.4])
def test_the_fraud_rate_is_found_whatever_the_scores_were_trained_at(rate):
    log_odds, is_fraud = scores(rate)
    assert estimate_fraud_rate(log_odds, 0.5) == pytest.approx(is_fraud.mean(), rel=0.15)
    at_a_tenth = log_odds + logit(0.1)
    assert estimate_fraud_rate(at_a_tenth, 0.1) == pytest.approx(is_fraud.mean(), rel=0.15)


def test_rows_without_fraud_have_a_rate_near_zero():
    log_odds, _ = scores(0.0)
    assert estimate_fraud_rate(log_odds, 0.5) < 1e-3


def test_labels_are_right_and_doubtful_rows_have_none():
    log_odds, is_fraud = scores(0.02)
    labels = pseudo_labels(log_odds, 0.5, 0.9, n_labelled_frauds=20)
    assert is_fraud[labels.is_fraud].mean() > 0.9
    assert is_fraud[labels.is_genuine].mean() < 0.01
    assert not (labels.is_fraud & labels.is_genuine).any()
    assert not (labels.is_fraud | labels.is_genuine).all()
    assert labels.is_fraud.sum() < pseudo_labels(log_odds, 0.5, 0.5, 20).is_fraud.sum()


def test_a_handful_of_finds_beside_many_labelled_frauds_is_not_believed():
    log_odds, is_fraud = scores(0.0005, n=10_000)
    few = pseudo_labels(log_odds, 0.5, 0.5, n_labelled_frauds=2)
    assert 0 < few.is_fraud.sum() < 20
    many = pseudo_labels(log_odds, 0.5, 0.5, n_labelled_frauds=300)
    assert not many.is_fraud.any()
    assert many.is_genuine.all()
    assert many.fraud_rate == few.fraud_rate == pytest.approx(is_fraud.mean(), abs=5e-4)
