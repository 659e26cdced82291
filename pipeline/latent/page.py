"""The latent pictures as one self-contained, interactive HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.latent import text
from pipeline.latent.content import most_frauds_first
from pipeline.latent.packing import page_data
from pipeline.latent.pictures import TITLES
from pipeline.pages.page import render

if TYPE_CHECKING:
    from pipeline.latent.pictures import Picture
    from pipeline.latent.rows import LatentRows
    from pipeline.latent.walks import Draws
    from pipeline.model.folder import FraudModel

TEMPLATE = Path(__file__).with_name("latent.html.jinja")
SCRIPTS = ("latent_data.js", "latent_map.js", "latent_tables.js", "latent.js")
SHOWN_CLUSTERS = 12


def page(
    content: Mapping[str, Any],
    model: FraudModel,
    rows: LatentRows,
    pictures: Sequence[Picture],
    draws: Draws | None,
) -> str:
    """Return the page.

    Parameters
    ----------
    content : mapping
        What `content.content_of` gives.
    model, rows, pictures, draws
        For the script, which draws every row.
    """
    return render(
        TEMPLATE,
        {
            "share": text.share_in_words, "column": text.column_in_words,
            "picture_in_words": text.picture_in_words, "draws_in_words": text.draws_in_words,
            "pictured_in_words": text.pictured_in_words, "end_in_words": text.end_in_words,
        },
        styles=("latent.css",),
        scripts=SCRIPTS,
        content=content,
        titles=TITLES,
        clusters={
            one["encoder"]: most_frauds_first(one["clusters"]) for one in content["pictures"]
        },
        n_shown=SHOWN_CLUSTERS,
        data=page_data(content, model, rows, pictures, draws),
    )  # fmt: skip
