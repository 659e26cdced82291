"""Writes a model card as Markdown, as one HTML file that needs nothing else, or as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.files.atomic import file_sha256, read_json, write_json, write_text
from pipeline.model.card.card import CARD_FOLDER, card_of
from pipeline.model.card.pages import headline, lead, sections
from pipeline.model.folder import MANIFEST

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent
FORMATS = ("md", "html", "json")
STEM = "model_card"

_HTML_IN_MARKDOWN = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKDOWN = re.compile(r"([\\`*|\[\]~]|(?<!\w)_|_(?!\w))")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def render(card: Mapping[str, Any], format: str) -> str:
    """Return a model card as text.

    Parameters
    ----------
    card : mapping
        What `pipeline.model.card.card.build_card` made.
    format : {"md", "html", "json"}
        All three hold the same figures.
    """
    if format == "json":
        return (
            json.dumps(card, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
        )
    template = _environment().get_template(f"{STEM}.{format}.jinja")
    return template.render(
        headline=headline(card),
        lead=lead(card),
        version=card["model"]["counterfoil_version"],
        sha256=card["model"]["sha256"],
        sections=sections(card),
    )


def store_card(folder: Path) -> dict[str, Any]:
    """Write the card of a packaged model into it, in every format, and return it.

    The manifest gets the SHA-256 of the new files. For a folder that nobody reads yet: a process
    killed in between leaves one that is refused as changed.
    """
    card = card_of(folder)
    place = folder / CARD_FOLDER
    place.mkdir(exist_ok=True)
    write_card(card, place)
    manifest = read_json(folder / MANIFEST)
    manifest["files"] |= {
        f"{CARD_FOLDER}/{path.name}": file_sha256(path) for path in sorted(place.iterdir())
    }
    write_json(manifest, folder / MANIFEST)
    return card


def write_card(card: Mapping[str, Any], folder: Path) -> None:
    """Write a card in every format into a folder."""
    for format in FORMATS:
        write_text(render(card, format), folder / f"{STEM}.{format}")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["plain"] = plain
    environment.filters["md"] = markdown
    return environment


def plain(text: str) -> str:
    """Return a text on one line, without what turns its direction."""
    return _CONTROL.sub(" ", text)


def markdown(text: str) -> str:
    r"""Return a text that Markdown shows as it is, even where it came from a file.

    Examples
    --------
    >>> markdown("<b> a|b *c* snake_case")
    '&lt;b&gt; a\\|b \\*c\\* snake_case'
    """
    return _MARKDOWN.sub(r"\\\1", plain(text).translate(_HTML_IN_MARKDOWN))
