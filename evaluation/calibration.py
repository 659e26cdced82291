"""Recalibration of scores to probabilities by a logistic function of their log odds."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit

from evaluation.inputs import check_both_classes, check_probabilities, check_scored_rows

SMALLEST_PROBABILITY = 1e-12  # keeps the log odds of scores 0 and 1 finite
FARTHEST_LOG_ODDS = 14.0  # of a score while the slope is fitted: one in a million
SMALLEST_SLOPE = 1e-3  # a useless score is flattened, never turned around


@dataclass(frozen=True)
class LogisticCalibration:
    """Calibrated probability = sigmoid(slope * log odds(score) + intercept).

    Attributes
    ----------
    slope : float, above 0
        Below 1 the raw scores were overconfident, above 1 too timid.
    intercept : float
        Shift in log odds.
    """

    slope: float
    intercept: float

    def __post_init__(self):
        if not (self.slope > 0 and np.isfinite([self.slope, self.intercept]).all()):
            raise ValueError(f"expected a finite intercept and a finite slope above 0, got {self}")

    def apply(self, score):
        """Calibrated probabilities.

        Parameters
        ----------
        score : array-like of shape (n_samples,), in [0, 1]
            Raw scores. A threshold is carried over in the same way.

        Returns
        -------
        ndarray of shape (n_samples,), in [0, 1], float64
            In the order of the raw scores: non-decreasing, and strictly increasing except
            within 1e-12 of 0 and 1.

        Raises
        ------
        ValueError
            If a score lies outside [0, 1].
        """
        return expit(self.slope * log_odds(score) + self.intercept)

    def to_dict(self):
        """Slope and intercept as plain numbers for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Inverse of `to_dict`."""
        return cls(slope=float(values["slope"]), intercept=float(values["intercept"]))


def log_odds(score):
    """Natural logarithm of score / (1 - score), with scores kept 1e-12 away from 0 and 1."""
    score = np.asarray(score, dtype=np.float64)
    check_probabilities(score)
    return logit(np.clip(score, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))


def fit_logistic_calibration(score, y_true, sample_weight=None, *, ridge=1.0):
    """Two-parameter logistic recalibration of scores (Platt 1999, on log odds).

    Minimises the weighted log loss plus ridge / 2 * (slope - 1)^2, which is convex, with a
    slope of at least 1e-3. The penalty is a normal prior of deviation ridge^(-1/2) that the
    scores already are log odds: with hundreds of frauds it is not felt, with a handful, or
    with classes that do not overlap, it keeps the slope finite. The intercept is free, so on
    the fitted rows the mean probability equals the fraud rate (both weighted). While the slope is
    fitted, log odds beyond 14 count as 14: a saturated score (all trees agree, a softmax rounds
    to 1) says "very sure", not how sure, and would otherwise decide the slope alone.

    **Fitted on:** validation rows only.

    Parameters
    ----------
    score : array-like of shape (n_samples,), in [0, 1]
        Raw scores.
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud; both classes must be there.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for; they set the prevalence the result holds at.
    ridge : float, above 0
        Weight of the prior, in units of log loss summed over transactions.

    Returns
    -------
    LogisticCalibration

    Raises
    ------
    ValueError
        If a class is missing, a score is no probability, or `ridge` is not above 0.
    """
    if not ridge > 0:
        raise ValueError(f"ridge must be above 0, got {ridge}")
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    check_both_classes(y_true)
    raw = log_odds(score)
    kept = np.clip(raw, -FARTHEST_LOG_ODDS, FARTHEST_LOG_ODDS)
    frauds = float(weight @ y_true)

    def penalised_loss(slope_and_intercept):
        slope, intercept = slope_and_intercept
        logits = slope * kept + intercept
        residual = weight * (expit(logits) - y_true)
        loss = weight @ (np.logaddexp(0, logits) - y_true * logits) + ridge / 2 * (slope - 1) ** 2
        gradient = np.array([residual @ kept + ridge * (slope - 1), residual.sum()])
        return loss / frauds, gradient / frauds

    fitted = minimize(
        penalised_loss,
        x0=[1.0, _balancing_intercept(kept, frauds, weight)],
        jac=True,
        method="L-BFGS-B",
        bounds=[(SMALLEST_SLOPE, None), (None, None)],
        options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500},
    )
    slope = float(fitted.x[0])
    return LogisticCalibration(slope, _balancing_intercept(slope * raw, frauds, weight))


def calibration_slope(y_true, score, sample_weight=None):
    """Slope that recalibration would give on these rows; 1 is calibrated.

    Parameters and errors as in `fit_logistic_calibration`.

    Returns
    -------
    float, above 0
        Below 1 the scores are overconfident, above 1 too timid.
    """
    return fit_logistic_calibration(score, y_true, sample_weight).slope


def _balancing_intercept(logits, frauds, weight):
    """Intercept at which the expected weight of frauds equals the observed one."""
    rate = float(logit(frauds / weight.sum()))
    return float(
        brentq(
            lambda intercept: float(weight @ expit(logits + intercept)) - frauds,
            rate - logits.max() - 1e-9,
            rate - logits.min() + 1e-9,
            xtol=1e-12,
        )
    )
