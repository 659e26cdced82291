"""Labels that the classifier gives to unlabelled rows, refreshed from epoch to epoch."""

from __future__ import annotations

import logging
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

logger = logging.getLogger(__name__)

SMALLEST_RATE = 1e-5
FIRST_RATE = 0.01
MOST_ROUNDS = 200
CONVERGED = 1e-3  # relative change of the rate
# Found frauds, as a share of the labelled ones, below which none is believed: few hidden frauds
# are outvoted by the labelled ones, while the genuine rows that look most like fraud, which is
# what a handful of finds mostly is, are those that teach most.
SMALLEST_FIND = 0.1
# Beyond this multiple of the share of frauds among truly labelled rows, and beyond so many standard
# errors of it, pseudo-labels are taken for biased. People label where they expect fraud, so that
# labelled rows hold frauds more often than the others, not less. Of the fits that were tried on the
# real rows, honest ones stayed at a seventh of that share; a shift of the unlabelled rows by one
# standard deviation in six columns brought it to 1.9 times, and average precision to a fifth.
LARGEST_RATIO = 1.5
STANDARD_ERRORS = 3.0


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

    @property
    def fraud_share(self):
        """Share of frauds among the rows that have a label; 0 without any."""
        n_frauds = int(self.is_fraud.sum())
        return n_frauds / max(n_frauds + int(self.is_genuine.sum()), 1)


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


def pseudo_labels(
    log_odds, training_rate, confidence, n_labelled_frauds, *, members=None, agreement=0.0
):
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
    members : ndarray of shape (n_rows, n_members), optional
        Log odds of each member, of which `log_odds` is the mean.
    agreement : float in [0, 1]
        Share of the members that must find the row's class the likelier one, each by itself at
        the estimated fraud rate: a mean may be sure where one member outshouts the others.

    Returns
    -------
    PseudoLabels
    """
    log_odds = np.asarray(log_odds, np.float64)
    rate = estimate_fraud_rate(log_odds, training_rate)
    chance = expit(log_odds + (logit(rate) - logit(training_rate)))
    is_fraud, is_genuine = chance > confidence, chance < 1.0 - confidence
    if agreement:
        for_fraud = _share_for_fraud(members, training_rate, rate)
        is_fraud &= for_fraud >= agreement
        is_genuine &= 1.0 - for_fraud >= agreement
    if is_fraud.sum() < SMALLEST_FIND * n_labelled_frauds:
        is_fraud, is_genuine = np.zeros_like(is_fraud), np.ones_like(is_genuine)
    return PseudoLabels(is_fraud, is_genuine, rate)


def describe(labels, members, training_rate):
    """Figures of an epoch's pseudo-labels, for its history.

    Parameters
    ----------
    labels : PseudoLabels
    members : ndarray of shape (n_rows, n_members)
        Log odds that they come from, at `training_rate`.
    training_rate : float in (0, 1)
        Share of frauds in the batches that the members were trained on.

    Returns
    -------
    dict of str to float
        `n_pseudo_frauds`, `n_pseudo_genuine`: rows with such a label. `pseudo_fraud_share`: of
        frauds among them. `unlabelled_fraud_rate`: estimated. `pseudo_fraud_agreement`,
        `pseudo_genuine_agreement`: members that by themselves find the class of such a row the
        likelier one, as a mean share; left out where there are no such rows.
    """
    figures = {
        "n_pseudo_frauds": float(labels.is_fraud.sum()),
        "n_pseudo_genuine": float(labels.is_genuine.sum()),
        "pseudo_fraud_share": labels.fraud_share,
        "unlabelled_fraud_rate": labels.fraud_rate,
    }
    for_fraud = _share_for_fraud(members, training_rate, labels.fraud_rate)
    if labels.is_fraud.any():
        figures["pseudo_fraud_agreement"] = float(for_fraud[labels.is_fraud].mean())
    if labels.is_genuine.any():
        figures["pseudo_genuine_agreement"] = float(1.0 - for_fraud[labels.is_genuine].mean())
    return figures


def largest_plausible_share(n_frauds, n_rows):
    """Share of frauds among pseudo-labels beyond which they are taken for biased.

    Parameters
    ----------
    n_frauds, n_rows : int
        Frauds among truly labelled rows, and these rows.

    Returns
    -------
    float
        1.5 times the share of true frauds, or three standard errors above it if that is more.

    Examples
    --------
    >>> round(largest_plausible_share(20, 500), 3)  # 0.04 is the share of true frauds
    0.066
    >>> round(largest_plausible_share(2_000, 50_000), 3)
    0.06
    """
    share = n_frauds / n_rows
    # Half a fraud more and half a genuine row more: no fraud in a few rows is no proof of none.
    guarded = (n_frauds + 0.5) / (n_rows + 1.0)
    error = np.sqrt(guarded * (1.0 - guarded) / n_rows)
    return float(max(LARGEST_RATIO * share, share + STANDARD_ERRORS * error))


def bias_warnings(labels, true_labels, *, epoch, drop):
    """Name pseudo-labels that look biased beside true labels, in the log too.

    Biased pseudo-labels teach the members their own mistake epoch after epoch, while members that
    see true labels alone forget it. Only too many frauds are named. Too few are usual: the surest
    finds come first, and where they are a handful, none is believed.

    Parameters
    ----------
    labels : PseudoLabels
    true_labels : dict of str to ndarray of shape (n_rows,), values in {0, 1}
        Labels of "labelled" and of "validation" rows.
    epoch : int
        That is to be trained with the pseudo-labels.
    drop : bool
        Whether it goes without them where labelled rows speak against them. Validation rows name
        the bias, but decide nothing here: they judge, they do not teach.

    Returns
    -------
    list of dict
        `epoch`, `beside` (which rows), `reason` in words, and whether the labels `are_used` all
        the same; empty where nothing looks biased.
    """
    warnings = []
    for beside, codes in true_labels.items():
        reason = _why_biased(labels, codes, beside)
        if reason:
            are_used = not (drop and beside == "labelled")
            action = "are used all the same" if are_used else "are not used in it"
            logger.warning("epoch %d: pseudo-labels look biased and %s: %s", epoch, action, reason)
            warnings.append(
                {"epoch": epoch, "beside": beside, "reason": reason, "are_used": are_used}
            )
    return warnings


def _why_biased(labels, true_labels, whose):
    n_frauds, n_rows = int(np.sum(true_labels)), len(true_labels)
    if not n_rows or labels.fraud_share <= largest_plausible_share(n_frauds, n_rows):
        return ""
    n_found = int(labels.is_fraud.sum())
    return (
        f"{n_found:,} of {n_found + int(labels.is_genuine.sum()):,} unlabelled rows pass for "
        f"frauds ({labels.fraud_share:.2%}), but of the {whose} rows {n_frauds:,} of {n_rows:,} "
        f"are ({n_frauds / n_rows:.2%})"
    )


def _share_for_fraud(members, training_rate, rate):
    """Share of the members, of shape (n_rows,), that find fraud the likelier class at a rate."""
    return np.mean(members > logit(training_rate) - logit(rate), axis=1)
