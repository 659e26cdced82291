"""Labels that the classifier gives to unlabelled rows, refreshed from epoch to epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

SMALLEST_RATE = 1e-5
FIRST_RATE = 0.01
MOST_ROUNDS = 200
CONVERGED = 1e-3  # relative change of the rate
# Found frauds, as a share of the labelled ones, below which none is believed: few hidden frauds
# are outvoted by the labelled ones, while the genuine rows that look most like fraud, which is
# what a handful of finds mostly is, are those that teach most.
SMALLEST_FIND = 0.1


class PseudoLabels(NamedTuple):
    """What unlabelled rows pass for.

    Attributes
    ----------
    is_fraud, is_genuine : bool (n_rows,)
        Rows of whose class the ensemble is confident; of the others both are False.
    fraud_rate : float
        Estimated share of frauds among the unlabelled rows.
    """

    is_fraud: np.ndarray
    is_genuine: np.ndarray
    fraud_rate: float


def estimate_fraud_rate(log_odds, training_rate):
    """Share of frauds among rows, from scores that were trained at another share.

    The EM iteration of Saerens, Latinne and Decaestecker 2002 ("Adjusting the outputs of a
    classifier to new a priori probabilities", equation 2.10), which maximises the likelihood of
    the rows under the scores.

    Parameters
    ----------
    log_odds : ndarray of shape (n_rows,)
        Log odds of fraud at `training_rate`.
    training_rate : float in (0, 1)
        Share of frauds in the batches that the scores were trained on.

    Returns
    -------
    float in [1e-5, 1 - 1e-5]

    Examples
    --------
    >>> log_odds = np.array([9.0] * 2 + [-9.0] * 98)
    >>> round(estimate_fraud_rate(log_odds, 0.5), 3)
    0.02
    """
    rate = FIRST_RATE
    for _ in range(MOST_ROUNDS):
        chance = expit(log_odds + (logit(rate) - logit(training_rate)))
        former, rate = rate, float(np.clip(chance.mean(), SMALLEST_RATE, 1.0 - SMALLEST_RATE))
        if abs(rate - former) <= CONVERGED * former:
            break
    return rate


def pseudo_labels(log_odds, training_rate, confidence, n_labelled_frauds):
    """Labels for the unlabelled rows of whose class the ensemble is confident.

    Where it finds fewer than a tenth as many frauds as are labelled, all rows count as genuine.

    Parameters
    ----------
    log_odds : ndarray of shape (n_rows,)
        Mean log odds of fraud of the members, at `training_rate`; members that disagree bring it
        towards zero.
    training_rate : float in (0, 1)
        Share of frauds in the batches that the members were trained on.
    confidence : float in [0.5, 1)
        Probability of its class, at the estimated fraud rate, that a row must have.
    n_labelled_frauds : float
        Real frauds with a label; where only a share of the unlabelled rows is scored, that share
        of them.

    Returns
    -------
    PseudoLabels
    """
    log_odds = np.asarray(log_odds, np.float64)
    rate = estimate_fraud_rate(log_odds, training_rate)
    chance = expit(log_odds + (logit(rate) - logit(training_rate)))
    is_fraud, is_genuine = chance > confidence, chance < 1.0 - confidence
    if is_fraud.sum() < SMALLEST_FIND * n_labelled_frauds:
        is_fraud, is_genuine = np.zeros_like(is_fraud), np.ones_like(is_genuine)
    return PseudoLabels(is_fraud, is_genuine, rate)
