"""The gates between a challenger and the place of the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.calibration import calibration_slope
from evaluation.joint_bootstrap import compare_models
from evaluation.metrics import prevalence_weights
from pipeline.params.sections import RetrainParams

if TYPE_CHECKING:
    from collections.abc import Iterable

N_RESAMPLES = 1000


@dataclass(frozen=True)
class Gate:
    """One demand, with what was found.

    Attributes
    ----------
    name : str
        Short, for machines.
    passed : bool
    found, limit : float
        What was measured, and what is demanded.
    words : str
        The same for people.
    """

    name: str
    passed: bool
    found: float
    limit: float
    words: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Rows:
    """The newest labelled rows, scored by both models.

    Attributes
    ----------
    label : ndarray of shape (n_rows,)
    challenger : ndarray of shape (n_rows,)
        Scores.
    champion : ndarray of shape (n_rows,), or None
        None where there is no champion yet.
    thresholds : tuple of float
        Of challenger and champion.
    prevalence : float or None
        Of the figures.
    """

    label: np.ndarray
    challenger: np.ndarray
    champion: np.ndarray | None
    thresholds: tuple[float, float]
    prevalence: float | None


def own_gates(
    rows: Rows,
    metrics: Mapping[str, Any],
    fidelity: Mapping[str, Any],
    limits: RetrainParams,
) -> list[Gate]:
    """Return the gates that a challenger passes or fails by itself.

    Parameters
    ----------
    rows : Rows
    metrics : mapping
        Content of the challenger's metrics.json.
    fidelity : mapping
        Content of its fidelity.json.
    limits : RetrainParams
    """
    sgan = metrics["sgan"]
    sound, members = sgan["n_active_members"], sgan["n_members"]
    weight = prevalence_weights(rows.label, rows.prevalence)
    slope = calibration_slope(rows.label, rows.challenger, weight)
    gates = [
        Gate("collapse", sound == members, sound, members,
             f"{sound} of {members} members are sound; all must be"),
        Gate("calibration_low", slope >= limits.min_calibration_slope, slope,
             limits.min_calibration_slope,
             f"calibration slope {slope:.2f}, at least {limits.min_calibration_slope:g}"),
        Gate("calibration_high", slope <= limits.max_calibration_slope, slope,
             limits.max_calibration_slope,
             f"calibration slope {slope:.2f}, at most {limits.max_calibration_slope:g}"),
    ]  # fmt: skip
    if fidelity["n_synthetic"]:
        distance, copies = fidelity["ks"]["mean"], fidelity["privacy"]["n_exact_copies"]
        if distance is not None:
            gates.append(
                Gate("fidelity", distance <= limits.max_mean_ks, distance, limits.max_mean_ks,
                     f"mean KS distance of synthetic frauds {distance:.3f}, at most "
                     f"{limits.max_mean_ks:g}")
            )  # fmt: skip
        gates.append(
            Gate("privacy", copies <= limits.max_copies, copies, limits.max_copies,
                 f"{copies} synthetic frauds repeat a real one, at most {limits.max_copies}")
        )  # fmt: skip
    return gates


def paired_gates(rows: Rows, limits: RetrainParams, *, seed: int) -> list[Gate]:
    """Return the gates that compare the challenger with the champion on the same rows.

    Average precision: the difference must be at least `margin` with probability `confidence`
    (one-sided paired bootstrap). F1 at the own thresholds, and recall at as many alerts as the
    champion raises: the loss as measured must not exceed its limit. With fewer frauds than
    `min_frauds` nothing else is compared: a few can be caught by luck.
    """
    if rows.champion is None:
        return []
    n_frauds = int(rows.label.sum())
    n_genuine = len(rows.label) - n_frauds
    enough = Gate(
        "frauds", n_frauds >= limits.min_frauds and n_genuine > 0, n_frauds, limits.min_frauds,
        f"{n_frauds} frauds and {n_genuine} genuine rows to compare champion and challenger by, "
        f"at least {limits.min_frauds} and 1",
    )  # fmt: skip
    if not enough.passed:
        return [enough]
    weight = prevalence_weights(rows.label, rows.prevalence)
    alerts = float(weight[rows.champion >= rows.thresholds[1]].sum())
    compared = compare_models(
        rows.label,
        [rows.champion, rows.challenger],
        [rows.thresholds[1], rows.thresholds[0]],
        weight,
        alert_budget=alerts or 1.0,
        n_resamples=N_RESAMPLES,
        # The lower end of an interval of this level is the one-sided bound.
        level=2 * limits.confidence - 1,
        rng=np.random.default_rng(seed),
    )
    precision, f1, caught = (
        compared[name] for name in ("average_precision", "f1", "caught_at_budget")
    )
    bound = float(precision.difference_low[1])
    f1_loss = -float(f1.difference[1])
    recall_loss = -float(caught.difference[1]) / float(rows.label.sum())
    return [
        Gate("average_precision", bound >= limits.margin, bound, limits.margin,
             f"average precision {precision.estimate[1]:.3f} against the champion's "
             f"{precision.estimate[0]:.3f}: with probability {limits.confidence:g} the difference "
             f"is at least {bound:+.3f}, demanded {limits.margin:+g}"),
        Gate("f1", f1_loss <= limits.max_f1_loss, f1_loss, limits.max_f1_loss,
             f"F1 {f1.estimate[1]:.3f} against {f1.estimate[0]:.3f}, a loss of at most "
             f"{limits.max_f1_loss:g}"),
        Gate("recall", recall_loss <= limits.max_recall_loss, recall_loss, limits.max_recall_loss,
             f"{caught.estimate[1]:.0f} frauds caught against {caught.estimate[0]:.0f} at the "
             f"champion's number of alerts, a loss of at most {limits.max_recall_loss:g} in "
             "recall"),
        enough,
    ]  # fmt: skip


def failed(gates: Iterable[Gate]) -> Sequence[Gate]:
    """Return the gates that did not open."""
    return [gate for gate in gates if not gate.passed]
