"""A comparison as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.compare.charts import charts
from pipeline.compare.differences import most_drifted
from pipeline.compare.text import FIGURES, number, probability, setting_in_words, signed
from pipeline.pages.page import render

if TYPE_CHECKING:
    from pipeline.compare.candidates import Candidate
    from pipeline.compare.shared_rows import SharedRows

TEMPLATE = Path(__file__).with_name("compare.html.jinja")
SLICE_TITLES = {"amount": "By amount", "time": "By time"}


def page(content: Mapping[str, Any], candidates: Sequence[Candidate], rows: SharedRows) -> str:
    """Return the report.

    Parameters
    ----------
    content : mapping
        What `content.compute` gives.
    candidates : sequence of Candidate
    rows : SharedRows
        For the curves, which the content does not hold.
    """
    return render(
        TEMPLATE,
        {"number": number, "signed": signed, "probability": probability},
        styles=("compare.css",),
        scripts=("compare.js",),
        content=content,
        charts=charts(content, candidates, rows),
        figure_titles={name: FIGURES[name] for name in FIGURES if name in content["figures"]},
        slice_titles=SLICE_TITLES,
        setting_words=setting_in_words(content["setting"]),
        drifted=[{**one, "most": most_drifted(one["inputs"] or {})} for one in content["drift"]],
        checked=_checked(content["setting"]),
        default_alerts_per_day=_default_alerts(content),
    )


def _checked(setting: Mapping[str, Any]) -> str:
    """Return which choice the page opens with: the one that the terminal shows."""
    for key, rule in (
        ("cost_per_false_alarm", "cost"),
        ("alerts_per_day", "alerts_per_day"),
        ("alerts_per_thousand", "alerts_per_thousand"),
    ):
        if setting[key] is not None:
            return rule
    return "stored"


def _default_alerts(content: Mapping[str, Any]) -> float:
    given = content["setting"]["alerts_per_day"]
    per_day = content["rows"]["transactions_per_day"]
    if given is not None or per_day is None:
        return float(given or 100)
    return float(max(round(content["budget"]["share"] * per_day), 1))
