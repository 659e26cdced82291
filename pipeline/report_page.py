"""Fills in the template of a self-contained HTML report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.version import version

TEMPLATES = Path(__file__).parent / "templates"


def render(
    template: str, styles: Sequence[str], functions: Mapping[str, Callable[..., Any]], **values: Any
) -> str:
    """Return the page.

    Parameters
    ----------
    template : str
        File name of the Jinja template; every value in it is escaped.
    styles : sequence of str
        File names of the style sheets, the shared one first.
    functions : mapping
        What the template may call.
    **values
        What it shows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= functions
    css = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in styles)
    rendered: str = environment.get_template(template).render(css=css, version=version(), **values)
    return rendered
