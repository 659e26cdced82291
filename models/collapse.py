"""Detects and names the ways in which a member of an SGAN stops being of use."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

SMALLEST_FAKE_SPREAD = 0.05
SMALLEST_SCORE_DEVIATION = 1e-3


def diagnose(metrics: Mapping[str, np.ndarray], log_odds: np.ndarray) -> dict[int, str]:
    """Name what is wrong with each collapsed member after an epoch.

    Parameters
    ----------
    metrics : mapping of str to ndarray of shape (n_members,)
        Mean figures of the epoch, as `SGANTrainer.run_epoch` returns them.
    log_odds : ndarray of shape (n_rows, n_members)
        Scores of the rows on which the epoch is judged.

    Returns
    -------
    dict of int to str
        Member and reason; sound members do not appear.
    """
    reasons = {}
    for member in range(log_odds.shape[1]):
        reason = _reason(
            {name: float(values[member]) for name, values in metrics.items()},
            log_odds[:, member],
        )
        if reason:
            reasons[member] = reason
    return reasons


def _reason(metrics: Mapping[str, float], log_odds: np.ndarray) -> str:
    not_finite = [name for name, value in metrics.items() if not np.isfinite(value)]
    if not_finite:
        return f"{', '.join(not_finite)} not finite"
    if not np.isfinite(log_odds).all():
        return "scores not finite"
    if np.std(log_odds.astype(np.float64)) < SMALLEST_SCORE_DEVIATION:
        return "the same score for every row"
    if metrics["fake_spread"] < SMALLEST_FAKE_SPREAD:
        return (
            f"the generator makes one point (spread {metrics['fake_spread']:.3f} "
            "of that of real rows)"
        )
    return ""
