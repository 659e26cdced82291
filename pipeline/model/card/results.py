"""Lays out the sections of a model card that hold figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.model.card.blocks import Block, note, table, text
from pipeline.pages.numbers import (
    ABSENT,
    count,
    low_to_high,
    moment,
    number,
    percent,
    percent_of,
    short_interval,
    signed_interval,
    value_of,
)

KNOWN_OF_THRESHOLD = {"value", "rule", "values", "reason", "when_packaged", "history"}
HISTORY = {"since": "Since", "value": "Threshold", "rule": "Rule", "by": "By", "reason": "Reason"}


def results(card: Mapping[str, Any]) -> list[Block]:
    """Return counts and every metric with its interval."""
    found, data = card["results"], card["data"]
    counts = found["counts"]
    weighted = data["prevalence_of_figures"]
    stands_for = (
        ""
        if weighted is None
        else f" At the fraud rate of {percent(weighted)}, at which rates and amounts hold, false "
        f"alarms stand for {number(counts['n_false_alarms_weighted'], 1)}."
    )
    at_risk = found["amount_at_risk"]
    money = f" Frauds of {number(at_risk, 2)} were at risk." if at_risk is not None else ""
    rows = [[one["label"], value_of(one), low_to_high(one)] for one in found["metrics"]]
    blocks = [
        text(
            f"{count(counts['n_alerts'])} alerts: {count(counts['n_caught'])} of "
            f"{count(counts['n_frauds'])} frauds caught, {count(counts['n_missed'])} missed, "
            f"{count(counts['n_false_alarms'])} false alarms among {count(counts['n_rows'])} test "
            f"rows.{stands_for}{money}"
        ),
        table(
            "Figures on test rows, with bootstrap intervals over these rows",
            ["Figure", "Value", "95 % interval"],
            rows,
            "12",
        ),
    ]
    if not any(one["name"] == "amount_saved" for one in found["metrics"]):
        blocks.append(note("Amount of caught frauds: not available: the data have no amount."))
    return blocks


def challengers(card: Mapping[str, Any]) -> list[Block]:
    """Return simpler models beside the SGAN, and the paired differences."""
    sgan = {"label": "SGAN, this model", **card["results"]}
    rows = [_one_model(one) for one in [sgan, *card["challengers"]]]
    paired = [
        [
            one["label"],
            difference["label"],
            signed_interval(difference),
            percent_of(difference["probability_sgan_better"]),
            difference["reading"],
        ]
        for one in card["challengers"]
        for difference in one["differences"]
    ]
    blocks = [
        table(
            "Models on the same test rows, each at its own threshold from validation rows",
            ["Model", "Average precision", "F1", "Frauds caught", "False alarms"],
            rows,
            "1234",
        ),
        table(
            "SGAN minus another model, with 95 % intervals, on the same resamples of the test rows",
            ["Other model", "Figure", "Difference", "SGAN better, of resamples", "Reading"],
            paired,
            "23",
        ),
    ]
    if _was_changed(card["threshold"]):
        blocks.append(
            note(
                "The differences in F1, precision and recall are those at the threshold that the "
                "model was packaged with, "
                f"{number(card['threshold']['when_packaged'], 6)}."
            )
        )
    return blocks


def threshold(card: Mapping[str, Any]) -> list[Block]:
    """Return the threshold, its rule, its reason, and what changed it."""
    found = card["threshold"]
    rows = [
        ["Threshold: a score of at least", number(found["value"], 6)],
        ["Rule", found["rule"]],
        ["Reason", found["reason"]],
        [
            "When packaged",
            number(found["when_packaged"], 6) if _was_changed(found) else "the same",
        ],
    ]
    rows += [
        [name.replace("_", " "), str(found[name])]
        for name in sorted(set(found) - KNOWN_OF_THRESHOLD)
    ]
    blocks = [table("Threshold on the calibrated score", ["What", "Value"], rows)]
    history = found.get("history") or []
    if history:
        past = [_past(entry) for entry in history]
        caption = "Every threshold of the model, the present one last"
        blocks.append(table(caption, list(HISTORY.values()), past, "1"))
    elif _was_changed(found):
        blocks.append(note("Changed since the model was packaged; no history was kept."))
    return blocks


def calibration(found: Mapping[str, Any]) -> list[Block]:
    """Return how far scores are probabilities: slope, and frauds predicted and observed."""
    fitted = ", ".join(f"{name} {number(value, 4)}" for name, value in found["fitted"].items())
    rows = [
        [
            _place(name),
            count(of["n_rows"]),
            number(of["expected"], 1),
            f"{count(of['low'])} to {count(of['high'])}",
            count(of["observed"]),
            "inside" if of["low"] <= of["observed"] <= of["high"] else "outside",
        ]
        for name, of in found["expected_frauds"].items()
    ]
    return [
        text(
            f"Slope on test rows {number(found['slope_on_test_rows'])} and intercept "
            f"{number(found['intercept_on_test_rows'])} in log odds; 1 and 0 are perfect, a slope "
            "below 1 means scores too near to 0 and 1."
        ),
        table(
            "Frauds that the scores predict, with the 95 % interval if they are right, and those "
            "that came",
            ["Among", "Rows", "Predicted", "95 % interval", "Came", "Interval"],
            rows,
            "1234",
        ),
        note(f"Calibration fitted on validation rows: {fitted}."),
    ]


def stability(found: Mapping[str, Any]) -> list[Block]:
    """Return the members one by one and their spread."""
    keys = ("test_average_precision", "test_f1", "last_epoch_validation_f1")
    rows = [
        [f"Member {index}", *([number(member.get(key)) for key in keys])]
        for index, member in enumerate(found["members"], start=1)
    ]
    rows += [
        [name.replace("_", " ").capitalize(), *(_spread(found, key, name) for key in keys)]
        for name in ("lowest", "mean", "highest", "standard_deviation")
    ]
    collapses = found["collapses"]
    collapsed = (
        f"{len(collapses)} members collapsed in training; what collapsed by the chosen epoch is "
        "not in use and shows no figures."
        if collapses
        else "No member collapsed in training."
    )
    return [
        text(collapsed, *_pseudo_labels(found["pseudo_labels"]), found["note"]),
        table(
            "Members alone, and their spread",
            ["Member", "Average precision on test rows", "F1 on test rows", "F1 on validation "
             "rows, last epoch"],
            rows,
            "123",
        ),
    ]  # fmt: skip


def _pseudo_labels(found: Mapping[str, Any]) -> list[str]:
    """Return what unlabelled rows passed for, and whether that looked biased."""
    if "not_available" in found:
        return []
    passed = (
        f"In the chosen epoch {count(found['n_pseudo_frauds'])} unlabelled rows passed for frauds "
        f"and {count(found['n_pseudo_genuine'])} for genuine ones"
    )
    passed += "." if found["uses_pseudo_labels"] else ", which was not used in training."
    warnings = found["warnings"]
    if not warnings:
        return [passed]
    epochs = sorted({warning["epoch"] for warning in warnings})
    return [
        passed,
        f"These pseudo-labels looked biased in {len(epochs)} epochs, first in epoch {epochs[0]}: "
        f"{warnings[0]['reason']}. What they taught may be wrong.",
    ]


def _one_model(one: Mapping[str, Any]) -> list[str]:
    metrics = {found["name"]: found for found in one["metrics"]}
    counts = one["counts"]
    return [
        one["label"],
        short_interval(metrics["average_precision"]),
        short_interval(metrics["f1"]),
        f"{count(counts['n_caught'])} of {count(counts['n_frauds'])}",
        count(counts["n_false_alarms"]),
    ]


def _past(entry: Mapping[str, Any]) -> list[str]:
    values = ", ".join(f"{name} {value}" for name, value in entry["values"].items())
    shown = {
        **{name: entry[name] or ABSENT for name in HISTORY},
        "since": moment(entry["since"]) if entry["since"] else "as packaged",
        "value": number(entry["value"], 6),
        "rule": f"{entry['rule']}{f' ({values})' if values else ''}",
    }
    return [str(shown[name]) for name in HISTORY]


def _spread(found: Mapping[str, Any], key: str, name: str) -> str:
    return number(found["spread"].get(key, {}).get(name))


def _place(name: str) -> str:
    """``highest_1000`` -> "the highest scores, standing for 1,000 transactions"."""
    if name == "all":
        return "All test rows"
    number_of = int(name.removeprefix("highest_"))
    return f"The highest scores, which stand for {count(number_of)} transactions"


def _was_changed(found: Mapping[str, Any]) -> bool:
    return bool(found["value"] != found["when_packaged"])
