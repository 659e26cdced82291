"""The figures of one fitted job: threshold and calibration from validation rows, then the test."""

from __future__ import annotations

from typing import Any

import numpy as np

from evaluation.calibration import calibration_slope, fit_logistic_calibration
from evaluation.decisions import count_summary, f1_at
from evaluation.ranking import average_precision, recall_at_k
from evaluation.thresholds import choose_threshold

ALERT_BUDGET = 100


def judge(
    y: np.ndarray,
    score: np.ndarray,
    weight: np.ndarray,
    *,
    validation: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
) -> tuple[dict[str, Any], np.ndarray]:
    """Figures on test rows, and their calibrated scores.

    Parameters
    ----------
    y, score, weight : ndarray of shape (n_test,)
        Labels, raw scores in [0, 1] and weights of the test rows.
    validation : tuple (y, score, weight) or None
        The same of the validation rows. Without them there is no threshold and no calibration,
        so only average precision and recall within the budget are given.

    Returns
    -------
    figures : dict
        Ready for JSON.
    calibrated : ndarray of shape (n_test,)
        The raw scores where there are no validation rows.
    """
    y, score = np.asarray(y), np.asarray(score, dtype=np.float64)
    figures: dict[str, Any] = {}
    if validation is not None:
        y_validation, raw, validation_weight = validation
        calibration = fit_logistic_calibration(raw, y_validation, validation_weight)
        threshold = choose_threshold(
            y_validation, calibration.apply(raw), by="f1", sample_weight=validation_weight
        )
        score = calibration.apply(score)
        counts = count_summary(y, score, threshold, weight)
        figures = {
            "threshold": float(threshold),
            "f1": f1_at(y, score, threshold, weight),
            "n_caught": counts.n_caught,
            "n_false_alarms": counts.n_false_alarms,
            "calibration_slope": calibration_slope(y, score, weight),
            "frauds_predicted": float(weight @ score),
        }
    budget = min(ALERT_BUDGET, float(np.sum(weight)))
    figures |= {
        "average_precision": average_precision(y, score, weight),
        "recall_at_100_alerts": recall_at_k(y, score, budget, weight),
        "n_test": len(y),
        "frauds_came": int(np.sum(y)),
    }
    return {name: _plain(name, value) for name, value in figures.items()}, score


def _plain(name, value):
    if isinstance(value, int):
        return value
    # A rounded threshold could move a row across it.
    return float(value) if name == "threshold" else round(float(value), 6)
