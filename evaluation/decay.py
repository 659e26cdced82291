"""How far a model's figures on new rows lie below those of its test."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from evaluation.joint_bootstrap import SYMMETRIC, expanded_reach, resampled_figures

# With fewer, resamples of a model that makes few errors repeat one another too often to be trusted.
MIN_FRAUDS = 20  # on each side
FIGURES = ("f1", "recall", "precision", "average_precision")


class Decay(NamedTuple):
    """One figure on the test rows, on new rows, and the loss between them with its interval.

    `loss` is test minus new: above 0 the model has become worse.
    """

    test: float
    new: float
    loss: float
    low: float
    high: float


def decay(test, new, threshold, *, n_resamples=1000, level=0.95, rng):
    """Loss of F1, recall, precision and average precision from one sample to another.

    Both samples are resampled on their own, frauds and genuine rows separately. Intervals are
    percentiles of the difference, expanded for the smaller number of frauds (Hesterberg 2015); that
    of average precision is the estimate plus and minus as many standard deviations, since
    resampling raises the figure the more, the smaller the sample.

    Parameters
    ----------
    test, new : tuple (y_true, score, sample_weight)
        As in `evaluation.joint_bootstrap.resampled_figures`; weighted to one fraud rate, or else a
        change of that rate passes for one of the model.
    threshold : float
        Lowest score that raises an alert.
    n_resamples : int
        Resamples of each sample.
    level : float in (0, 1)
        Coverage.
    rng : numpy.random.Generator
        Source of the resamples.

    Returns
    -------
    dict of str to Decay
        By the names `f1`, `recall`, `precision`, `average_precision`.
    """
    sides = []
    for y_true, score, weight in (test, new):
        sides.append(
            resampled_figures(y_true, score, threshold, weight, n_resamples=n_resamples, rng=rng)
        )
    n_frauds = min(int(np.sum(side[0])) for side in (test, new))
    return {name: _decay(name, sides[0][name], sides[1][name], n_frauds, level) for name in FIGURES}


def _decay(name, test, new, n_frauds, level):
    lost = test - new
    reach = expanded_reach(level, n_frauds)
    if name in SYMMETRIC:
        spread = reach * lost[1:].std()
        low, high = lost[0] - spread, lost[0] + spread
    else:
        low, high = np.quantile(lost[1:], [ndtr(-reach), ndtr(reach)])
    return Decay(*(float(number) for number in (test[0], new[0], lost[0], low, high)))
