"""A monitoring report as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from evaluation import plots
from pipeline.monitor import text
from pipeline.pages.page import render
from pipeline.pages.svg import SIZE, Chart, svg

DRAWN_INPUTS = 15
MARKS = {"exceeded": "bad", "could be chance": "unsure", "within": "good"}

TEMPLATE = Path(__file__).with_name("monitor.html.jinja")


def page(content: Mapping[str, Any]) -> str:
    """Return the report of what `content.compute` gives."""
    return render(
        TEMPLATE,
        {
            "interval": text.interval, "limit_name": text.limit_name, "p_value": text.p_value,
            "statistic": text.statistic, "bound_in_words": text.bound_in_words,
        },
        styles=("monitor.css",),
        content=content,
        charts=_charts(content),
        marks=MARKS,
        notes=text.notes(content),
        figures=text.FIGURES,
        labels_in_words=text.labels_in_words(content["labels"]),
        reference_in_words=text.reference_in_words(content),
        shares=list(_shares(content["scores"])),
    )  # fmt: skip


def _charts(content: Mapping[str, Any]) -> list[Chart]:
    drawn = content["inputs"][:DRAWN_INPUTS]
    bound = next(one["bound"] for one in content["limits"] if one["key"] == "psi")
    indices = {
        text.shortened(one["name"], 20): (one["psi"], one["psi_low"], one["psi_high"])
        for one in drawn
    }
    height = 1.2 + 0.24 * len(drawn)
    most = ", ".join(f"{one['name']} {one['psi']:.3f}" for one in drawn[:3])
    line = "" if bound is None else f" The dotted line is the limit, {bound:.3g}."
    scores = content["scores"]
    found = [
        Chart(
            svg(lambda ax: plots.plot_indices(indices, ax, bound=bound), "indices",
                (SIZE[0], height)),
            "Inputs that moved most",
            f"Population stability index with intervals that hold together. Highest: {most}."
            f"{line}",
        ),
        Chart(
            svg(lambda ax: plots.plot_score_shares(
                {"Test rows": scores["test_shares"], "New rows": scores["new_shares"]},
                scores["edges"], ax), "scores"),
            "Scores",
            "Share of the rows by band of the score. Population stability index "
            f"{scores['psi']:.3f} ({text.interval(scores['psi_low'], scores['psi_high'])}).",
        ),
    ]  # fmt: skip
    labels = content["labels"]
    if "decay" in labels:
        losses = {
            title: tuple(labels["decay"][name][key] for key in ("loss", "low", "high"))
            for name, title in text.FIGURES.items()
        }
        f1 = labels["decay"]["f1"]
        found.append(
            Chart(
                svg(lambda ax: plots.plot_differences(losses, ax, label="Test minus new rows"),
                    "decay", (SIZE[0], 1.3 + 0.4 * len(losses))),
                "Decay",
                "Loss of each figure with its 95 % interval; to the right of the dotted line the "
                f"model has become worse. F1: {f1['loss']:+.3f} ({f1['low']:+.3f} to "
                f"{f1['high']:+.3f}).",
            )
        )  # fmt: skip
    return found


def _shares(scores: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Return the bands of the score with the shares of test rows and of new rows."""
    edges = [f"{edge:.5f}".rstrip("0") for edge in scores["edges"]]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    names = [f"below {edges[0]}", *between, f"{edges[-1]} and more"]
    return list(zip(names, scores["test_shares"], scores["new_shares"], strict=True))
