"""The pictures of a comparison as SVG that takes its colours from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evaluation import plots
from evaluation.plots.style import GRID, METHOD_COLOURS, REFERENCE
from evaluation.ranking import precision_recall_points

if TYPE_CHECKING:
    from pipeline.comparing.candidates import Candidate
    from pipeline.comparing.shared_rows import SharedRows

SIZE = (5.6, 4.2)  # inches; at 390 pixels the text is still 9 pixels high
LEGEND_LINE = 0.21  # inches that each model beyond the third adds to the height
# Colours of the pictures and what the style sheet calls them.
COLOURS = {
    **{colour.lower(): f"var(--series-{i})" for i, colour in enumerate(METHOD_COLOURS[:-1])},
    REFERENCE.lower(): "var(--reference)",
    str(GRID["color"]).lower(): "var(--grid)",
    METHOD_COLOURS[-1].lower(): "currentColor",  # also that of axes and text
    "#ffffff": "var(--paper)",
    "#cccccc": "var(--grid)",
}
RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "counterfoil",
    "font.size": 11,
    "font.family": "sans-serif",
    "legend.fontsize": 10,
    "text.parse_math": False,  # a name with two dollar signs is no formula
}


class Chart(NamedTuple):
    """A picture with its words.

    Attributes
    ----------
    svg : str
        Without a size of its own.
    title, caption : str
        Above and below it; the caption says what is seen.
    """

    svg: str
    title: str
    caption: str


def charts(
    content: Mapping[str, Any], candidates: Sequence[Candidate], rows: SharedRows
) -> list[Chart]:
    """Return the pictures of a comparison."""
    names = {run["label"]: f"{run['label']} {_short(run['name'])}" for run in content["runs"]}
    found = [_differences(content, names)]
    epochs = {names[run["label"]]: run["epochs"] for run in content["runs"] if run["epochs"]}
    if epochs:
        found.append(
            Chart(
                _svg(lambda ax: plots.plot_f1_curves(epochs, ax), "epochs"),
                "F1 by epoch",
                "F1 on validation rows after each epoch: the ensemble as a line, the range over "
                f"its members as a band. {_last_epochs(epochs)}",
            )
        )
    judged = [
        (names[candidate.label], judged[:3])
        for candidate, judged in zip(candidates, rows.by_falling_score, strict=True)
    ]
    prevalence = content["rows"]["prevalence"]
    precision_recall = {name: precision_recall_points(*of) for name, of in judged}
    rates = {name: plots.recall_by_false_positive_rate(*of) for name, of in judged}
    reliability = {name: plots.calibration_numbers(*of) for name, of in judged}
    precision = _listing(content, "average_precision")
    at_rate = _listing(content, "recall_at_fpr")
    slopes = ", ".join(
        f"{label} {one['slope']:.2f}" for label, one in content["calibration"].items()
    )
    return [
        *found,
        Chart(
            _svg(
                lambda ax: plots.plot_precision_recall(precision_recall, ax, prevalence=prevalence),
                "precision-recall",
            ),
            "Precision and recall",
            f"Precision against recall over all thresholds. Average precision: {precision}.",
        ),
        Chart(
            _svg(lambda ax: plots.plot_recall_at_fpr(rates, ax), "recall-at-fpr"),
            "Recall at low false-positive rates",
            f"Recall against the false-positive rate. At 0.1 % (dotted): {at_rate}.",
        ),
        Chart(
            _svg(lambda ax: plots.plot_calibration(reliability, ax), "calibration"),
            "Calibration",
            "Observed against predicted fraud rate, in log odds, with 95 % intervals; on the "
            f"dotted line scores are the probabilities of fraud. Calibration slope: {slopes}.",
        ),
    ]


def _differences(content: Mapping[str, Any], names: Mapping[str, str]) -> Chart:
    caught = content["figures"]["caught_at_budget"]
    first, *others = caught
    differences = {
        names[label]: tuple(
            caught[label][key] for key in ("difference", "difference_low", "difference_high")
        )
        for label in others
    }
    label = f"Frauds caught beside {first}"
    height = 1.3 + 0.45 * len(others)
    return Chart(
        _svg(
            lambda ax: plots.plot_differences(differences, ax, label=label),
            "differences",
            (SIZE[0], height),
        ),
        "Difference in frauds caught",
        f"Frauds caught at {content['budget']['words']}, minus those of {first}, with 95 % "
        "intervals of the paired bootstrap.",
    )


def _svg(draw: Callable[..., Any], name: str, size: tuple[float, float] = SIZE) -> str:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_visible(False)
        ax = figure.subplots()
        ax.patch.set_visible(False)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
        draw(ax)
        n_named = len(ax.get_legend_handles_labels()[0])
        if n_named:
            figure.set_size_inches(size[0], size[1] + LEGEND_LINE * max(0, n_named - 3))
            # In one column: names of models are long, and the picture is narrow.
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, borderaxespad=0.2)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return _for_the_page(file.getvalue(), name)


def _for_the_page(svg: str, name: str) -> str:
    """Strip what is not needed, name ids apart, and let the page set colours and size."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\1{name}-", svg)
    for colour, variable in COLOURS.items():
        svg = re.sub(re.escape(colour), variable, svg, flags=re.IGNORECASE)
    # A hundredth of a point is far below a pixel; text stays as it is.
    svg = re.sub(r'="[^"]*"', lambda found: re.sub(r"(\.\d{2})\d+", r"\1", found[0]), svg)
    return re.sub(r"\n\s*", "\n", svg)


def _listing(content: Mapping[str, Any], name: str) -> str:
    figure = content["figures"][name]
    return ", ".join(
        f"{label} {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
        for label, one in figure.items()
    )


def _last_epochs(epochs: Mapping[str, Mapping[str, Any]]) -> str:
    last = ", ".join(
        f"{name.split(' ')[0]} {'none' if f1 is None else format(f1, '.3f')}"
        for name, f1 in ((name, of["validation_f1"][-1]) for name, of in epochs.items())
    )
    return f"Last epoch: {last}."


def _short(name: str, width: int = 24) -> str:
    return name if len(name) <= width else "..." + name[3 - width :]
