"""What each threshold would mean: chosen on validation rows, judged on test rows."""

from typing import NamedTuple

import numpy as np

from evaluation.inputs import check_scored_rows
from evaluation.ranking import rank_cuts

ROUNDING = 1 + 1e-12  # forgives the rounding of summed weights, not an alert
GRID_STEP = 1.01  # between two thresholds without a fraud, alerts rise by at least this factor


class OperatingPoints(NamedTuple):
    """Thresholds of one model from the highest down, and what they do.

    The first has no alerts; its threshold is infinite.

    Attributes
    ----------
    threshold : ndarray of shape (n_points,)
        Halfway between neighbouring validation scores.
    validation_alerts : ndarray of shape (n_points,), in [0, 1]
        Share of the (weighted) validation transactions that are alerts.
    validation_false_alarms : ndarray of shape (n_points,)
        Weight of the genuine validation rows among them.
    validation_missed_amount : ndarray of shape (n_points,)
        Money in the validation frauds that are none; 0 without amounts.
    alerts : ndarray of shape (n_points,), in [0, 1]
        Share of the test transactions that are alerts.
    caught, false_alarms : ndarray of shape (n_points,)
        Frauds and genuine rows among the test rows' alerts.
    caught_amount : ndarray of shape (n_points,)
        Money in the test frauds caught; 0 without amounts.
    """

    threshold: np.ndarray
    validation_alerts: np.ndarray
    validation_false_alarms: np.ndarray
    validation_missed_amount: np.ndarray
    alerts: np.ndarray
    caught: np.ndarray
    false_alarms: np.ndarray
    caught_amount: np.ndarray

    def within_alerts(self, share):
        """Index of the point with the most alerts that stays within a share of transactions.

        Parameters
        ----------
        share : float
            Of the validation transactions; fewer alerts than the smallest point's give point 0.

        Returns
        -------
        int
        """
        return int(np.flatnonzero(self.validation_alerts <= share * ROUNDING)[-1])

    def of_least_cost(self, per_false_alarm, per_missed_unit):
        """Index of the point of the lowest cost on validation rows, of equals the highest.

        per_false_alarm * false alarms + per_missed_unit * missed amount.

        Parameters
        ----------
        per_false_alarm : float, at least 0
            Cost of one false alarm, in the unit of the amounts.
        per_missed_unit : float, at least 0
            Cost of one unit of money in a missed fraud; 1 where all of it is lost.

        Returns
        -------
        int
        """
        cost = (
            per_false_alarm * self.validation_false_alarms
            + per_missed_unit * self.validation_missed_amount
        )
        return int(np.argmin(cost))


def operating_points(validation, test, *, also=()):
    """Points of one model: every threshold that catches a fraud more, and a grid between.

    Parameters
    ----------
    validation, test : tuple (y_true, score, sample_weight, amount)
        Rows as in `evaluation.metrics.summarise`; amounts may be None.
    also : sequence of float
        Further thresholds, such as the one in use.

    Returns
    -------
    OperatingPoints
        Alert shares of neighbouring points differ by at most one percent of themselves, or
        by one row of equal scores.
    """
    cuts = rank_cuts(*validation[:3])
    chosen = [cuts.threshold(index) for index in _worth_showing(cuts)]
    thresholds = np.unique(np.append(chosen, np.asarray(also, dtype=np.float64)))[::-1]
    on_validation, on_test = (_at(thresholds, rows) for rows in (validation, test))
    at_risk = on_validation["caught_amount"][-1]
    return OperatingPoints(
        np.append(np.inf, thresholds),
        validation_alerts=on_validation["alerts"],
        validation_false_alarms=on_validation["false_alarm_weight"],
        validation_missed_amount=np.maximum(at_risk - on_validation["caught_amount"], 0.0),
        alerts=on_test["alerts"],
        caught=on_test["caught"],
        false_alarms=on_test["false_alarms"],
        caught_amount=on_test["caught_amount"],
    )


def _at(thresholds, rows):
    """What each threshold does on rows, with no alerts at all in front."""
    y_true, score, weight = check_scored_rows(*rows[:3])
    frauds = y_true == 1
    amount = np.zeros(len(score)) if rows[3] is None else np.asarray(rows[3], dtype=np.float64)
    ones = np.ones(len(score))
    order = np.argsort(-score, kind="stable")
    reached = np.searchsorted(-score[order], -thresholds, side="right")
    sums = {
        "alerts": weight / weight.sum(),
        "caught": ones * frauds,
        "false_alarms": ones * ~frauds,
        "false_alarm_weight": weight * ~frauds,
        "caught_amount": weight * amount * frauds,
    }
    return {
        name: np.append(0.0, np.append(0.0, np.cumsum(values[order]))[reached])
        for name, values in sums.items()
    }


def _worth_showing(cuts):
    """Indices of cuts where frauds are caught or lost, and a geometric grid of alerts."""
    caught = np.diff(cuts.caught, prepend=0.0) > 0
    # The last cut before a fraud has the most alerts for the same catch.
    before = np.append(caught[1:], True)
    alerts = cuts.alerts
    step = np.floor(np.log(alerts / alerts[0]) / np.log(GRID_STEP))
    grid = np.append(True, np.diff(step) > 0)
    return np.flatnonzero(caught | before | grid)
