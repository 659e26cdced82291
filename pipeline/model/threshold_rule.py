"""The rule by which a threshold is chosen on validation rows, and the values of the rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pipeline.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from pipeline.params.sections import EvaluateParams

PER_DAY = "transactions_per_day"
SENTENCES = {
    "f1": "highest F1",
    "alerts": "alerts on at most {alerts_share:.6g} of the transactions",
    "alerts_per_day": "at most {alerts_per_day:,.6g} alerts a day",
    "precision": "precision of at least {precision:.6g}",
    "cost": (
        "lowest cost: {cost_per_false_alarm:.6g} per false alarm, "
        "{cost_per_missed_unit:.6g} per missed unit"
    ),
    "value": "set by hand",
}


@dataclass(frozen=True)
class ThresholdRule:
    """How a threshold is chosen.

    Attributes
    ----------
    name : str
        "f1", "alerts", "alerts_per_day", "precision" or "cost", as `evaluate.threshold` in
        params.yaml, or "value": given by a person.
    values : mapping of str to float
        What the rule needs: `alerts_share`; `alerts_per_day` and `transactions_per_day`;
        `precision`; `cost_per_false_alarm` and `cost_per_missed_unit`; `value`.
    """

    name: str
    values: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_params(cls, evaluate: EvaluateParams) -> ThresholdRule:
        """Return the rule of a section `evaluate`."""
        if evaluate.threshold == "cost":
            names = ("cost_per_false_alarm", "cost_per_missed_unit")
            return cls("cost", {name: getattr(evaluate, name) for name in names})
        if evaluate.threshold_value is None:
            return cls(evaluate.threshold)
        name = "alerts_share" if evaluate.threshold == "alerts" else evaluate.threshold
        return cls(evaluate.threshold, {name: evaluate.threshold_value})

    def with_day(self, transactions_per_day: float | None) -> ThresholdRule:
        """Return the rule with the transactions of a day, where it needs and lacks them.

        Raises
        ------
        InputError
            If it needs them and they are unknown, or the budget is larger than they are.
        """
        if self.name != "alerts_per_day":
            return self
        n = self.values.get(PER_DAY, transactions_per_day)
        if n is None:
            raise InputError(
                "alerts_per_day needs the number of transactions of a day, and these data have no "
                "time, or all rows at one moment; name the time column under data.time in "
                "params.yaml, use a share of alerts, or give `counterfoil threshold` "
                "--transactions-per-day"
            )
        if self.values["alerts_per_day"] > n:
            raise InputError(
                f"a budget of {self.values['alerts_per_day']:,.6g} alerts a day exceeds the "
                f"{n:,.6g} transactions of a day; lower it, or correct the number of transactions "
                "with --transactions-per-day"
            )
        return replace(self, values={**self.values, PER_DAY: n})

    def choose(
        self,
        label: np.ndarray,
        score: np.ndarray,
        *,
        weight: np.ndarray,
        amount: np.ndarray | None,
    ) -> float:
        """Return the threshold on calibrated scores.

        **Fitted on:** the rows given, which must be validation rows.

        Parameters
        ----------
        label, score, weight : ndarray of shape (n_rows,)
            Validation rows; see `evaluation.thresholds`.
        amount : ndarray of shape (n_rows,) or None
            For the rule "cost".

        Raises
        ------
        ValueError
            If no threshold fulfils the rule.
        InputError
            If the rule needs amounts and there are none.
        """
        from evaluation.thresholds import cheapest_threshold, choose_threshold

        if self.name == "value":
            return self.values["value"]
        if self.name == "cost":
            if amount is None:
                raise InputError(
                    "the rule cost weighs missed frauds by their amount, and these data have "
                    "none; name the amount column under data.amount in params.yaml, or choose "
                    "another rule"
                )
            return float(
                cheapest_threshold(label, score, amount, sample_weight=weight, **self.values)
            )
        by, value = self.name, next(iter(self.values.values()), None)
        if by == "alerts_per_day":
            by, value = "alerts", self.values["alerts_per_day"] / self.values[PER_DAY]
        return float(choose_threshold(label, score, by=by, value=value, sample_weight=weight))

    def __str__(self) -> str:
        return rule_text(self.name, self.values)


def rule_of_options(
    *, f1: bool, cost_per_missed_unit: float | None, **values: float | None
) -> ThresholdRule | None:
    """Return the rule that the options of `counterfoil threshold` ask for; None without one.

    Parameters
    ----------
    f1 : bool
        Whether ``--f1`` was given.
    cost_per_missed_unit : float or None
        For ``--cost-per-false-alarm`` alone.
    **values : float or None
        `alerts_per_day`, `alerts_share`, `precision`, `cost_per_false_alarm`, `value`.

    Raises
    ------
    UsageError
        If several rules are asked for, or a cost has no partner.
    """
    given = {name: value for name, value in values.items() if value is not None}
    names = ["--" + name.replace("_", "-") for name in given] + ["--f1"] * f1
    if len(names) > 1:
        raise UsageError(f"{', '.join(names)}: each is a rule of its own; give one of them")
    if cost_per_missed_unit is not None and "cost_per_false_alarm" not in given:
        raise UsageError("--cost-per-missed-unit needs --cost-per-false-alarm")
    for name, value in given.items():
        rule = {"alerts_share": "alerts", "cost_per_false_alarm": "cost"}.get(name, name)
        more = {"cost_per_missed_unit": cost_per_missed_unit or 1.0} if rule == "cost" else {}
        return ThresholdRule(rule, {name: value, **more})
    return ThresholdRule("f1") if f1 else None


def rule_text(name: str, values: Mapping[str, float]) -> str:
    """Return a rule in words, for tables and tags; errors as of `worded`.

    Examples
    --------
    >>> rule_text("alerts_per_day", {"alerts_per_day": 100.0, "transactions_per_day": 3000.0})
    'at most 100 alerts a day'
    """
    return worded(SENTENCES, name, values)


def worded(sentences: Mapping[str, str], name: str, values: Mapping[str, float]) -> str:
    """Return the sentence about a rule with the values of the rule in it.

    Parameters
    ----------
    sentences : mapping of str to str
        By the name of the rule, with the names of its values in braces.
    name, values
        As of `ThresholdRule`.

    Raises
    ------
    InputError
        If there is no such rule, or it lacks a value.
    """
    try:
        return sentences[name].format(**values)
    except KeyError as error:
        raise InputError(
            f"model.json names the threshold rule {name!r} with the values {dict(values)}, which "
            f"is none of {', '.join(sentences)} with its values; run the stage evaluate again"
        ) from error
