"""Pictures of reports as SVG that takes its colours from the page."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from evaluation.plots.style import GRID, METHOD_COLOURS, REFERENCE

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


def svg(draw: Callable[..., Any], name: str, size: tuple[float, float] = SIZE) -> str:
    """Return what `draw` draws into the axis that it is given.

    Parameters
    ----------
    draw : callable
        Takes a matplotlib axis.
    name : str
        Keeps the ids of the pictures of a page apart.
    size : tuple of float
        Inches.
    """
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
