"""Lays a model card out in sections of sentences, lists and tables, which every format shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.model.card import words
from pipeline.model.card.blocks import Block, Section, absence, bullets, note, table, text
from pipeline.model.card.results import calibration, challengers, results, stability, threshold
from pipeline.model.card.synthetic import augmentation
from pipeline.pages.numbers import ABSENT, count, interval, moment, number, percent, signed_interval
from pipeline.params.reading import flatten

SHORT = 12  # digits of a SHA-256; the JSON card has all
NO_LOCK = "not available: there was none where the run was made"


def headline(card: Mapping[str, Any]) -> str:
    """Return the one sentence that a card opens with."""
    counts = card["results"]["counts"]
    f1 = next(one for one in card["results"]["metrics"] if one["name"] == "f1")
    alarms = counts["n_false_alarms"]
    return (
        f"{counts['n_caught']:,} of {counts['n_frauds']:,} frauds caught, {alarms:,} false "
        f"{'alarm' if alarms == 1 else 'alarms'}, among {counts['n_rows']:,} test rows that "
        f"no part of the model had seen: F1 {interval(f1)}."
    )


def lead(card: Mapping[str, Any]) -> list[str]:
    """Return what a reader should know next: the best other model, and whether anyone approved."""
    lines = []
    for best in card["challengers"][:1]:
        difference = next(
            (one for one in best["differences"] if one["name"] == "average_precision"), None
        )
        if difference:
            lines.append(
                f"Average precision minus that of {best['label']}, the best other model on the "
                f"same rows: {signed_interval(difference)}, {difference['reading']}."
            )
    valid = [one for one in card["approvals"] if one["is_of_this_state"]]
    if not card["approvals"]:
        return [*lines, words.NOBODY]
    return [*lines, f"{len(valid)} of {len(card['approvals'])} approvals are of this state."]


def sections(card: Mapping[str, Any]) -> list[Section]:
    """Return the sections of a card, in the order of reading.

    Parameters
    ----------
    card : mapping
        What `pipeline.model.card.card.build_card` made.
    """
    use = card["use"]
    return [
        Section("approvals", "Approvals", _approvals(card)),
        Section(
            "use",
            "Purpose and misuse",
            [
                text("What it is for:"),
                bullets(use["intended"]),
                text("What it is not for:"),
                bullets(use["misuse"]),
            ],
        ),
        Section("data", "Data", _data(card["data"])),
        Section("split", "Split", _split(card["split"])),
        Section("results", "Results on test rows", results(card)),
        Section("challengers", "Other models on the same rows", challengers(card)),
        Section("threshold", "Threshold", threshold(card)),
        Section("calibration", "Calibration", calibration(card["calibration"])),
        Section("stability", "Stability over seeds", stability(card["stability"])),
        Section("augmentation", "Synthetic frauds", augmentation(card["augmentation"])),
        Section("inputs", "Inputs", _inputs(card["inputs"])),
        Section("limits", "Known limits", [bullets(card["limits"])]),
        Section("guidance", "What reviewers ask about", _guidance(card["guidance"])),
        Section("versions", "Origin and versions", _versions(card)),
        Section("parameters", "Appendix: parameters", _parameters(card["parameters"])),
    ]


def _approvals(card: Mapping[str, Any]) -> list[Block]:
    remarks = [note(words.STORED_NOTE), note(words.SIGNATURE_NOTE)]
    if not card["approvals"]:
        return [text(words.NOBODY), *remarks[:1]]
    rows = [
        [
            moment(one.get("at")),
            str(one.get("by", ABSENT)),
            str(one.get("for", ABSENT)),
            str(one.get("note") or ABSENT),
            f"{'this one' if one['is_of_this_state'] else 'another one'}, "
            f"{str(one.get('approved_sha256', 'unknown'))[:SHORT]}",
            one["kept_in"],
        ]
        for one in card["approvals"]
    ]
    header = ["When", "Who", "For what", "Note", "State of the model", "Kept in"]
    return [table("Approvals, oldest first", header, rows), *remarks]


def _data(data: Mapping[str, Any]) -> list[Block]:
    dropped = data["dropped"]
    time = absence(data["time"]) or (
        f"{data['time']['n_days']:.3g} days, from second {count(data['time']['first'])} to "
        f"second {count(data['time']['last'])} of the data's clock"
    )
    stated = data["prevalence_of_figures"]
    rows = [
        ["Source", data["source"]],
        ["SHA-256 of the checked table", data["sha256"]],
        ["Transactions", count(data["n_rows"])],
        ["Frauds", f"{count(data['n_frauds'])} ({percent(data['fraud_rate'])})"],
        ["Rows read", count(data["n_rows_read"])],
        [
            "Left out",
            f"{count(dropped['duplicates'])} duplicates, {count(dropped['quarantined'])} "
            "quarantined rows",
        ],
        ["Time span", time],
        ["Fraud rate of the figures", "that of the rows" if stated is None else percent(stated)],
        ["Licence of the data", data["licence"]],
    ]
    files = [[one["name"], count(one["n_rows"]), one["sha256"]] for one in data["files"]]
    blocks = [table("The data", ["What", "Value"], rows)]
    if files:
        return [*blocks, table("Files read", ["File", "Rows", "SHA-256"], files, "1")]
    return [*blocks, text(f"Files read: none; the source is “{data['source']}”.")]


def _split(split: Mapping[str, Any]) -> list[Block]:
    rows = []
    for name in ("train", "validation", "test", "excluded"):
        keys = ("n_rows", "n_frauds", "n_labelled", "n_labelled_frauds")
        rows.append([name, *(count(split["parts"][name][key]) for key in keys)])
    budget = split["label_budget"]
    kept = (
        "every training row keeps its label"
        if budget is None
        else "labels are kept of "
        + " and ".join(
            f"{'all' if n is None else count(n)} {name.removeprefix('n_labelled_')} rows"
            for name, n in budget.items()
        )
        + "; the other training rows count as unlabelled"
    )
    method = {
        "stratified": "at random with the same fraud rate in each part",
        "time": f"by time, with {number(split['delay_days'])} days between training and the rest",
    }.get(split["method"], "as named")
    header = ["Part", "Rows", "Frauds", "Labelled rows", "Labelled frauds"]
    return [
        text(f"Method “{split['method']}” ({method}), seed {split['seed']}. Label budget: {kept}."),
        table("Rows of each part", header, rows, "1234"),
    ]


def _inputs(inputs: Mapping[str, Any]) -> list[Block]:
    names: dict[str, list[str]] = {}
    for one in inputs["columns"]:
        names.setdefault(one["kind"], []).append(one["name"])
    rows = [[kind, count(len(of)), ", ".join(of)] for kind, of in names.items()]
    time = inputs["time"] or "not available: the data have none"
    return [
        text(
            f"{len(inputs['columns'])} columns. The label is “{inputs['label']}”; the time "
            f"(“{time}”) orders rows and is no input."
        ),
        table("Columns that the model needs", ["Kind", "How many", "Columns"], rows, "1"),
    ]


def _guidance(guidance: Mapping[str, Any]) -> list[Block]:
    rows = [
        [one["place"], one["name"], one["bears_on"], one["leaves_open"]]
        for one in guidance["texts"]
    ]
    header = ["Where", "Text", "What it has to do with this", "What stays open"]
    return [table("Guidance and law", header, rows), note(guidance["note"])]


def _versions(card: Mapping[str, Any]) -> list[Block]:
    model, versions, mlflow = card["model"], card["versions"], card["mlflow"]
    rows = [
        ["SHA-256 of the model's state", model["sha256"]],
        ["Counterfoil", model["counterfoil_version"]],
        ["Model format", str(model["format_version"])],
        ["Kind", model["kind"]],
        ["Members in use", f"{model['n_active_members']} of {model['n_members']}"],
        ["Epoch", f"{model['chosen_epoch']} ({model['chosen_by']})"],
    ]
    rows += [[name, str(versions[name] or NO_LOCK)] for name in versions]
    why = absence(mlflow)
    rows += (
        [["MLflow: run, code commit, lock", why]]
        if why
        else [
            [f"MLflow: {key.replace('_', ' ')}", _plain(value)]
            for key, value in mlflow.items()
            if key != "approvals"
        ]
    )
    return [table("Where the model comes from", ["What", "Value"], rows)]


def _parameters(parameters: Mapping[str, Any]) -> list[Block]:
    rows = [[key, _parameter(value)] for key, value in sorted(flatten(parameters))]
    return [table("Every parameter of the run", ["Key of params.yaml", "Value"], rows)]


def _parameter(value: Any) -> str:
    """Return a value much as params.yaml has it; lists without their brackets."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value)


def _plain(value: Any) -> str:
    if value is None:
        return "not available: MLflow has none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
