"""What a threshold means on the rows that a packaged model carries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.model.evidence import Evidence, WeightedRows
    from pipeline.model.threshold_rule import ThresholdRule

PARTS = ("validation", "test")


@dataclass(frozen=True)
class Figures:
    """Alerts of one threshold on one part.

    Attributes
    ----------
    threshold : float
        Lowest score that raises an alert.
    alerts_per_day : float or None
        At the prevalence of the model; None where nobody knows the transactions of a day.
    n_caught, n_frauds : int
        Frauds among the alerts, and all frauds.
    n_false_alarms : float
        Genuine transactions among the alerts, at that prevalence.
    precision, recall : float in [0, 1]
        At that prevalence.
    amount_missed, amount_at_risk : float or None
        Money in the frauds without an alert, and in all frauds; None without amounts.
    cost : float or None
        For the rule "cost".
    """

    threshold: float
    alerts_per_day: float | None
    n_caught: int
    n_frauds: int
    n_false_alarms: float
    precision: float
    recall: float
    amount_missed: float | None
    amount_at_risk: float | None
    cost: float | None


def figures_of(
    evidence: Evidence | None,
    thresholds: Sequence[float],
    rule: ThresholdRule,
    transactions_per_day: float | None = None,
) -> dict[str, list[Figures]]:
    """Return the figures of each threshold by part; nothing without evidence.

    Parameters
    ----------
    evidence : Evidence or None
        Of the model.
    thresholds : sequence of float
        The old one, and the new one if there is one.
    rule : ThresholdRule
        Whose costs count, if it has any.
    transactions_per_day : float or None
        Instead of that of the evidence.
    """
    if evidence is None:
        return {}
    per_day = transactions_per_day or evidence.transactions_per_day
    found = {}
    for part in PARTS:
        rows = evidence.weighted_part(part)
        found[part] = [_figures(rows, threshold, rule, per_day) for threshold in thresholds]
    return found


def _figures(
    rows: WeightedRows, threshold: float, rule: ThresholdRule, per_day: float | None
) -> Figures:
    from evaluation.decisions import amount_saved, confusion_at, count_summary
    from evaluation.thresholds import cost_at

    confusion = confusion_at(rows.label, rows.score, threshold, rows.weight)
    counts = count_summary(rows.label, rows.score, threshold, rows.weight)
    n_alerts = confusion.true_positives + confusion.false_positives
    missed = at_risk = cost = None
    if rows.amount is not None:
        missed = amount_saved(rows.label, rows.amount, rows.score < threshold, rows.weight)
        at_risk = amount_saved(rows.label, rows.amount, rows.score >= 0, rows.weight)
        if rule.name == "cost":
            cost = cost_at(
                rows.label, rows.score, threshold, rows.amount, sample_weight=rows.weight,
                **rule.values,
            )  # fmt: skip
    return Figures(
        threshold=threshold,
        alerts_per_day=None if per_day is None else n_alerts / sum(confusion) * per_day,
        n_caught=counts.n_caught,
        n_frauds=counts.n_frauds,
        n_false_alarms=confusion.false_positives,
        precision=confusion.precision,
        recall=confusion.recall,
        amount_missed=missed,
        amount_at_risk=at_risk,
        cost=cost,
    )
