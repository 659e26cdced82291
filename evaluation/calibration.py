"""Recalibration of scores to probabilities: a logistic function of log odds, above a floor."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit, logit

from evaluation.inputs import check_both_classes, check_probabilities, check_scored_rows

SMALLEST_PROBABILITY = 1e-12  # keeps the log odds of scores 0 and 1 finite
FARTHEST_LOG_ODDS = 14.0  # of a score while the slope is fitted: one in a million
SMALLEST_SLOPE = 1e-3  # a useless score is flattened, never turned around
DEFAULT_RIDGE = 1.0  # of the prior that scores already are log odds
SMALLEST_FLOOR, LARGEST_FLOOR = 1e-6, 0.9  # shares of the fraud rate
WORTH_A_PARAMETER = 1.0  # nats of log loss that a floor must save (Akaike 1974)


@dataclass(frozen=True)
class LogisticCalibration:
    """Calibrated probability = floor + (1 - floor) * sigmoid(slope * log odds(score) + intercept).

    Attributes
    ----------
    slope : float, above 0
        Below 1 the raw scores were overconfident, above 1 too timid.
    intercept : float
        Shift in log odds.
    floor : float in [0, 1)
        Probability of fraud that no score goes below: some frauds look like anything else.
    """

    slope: float
    intercept: float
    floor: float = 0.0

    def __post_init__(self):
        if not (self.slope > 0 and np.isfinite([self.slope, self.intercept]).all()):
            raise ValueError(f"expected a finite intercept and a finite slope above 0, got {self}")
        if not 0 <= self.floor < 1:
            raise ValueError(f"floor must lie in [0, 1), got {self.floor}")

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
            within 1e-12 of 0 and 1 and where the floor swallows the difference in rounding.

        Raises
        ------
        ValueError
            If a score lies outside [0, 1].
        """
        above = expit(self.slope * log_odds(score) + self.intercept)
        return self.floor + (1 - self.floor) * above

    def to_dict(self):
        """Slope, intercept and floor as plain numbers for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """Inverse of `to_dict`."""
        return cls(
            slope=float(values["slope"]),
            intercept=float(values["intercept"]),
            floor=float(values["floor"]),
        )


def log_odds(score):
    """Natural logarithm of score / (1 - score), with scores kept 1e-12 away from 0 and 1."""
    score = np.asarray(score, dtype=np.float64)
    check_probabilities(score)
    return logit(np.clip(score, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))


def fit_logistic_calibration(
    score, y_true, sample_weight=None, *, ridge=DEFAULT_RIDGE, with_floor=True
):
    """Logistic recalibration of scores (Platt 1999, on log odds), above a floor.

    Minimises the weighted log loss plus ridge / 2 * (slope - 1)^2 with a slope of at least 1e-3.
    The penalty is a normal prior of deviation ridge^(-1/2) that the scores already are log odds:
    with hundreds of frauds it is not felt, with a handful, or with classes that do not overlap,
    it keeps the slope finite. The intercept is free, so on the fitted rows the mean probability
    equals the fraud rate (both weighted).

    While the slope is fitted, log odds beyond 14 count as 14: a saturated score (all trees
    agree, a softmax rounds to 1) says "very sure", not how sure, and would otherwise decide the
    slope alone.

    The floor is what psychometrics calls a lapse rate (Wichmann and Hill 2001, equation 1): a
    few frauds look so genuine that a strong classifier is certain about them, and a line that
    must account for them is too high everywhere between. With the slope of the line, the floor
    of the least log loss is kept where it saves more than 1 nat, the price of a parameter
    (Akaike 1974). Fitting slope and floor together was worse on other rows.

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
    with_floor : bool
        Whether a floor may be fitted.

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
    frauds = float(weight @ y_true)
    slope = _fit_slope(raw, y_true, weight, frauds, ridge)
    line = LogisticCalibration(slope, _balancing_intercept(slope * raw, frauds, weight))
    if with_floor:
        floored, loss = _best_floor(raw, y_true, weight, frauds, slope)
        if loss < _log_loss(line, raw, y_true, weight) - WORTH_A_PARAMETER:
            return floored
    return line


def calibration_slope(y_true, score, sample_weight=None):
    """Slope that recalibration without a floor would give on these rows; 1 is calibrated.

    Parameters and errors as in `fit_logistic_calibration`.

    Returns
    -------
    float, above 0
        Below 1 the scores are overconfident, above 1 too timid.
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    check_both_classes(y_true)
    return _fit_slope(log_odds(score), y_true, weight, float(weight @ y_true), DEFAULT_RIDGE)


def _fit_slope(raw, y_true, weight, frauds, ridge):
    """Slope of the line of least penalised loss: a convex problem."""
    kept = np.clip(raw, -FARTHEST_LOG_ODDS, FARTHEST_LOG_ODDS)

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
    return float(fitted.x[0])


def _best_floor(raw, y_true, weight, frauds, slope):
    """Calibration of a given slope above the floor of least loss, and its loss."""
    total = weight.sum()

    def above(log_floor):
        floor = float(np.exp(log_floor))
        # Mean = floor + (1 - floor) * mean of the sigmoids, so these must sum to what is left.
        left = (frauds - floor * total) / (1 - floor)
        return LogisticCalibration(slope, _balancing_intercept(slope * raw, left, weight), floor)

    rate = frauds / total
    fitted = minimize_scalar(
        lambda log_floor: _log_loss(above(log_floor), raw, y_true, weight),
        bounds=(np.log(rate * SMALLEST_FLOOR), np.log(rate * LARGEST_FLOOR)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return above(fitted.x), float(fitted.fun)


def _log_loss(calibration, raw, y_true, weight):
    """Weighted log loss in nats, exact where a probability rounds to 0 or 1."""
    logits = calibration.slope * raw + calibration.intercept
    genuine = np.logaddexp(0, logits) - np.log1p(-calibration.floor)
    fraud = -np.log(calibration.floor + (1 - calibration.floor) * expit(logits))
    return float(weight @ np.where(y_true == 1, fraud, genuine))


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
