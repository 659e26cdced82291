"""Lines for a terminal of 80 columns."""

from __future__ import annotations

import textwrap

WIDTH = 80
TIE = "\N{NO-BREAK SPACE}"


def wrapped(text: str, indent: str = "", hanging: str = "") -> list[str]:
    """Break into lines, but never between a number and its sign.

    All lines get the indent; those after the first get `hanging` as well.
    """
    lines = textwrap.wrap(
        text.replace(" %", f"{TIE}%"), WIDTH, initial_indent=indent,
        subsequent_indent=indent + hanging,
    )  # fmt: skip
    return [line.replace(TIE, " ") for line in lines]


def shortened(text: str, width: int) -> str:
    """Return a text that ends in dots where it was longer."""
    return text if len(text) <= width else text[: width - 3] + "..."
