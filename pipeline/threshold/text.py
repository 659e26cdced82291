"""Turns what `counterfoil threshold` found and did into text of at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.model.threshold_history import Entry, entry_text, history
from pipeline.pages.terminal_text import WIDTH
from pipeline.threshold.change import ThresholdReport
from pipeline.threshold.figures import PARTS, Figures

NAME_WIDTH = 15
INDENT = "  "


def describe(report: ThresholdReport, dry_run: bool = False) -> str:
    """Return the whole text: threshold, figures before and after, history, what was written."""
    asked = any(len(found) > 1 for found in report.figures.values()) or report.after is not None
    manifest = report.after or report.before
    lines = [*_head(report), *_table(report.figures), *_about_figures(report)]
    lines += _history(manifest) if not asked or report.after else []
    lines += ["", *_ending(report, dry_run)] if asked else []
    return "\n".join(lines)


def _head(report: ThresholdReport) -> list[str]:
    before = history(report.before)[-1]
    lines = [f"Model        {report.model}"]
    if report.after is None:
        return [*lines, *_wrapped(f"Threshold    {before['value']:.4g}, {entry_text(before)}")]
    after = history(report.after)[-1]
    return [
        *lines,
        *_wrapped(f"Before       {before['value']:.4g}, {entry_text(before)}"),
        *_wrapped(f"After        {after['value']:.4g}, {entry_text(after)}"),
    ]


def _table(figures: Mapping[str, Sequence[Figures]]) -> list[str]:
    """Return the figures by part, at the old threshold and beside it at the new one."""
    if not figures:
        return []
    columns = [one for part in PARTS for one in figures[part]]
    width = 16
    of_part = len(columns) // len(PARTS) * width
    lines = ["", " " * NAME_WIDTH + "".join(f"{part + ' rows':>{of_part}}" for part in PARTS)]
    if len(columns) > len(PARTS):
        lines.append(" " * NAME_WIDTH + f"{'before':>{width}}{'after':>{width}}" * len(PARTS))
    rows = zip(*(_cells(one) for one in columns), strict=True)
    for cells in rows:
        texts = [text for _, text in cells]
        if any(texts):
            lines.append(f"{cells[0][0]:{NAME_WIDTH}}" + "".join(f"{t:>{width}}" for t in texts))
    return lines


def _cells(one: Figures) -> list[tuple[str, str]]:
    """Return name and text of each figure; an empty text for what cannot be known."""
    return [
        ("threshold", f"{one.threshold:.4g}"),
        ("alerts a day", _number(one.alerts_per_day, 1)),
        ("frauds caught", f"{one.n_caught} of {one.n_frauds}"),
        ("false alarms", _number(one.n_false_alarms, 0)),
        ("precision", f"{one.precision:.3f}"),
        ("recall", f"{one.recall:.3f}"),
        ("money missed", _number(one.amount_missed, 0)),
        ("money at risk", _number(one.amount_at_risk, 0)),
        ("cost", _number(one.cost, 0)),
    ]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _about_figures(report: ThresholdReport) -> list[str]:
    """Say which rows chose, and to which threshold the figures of the run belong."""
    if not report.figures:
        return ["", *_wrapped("The model carries no scored rows, so nothing can be said of it.")]
    packaged = history(report.before)[0]["value"]
    texts = []
    if any(len(found) > 1 for found in report.figures.values()):
        texts.append(
            "The threshold is chosen on the validation rows; the test rows are scored here, not "
            "used to choose."
        )
    texts.append(
        "The test figures in metrics.json, in the model's evidence and in MLflow belong to the "
        f"threshold that the model was packaged with, {packaged:.4g}."
    )
    return ["", *_wrapped(" ".join(texts))]


def _history(manifest: Mapping[str, Any]) -> list[str]:
    lines = ["", "History"]
    for entry in history(manifest):
        start = f"{INDENT}{_since(entry):17}  {entry['value']:<9.4g}  "
        indent = " " * len(start)
        lines += _wrapped(start + entry_text(entry), indent)
        if entry["by"]:
            reason = f": {entry['reason']}" if entry["reason"] else ""
            lines += _wrapped(f"{indent}by {entry['by']}{reason}", indent)
    return lines


def _since(entry: Entry) -> str:
    """Return when a threshold came, e.g. ``2026-05-01 17:03Z``."""
    return entry["since"][:16].replace("T", " ") + "Z" if entry["since"] else "as packaged"


def _ending(report: ThresholdReport, dry_run: bool) -> list[str]:
    if report.after is None:
        return ["Nothing to change: the model has this threshold by this rule already."]
    if dry_run:
        return ["Nothing was changed (--dry-run)."]
    lines = _wrapped(f"Written to   {report.written}")
    return lines + [line for note in report.notes for line in _wrapped(note)]


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
