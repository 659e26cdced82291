"""Fills in the template of a self-contained HTML report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.files.version import version

SHARED_STYLE = Path(__file__).with_name("report.css")


def render(
    template: Path,
    functions: Mapping[str, Callable[..., Any]],
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    **values: Any,
) -> str:
    """Return the page.

    Parameters
    ----------
    template : Path
        The Jinja template; every value in it is escaped.
    functions : mapping
        What the template may call.
    styles, scripts : sequence of str
        File names beside the template. The page gets them as `css`, after the style that all
        pages share, and as `script`.
    **values
        What it shows.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(template.parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= functions
    css = [SHARED_STYLE, *(template.with_name(name) for name in styles)]
    script = [template.with_name(name) for name in scripts]
    rendered: str = environment.get_template(template.name).render(
        css="".join(path.read_text(encoding="utf-8") for path in css),
        script="\n".join(path.read_text(encoding="utf-8") for path in script),
        version=version(),
        **values,
    )
    return rendered
