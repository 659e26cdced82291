"""Detects and names the ways in which a member of an SGAN stops being of use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

SMALLEST_FAKE_SPREAD = 0.05
SMALLEST_SCORE_DEVIATION = 1e-3
LARGEST_FALL = 0.5  # of F1, as a share of a member's best so far
SMALLEST_PEAK = 0.2  # F1 below which a fall says nothing
EQUILIBRIUM = 0.02  # largest distance from 1/2 of the share of rows told real or fake rightly


class Collapse(NamedTuple):
    """What is wrong with a member.

    Attributes
    ----------
    reason : str
        In words, for the log.
    still_classifies : bool
        Whether its scores may be used: a generator that makes one point does no harm to them.
    """

    reason: str
    still_classifies: bool


def diagnose(
    metrics: Mapping[str, np.ndarray],
    log_odds: np.ndarray,
    f1: Sequence[float] | None = None,
    best_f1: Sequence[float] = (),
) -> dict[int, Collapse]:
    """Name what is wrong with each collapsed member after an epoch.

    Parameters
    ----------
    metrics : mapping of str to ndarray of shape (n_members,)
        Mean figures of the epoch, as `SGANTrainer.run_epoch` returns them.
    log_odds : ndarray of shape (n_rows, n_members)
        Scores of the rows on which the epoch is judged.
    f1 : sequence of float, length n_members, optional
        F1 of each member on validation rows after this epoch.
    best_f1 : sequence of float, length n_members or 0
        The best F1 of each member in the epochs before; empty in the first.

    Returns
    -------
    dict of int to Collapse
        By member; sound members do not appear.
    """
    collapses = {}
    for member in range(log_odds.shape[1]):
        figures = {name: float(values[member]) for name, values in metrics.items()}
        reason = _why_scores_are_useless(figures, log_odds[:, member])
        if not reason and f1 is not None and len(best_f1):
            reason = _why_f1_fell(f1[member], best_f1[member])
        if reason:
            collapses[member] = Collapse(reason, still_classifies=False)
        elif figures.get("fake_spread", 1.0) < SMALLEST_FAKE_SPREAD:
            reason = (
                f"the generator makes one point (spread {figures['fake_spread']:.3f} "
                "of that of real rows)"
            )
            collapses[member] = Collapse(reason, still_classifies=True)
    return collapses


def is_at_equilibrium(metrics: Mapping[str, np.ndarray]) -> bool:
    """Tell whether no discriminator tells real rows from fakes: it might as well answer 1/2.

    That is the game's only equilibrium (Goodfellow et al. 2014, theorem 1), and a generator that
    has reached it learns nothing more.

    Parameters
    ----------
    metrics : mapping of str to ndarray of shape (n_members,)
        Mean figures of the epoch; without the real/fake game there is no equilibrium.
    """
    if "real_accuracy" not in metrics:
        return False
    right = (np.asarray(metrics["real_accuracy"]) + np.asarray(metrics["fake_accuracy"])) / 2
    return bool(np.all(np.abs(right - 0.5) <= EQUILIBRIUM))


def _why_scores_are_useless(figures: Mapping[str, float], log_odds: np.ndarray) -> str:
    if not np.isfinite(log_odds).all():
        return "scores not finite"
    not_finite = [name for name, value in figures.items() if not np.isfinite(value)]
    if not_finite:
        return f"{', '.join(not_finite)} not finite"
    if np.std(log_odds.astype(np.float64)) < SMALLEST_SCORE_DEVIATION:
        return "the same score for every row"
    return ""


def _why_f1_fell(f1: float, best_f1: float) -> str:
    if best_f1 > SMALLEST_PEAK and f1 < LARGEST_FALL * best_f1:
        return f"F1 on validation rows fell to {f1:.3f} from {best_f1:.3f}"
    return ""
