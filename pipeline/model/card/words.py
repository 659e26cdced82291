"""What a model card says in words: use, misuse, limits, guidance, and the reason of a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.model.threshold_rule import worded

FEW_FRAUDS = 200  # below it the 95 % interval of a recall of one half is wider than 14 points

INTENDED = (
    "Gives each card transaction a score, the probability that it is fraud, and marks those at or "
    "above the threshold as alerts.",
    "For investigators who look at alerts, and as one input of rules that a person has set and "
    "can overrule.",
    "For transactions of the kind, channel and period of the training data, with the same columns "
    "in the same units.",
)
MISUSE = (
    "Refusing payments, blocking cards or closing accounts by the score alone, with nobody who "
    "can overrule it.",
    "Judging people: the score speaks of one transaction, not of credit, price, employment or "
    "character.",
    "Taking an alert for proof of fraud, or no alert for proof of the contrary.",
    "Transactions of another country, channel, currency or product, before it was measured there.",
    "Publishing synthetic frauds, or counting them as real ones.",
)
LICENCE_UNKNOWN = (
    "not available: Counterfoil does not know the licence of the data or the right to use them; "
    "whoever provides them must say"
)
STABILITY_NOTE = (
    "The members are networks of one fit that start from different seeds; the score is their mean "
    "in log odds. Their spread shows how much a seed moves one network, not how much a whole "
    "retraining moves the score: docs/RESULTS.md of Counterfoil studies that over seeds and folds. "
    "A member's F1 is at its own best threshold on validation rows."
)
STORED_NOTE = (
    "A card that is stored with a model shows the state when it was packaged; “counterfoil card” "
    "shows the present one."
)
SIGNATURE_NOTE = (
    "An approval is a statement under a name that nothing here verifies: whoever can write the "
    "model's folder or its registry entry can change it."
)
NOBODY = "Nobody has approved this model yet."

GUIDANCE = (
    {
        "place": "United States",
        "name": "SR 26-2 (Federal Reserve) / OCC Bulletin 2026-13, guidance on model risk "
        "management, which replaced SR 11-7 in April 2026",
        "bears_on": "This card offers a reviewer the purpose and its limits, the data, outcomes on "
        "unseen rows with intervals, benchmarks on the same rows, calibration and the spread over "
        "seeds.",
        "leaves_open": "Independent validation, monitoring in use, the inventory and its tiers, "
        "and whether the guidance concerns a given bank.",
    },
    {
        "place": "European Union",
        "name": "Regulation (EU) 2024/1689 (AI Act), Annex III point 5(b)",
        "bears_on": "It lists the evaluation of the creditworthiness of natural persons as "
        "high-risk and excepts AI systems used for the purpose of detecting financial fraud.",
        "leaves_open": "It speaks of detecting fraud, not of a score that also serves credit "
        "decisions. It settles neither the rest of the Act, nor Article 22 of Regulation (EU) "
        "2016/679 (GDPR) on decisions based solely on automated processing, nor national law.",
    },
)
GUIDANCE_NOTE = (
    "This names what reviewers ask about; it is no legal advice and claims no compliance."
)

_REASONS = {
    "f1": "a high F1 on new rows: halfway between the threshold of the highest F1 on validation "
    "rows and that of the highest F1 that their calibrated scores expect",
    "alerts": "a budget: at most a share of {alerts_share} of the transactions on validation rows "
    "alerts",
    "alerts_per_day": "a budget: at most {alerts_per_day:g} alerts a day on validation rows, where "
    "a day has {transactions_per_day:,.0f} transactions",
    "precision": "the highest recall at which the precision on validation rows is at least "
    "{precision}",
    "cost": "the lowest cost on validation rows: {cost_per_false_alarm:g} for each false alarm and "
    "{cost_per_missed_unit:g} for each unit of money in a missed fraud",
    "value": "a person set it, by no rule",
}
_ALWAYS = (
    "Labels of fraud are late and incomplete: a fraud that nobody reported counts as genuine, in "
    "training and in every figure here.",
    "Fraudsters adapt, and customers change: scores drift, and nothing here measures the model in "
    "use.",
    "Intervals speak of the choice of test rows, not of retraining and not of another period.",
    "Whether errors fall on some groups of people more than on others, and whether an input "
    "stands in for a protected trait, was not examined.",
)


def limits(run: Mapping[str, Any]) -> list[str]:
    """Return the known limits of a model, those of its own data first.

    Parameters
    ----------
    run : mapping
        Content of evidence/run.json.
    """
    data, of_parts = run["data"], run["metrics"]["data"]
    n_frauds = of_parts["n_test_frauds"]
    found = []
    if n_frauds < FEW_FRAUDS:
        found.append(f"Few frauds: the test rows hold {n_frauds:,}, so the intervals are wide.")
    time = data["time"]
    found.append(
        f"One window: the data span {time['n_days']:.3g} days, and nothing shows how the model "
        "does later."
        if time
        else "The data have no time, so nothing shows how the model does later."
    )
    if run["params"]["split"]["method"] == "stratified":
        found.append(
            "Rows were split at random: test rows come from the same period as training rows, "
            "which may flatter a model that will score later ones (split.method “time” does not)."
        )
    if of_parts["prevalence"] is not None:
        found.append(
            f"Figures are weighted to a fraud rate of {of_parts['prevalence']:.3%} while the data "
            f"hold {data['n_frauds'] / data['n_rows']:.3%}: right only if the genuine rows that "
            "were kept are like those that were left out."
        )
    if data["source"] == "simulated":
        found.append("The transactions are simulated and say nothing about any bank's customers.")
    return [*found, *_ALWAYS]


def threshold_reason(rule: str, values: Mapping[str, float]) -> str:
    """Return what a threshold rule aims at, and on which rows.

    Parameters
    ----------
    rule : str
        The name of the rule.
    values : mapping of str to float
        The values of the rule, by the names of `pipeline.model.threshold_rule`.

    Raises
    ------
    InputError
        If there is no such rule, or it lacks a value.

    Examples
    --------
    >>> threshold_reason("precision", {"precision": 0.9})
    'the highest recall at which the precision on validation rows is at least 0.9'
    """
    return worded(_REASONS, rule, values)
