"""Operating points: what a budget or a cost means for each model, in the page as in the terminal.

The page and the command line choose from the same points by the same comparisons, so that their
numbers are equal to the last digit (tests/pipeline/compare/test_report_in_browser.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluation.metrics import prevalence_weights
from evaluation.operating_points import OperatingPoints, operating_points
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.compare.candidates import Candidate
    from pipeline.compare.shared_rows import SharedRows


@dataclass(frozen=True)
class Setting:
    """A budget or costs; the stored thresholds where all are None.

    Attributes
    ----------
    alerts_per_day : float or None
        Of all traffic.
    alerts_per_thousand : float or None
        In 1,000 transactions, for data without time.
    cost_per_false_alarm : float or None
        In the unit of the amounts.
    cost_per_missed_unit : float
        Of each unit of money in a missed fraud; beside `cost_per_false_alarm`.
    """

    alerts_per_day: float | None = None
    alerts_per_thousand: float | None = None
    cost_per_false_alarm: float | None = None
    cost_per_missed_unit: float = 1.0

    def to_dict(self) -> dict[str, float | None]:
        """Return the values for JSON."""
        return asdict(self)


def check_setting(setting: Setting, candidates: Sequence[Candidate], rows: SharedRows) -> None:
    """Refuse a budget or a cost that the rows cannot be judged by.

    Raises
    ------
    UsageError
        If times or amounts are missing, or the budget exceeds all transactions.
    """
    per_day = rows.transactions_per_day
    if setting.alerts_per_day is not None:
        if per_day is None:
            raise UsageError(
                "--alerts-per-day needs the times of the rows, and they have none, or all the "
                "same; give --alerts-per-thousand"
            )
        if setting.alerts_per_day > per_day:
            raise UsageError(
                f"a budget of {setting.alerts_per_day:,.6g} alerts a day exceeds the "
                f"{per_day:,.6g} transactions of a day; lower it"
            )
    if setting.cost_per_false_alarm is None:
        return
    without = [
        candidate.name
        for candidate in candidates
        if candidate.evidence is not None and "amount" not in candidate.evidence.rows
    ]
    if without or rows.amount is None:
        whose = f"the data of {without[0]} have" if without else "the rows have"
        raise UsageError(
            f"--cost-per-false-alarm needs amounts, and {whose} none; give --alerts-per-thousand"
        )


def explorer(
    candidates: Sequence[Candidate], rows: SharedRows, points: Mapping[str, OperatingPoints]
) -> dict[str, Any]:
    """Return every operating point of every model, for the page."""
    found = {}
    for label, of in points.items():
        columns = {name: values.tolist() for name, values in of._asdict().items()}
        found[label] = columns | {"threshold": [None, *columns["threshold"][1:]]}
    return {
        "points": found,
        "transactions_per_day": rows.transactions_per_day,
        "n_frauds": int(rows.label.sum()),
        "amount_at_risk": _amount_at_risk(rows),
        "stored": {candidate.label: candidate.threshold for candidate in candidates},
    }


def operating_point(
    candidate: Candidate, rows: SharedRows, points: OperatingPoints | None, setting: Setting
) -> dict[str, Any] | None:
    """Return what a model does at a setting, or None where it has no validation rows.

    The threshold comes from the model's validation rows, what it does from the rows compared.
    """
    if points is None:
        return None
    index = choose(points, setting, candidate.threshold, rows.transactions_per_day)
    threshold = float(points.threshold[index])
    share = float(points.alerts[index])
    per_day = rows.transactions_per_day
    return {
        "threshold": None if np.isinf(threshold) else threshold,
        "alerts_per_day": None if per_day is None else share * per_day,
        "alert_share": share,
        "n_caught": int(points.caught[index]),
        "n_frauds": int(rows.label.sum()),
        "n_false_alarms": int(points.false_alarms[index]),
        "amount_caught": float(points.caught_amount[index]),
        "amount_at_risk": _amount_at_risk(rows),
    }


def choose(points: OperatingPoints, setting: Setting, stored: float, per_day: float | None) -> int:
    """Return the index of the point that a setting means."""
    if setting.cost_per_false_alarm is not None:
        return points.of_least_cost(setting.cost_per_false_alarm, setting.cost_per_missed_unit)
    if setting.alerts_per_day is not None and per_day is not None:
        return points.within_alerts(setting.alerts_per_day / per_day)
    if setting.alerts_per_thousand is not None:
        return points.within_alerts(setting.alerts_per_thousand / 1000)
    return int(np.flatnonzero(points.threshold == stored)[0])


def points_of(candidates: Sequence[Candidate], rows: SharedRows) -> dict[str, OperatingPoints]:
    """Return the operating points of every model that holds its validation rows.

    These weigh as the rows compared.
    """
    found = {}
    for candidate, judged in zip(candidates, rows.by_falling_score, strict=True):
        if candidate.evidence is None:
            continue
        validation = candidate.evidence.part("validation")
        amount = validation.get("amount")
        label = validation["label"].to_numpy()
        chooses = (
            label,
            validation["score"].to_numpy(),
            prevalence_weights(label, rows.prevalence),
            None if amount is None else amount.to_numpy(),
        )
        found[candidate.label] = operating_points(chooses, judged, also=[candidate.threshold])
    return found


def _amount_at_risk(rows: SharedRows) -> float | None:
    if rows.amount is None:
        return None
    return float(np.sum((rows.amount * rows.weight)[rows.label == 1]))
