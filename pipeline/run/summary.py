"""Turns what a run left in its artifacts into the short text that ends it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.pages.terminal_text import WIDTH
from pipeline.stages.artifacts import Artifacts

ABSENT = "-"


def summarize(artifacts: Artifacts, *, tracked: bool = True) -> str:
    """Return the closing summary of a pipeline run, at most 80 columns wide.

    Parameters
    ----------
    artifacts : Artifacts
        After a run; what is missing is left out.
    tracked : bool, default=True
        Whether MLflow has the run.

    Returns
    -------
    str
        Data, the SGAN's figures with their intervals, the challengers on the same rows, and
        where to look next. Empty if there are no figures yet.
    """
    try:
        metrics = read_json(artifacts.folder("evaluate") / "metrics.json")
    except (FileNotFoundError, json.JSONDecodeError):
        return ""
    lines = [*_data_lines(metrics), *_model_lines(metrics), ""]
    folder = os.path.relpath(artifacts.folder("evaluate"))
    lines += ["Look next:", f"  {folder}    figures, plots, the model"]
    if tracked:
        lines += ["  make ui    F1 per epoch and earlier runs in MLflow"]
    return "\n".join(lines)


def _data_lines(metrics: Mapping[str, Any]) -> list[str]:
    data = metrics.get("data")
    if data is None:
        return []
    rows, frauds, prevalence = (data[name] for name in ("n_rows", "n_frauds", "prevalence"))
    line = f"Data         {rows:,} transactions, {frauds:,} frauds ({frauds / rows:.3%})"
    if prevalence is not None:
        line += f"; figures at {prevalence:.3%}"
    return [line]


def _model_lines(metrics: Mapping[str, Any]) -> list[str]:
    sgan = metrics.get("sgan") or {}
    lines = []
    if sgan.get("chosen_epoch") is not None:
        lines.append(f"SGAN         epoch {sgan['chosen_epoch']} chosen on validation rows")
    lines += _warnings(sgan)
    caught = sgan.get("n_caught")
    if caught is not None and sgan.get("n_frauds") is not None:
        alarms = sgan.get("n_false_alarms")
        lines.append(
            f"Test part    {caught} of {sgan['n_frauds']} frauds caught"
            + (
                f", {alarms:,} false alarm{'s' if alarms != 1 else ''}"
                if alarms is not None
                else ""
            )
        )
    lines += _score_lines(sgan.get("expected_frauds") or {})
    rows = [("SGAN", sgan), *sorted((metrics.get("challengers") or {}).items())]
    name_width = max(len(_words(name)) for name, _ in rows)
    lines += ["", f"{'':{name_width}}  {'average precision':21}  F1"]
    for name, figures in rows:
        precision = _interval(figures.get("average_precision"))
        line = f"{_words(name):{name_width}}  {precision:21}  {_interval(figures.get('f1'))}"
        lines.append(line.rstrip()[:WIDTH])
    return lines


def _warnings(sgan: Mapping[str, Any]) -> list[str]:
    """Return a line where rows passed for frauds too often by the epoch that was chosen."""
    warnings = sgan.get("pseudo_label_warnings") or []
    epochs = {one["epoch"] for one in warnings if one["epoch"] <= sgan["chosen_epoch"]}
    if not epochs:
        return []
    some = f"{len(epochs)} epoch{'s' if len(epochs) != 1 else ''}"
    return [f"Warning      pseudo-labels look biased in {some} (sgan/chosen.json says why)"]


def _score_lines(expected_frauds: Mapping[str, Any]) -> list[str]:
    """Return how many frauds the scores predicted and how many came, overall and at the top."""
    parts = [
        f"{_place(name, of['expected'])} ({of['low']:,}-{of['high']:,}), {of['observed']:,} came"
        for name, of in expected_frauds.items()
    ]
    line = "Predicted    " + "; ".join(parts)
    return [line if len(line) <= WIDTH else line.rsplit("; ", 1)[0]] if parts else []


def _place(name: str, expected: float) -> str:
    """``all`` -> ``93 frauds``, ``highest_1000`` -> ``top 1,000: 88``."""
    if name == "all":
        return f"{expected:,.0f} frauds"
    return f"top {int(name.removeprefix('highest_')):,}: {expected:,.0f}"


def _interval(figure: Any) -> str:
    """Return a figure with its interval, e.g. ``0.842 (0.801-0.880)``."""
    if figure is None:
        return ABSENT
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"


def _words(name: str) -> str:
    return name if name == "SGAN" else name.replace("_", " ")


def plan_table(stages: list[tuple[str, list[str]]]) -> str:
    r"""Return what ``--dry-run`` shows: one line for each reason, stages in order.

    Examples
    --------
    >>> plan_table([("sgan", ["sgan.epochs: 30 -> 10"]), ("evaluate", ["sgan reruns"])])
    'stage        why\nsgan         sgan.epochs: 30 -> 10\nevaluate     sgan reruns'
    """
    if not stages:
        return "nothing to do: every stage is up to date"
    lines = [f"{'stage':11}  why"]
    for name, reasons in stages:
        lines += [f"{name if i == 0 else '':11}  {reason}" for i, reason in enumerate(reasons)]
    return "\n".join(lines)
