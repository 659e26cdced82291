"""The command that draws the latent spaces of a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from pipeline.commands.logging_options import logging_options
from pipeline.commands.numbers import FiniteRange

PAIR = re.compile(r"([0-9]+):([0-9]+)")


def _pairs(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[tuple[int, int], ...]:
    found = [PAIR.fullmatch(text) for text in given]
    for text, pair in zip(given, found, strict=True):
        if pair is None:
            raise click.BadParameter(f"{text} is no pair of rows such as 120:48301, from 0.")
    return tuple((int(pair[1]), int(pair[2])) for pair in found if pair is not None)


@click.command()
@click.argument("model", default=".")
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Transactions: a file or a folder.  [default: those of the project MODEL lies in]",
)  # fmt: skip
@click.option(
    "--path", "paths", multiple=True, metavar="ROW:ROW", callback=_pairs,
    help="Walk from one row to another; rows count from 0.  [default: an example]",
)  # fmt: skip
@click.option(
    "--max-rows", type=click.IntRange(min=100), default=50_000, show_default=True,
    help="Draw at most so many rows; frauds come first.",
)  # fmt: skip
@click.option(
    "--perplexity", type=FiniteRange(min=2, max=500), default=30, show_default=True,
    help="Neighbours that t-SNE heeds.",
)  # fmt: skip
@click.option(
    "--min-cluster-size", type=click.IntRange(min=2), metavar="N",
    help="Fewest rows of a cluster.  [default: 1 in 500, at least 20]",
)  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the page.")
@click.option("--json", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures.")
@click.option("--log", "experiment", metavar="EXPERIMENT", help="Log page and figures to MLflow.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True)
@logging_options
def latent(model: str, **options: Any) -> None:
    """Draw how the autoencoder and the VAE of MODEL see transactions.

    MODEL is a folder, a run or a registry name; the project here unless it is given. The page
    holds every row that is drawn, with all its columns.

    Example: counterfoil latent --html latent.html
    """
    from pipeline.latent.command import LatentRequest
    from pipeline.latent.command import latent as draw
    from pipeline.latent.text import as_text

    request = LatentRequest(model, **options)
    draw(request, Path.cwd(), lambda content: click.echo(as_text(content)))
