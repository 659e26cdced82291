"""The command `score`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from pipeline.commands.logging_options import logging_options

logger = logging.getLogger(__name__)


@click.command(short_help="Score the transactions in INPUT with MODEL.")
@click.argument("model")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help=".csv or .parquet"
)
@click.option("--reasons", is_flag=True, help="Name the inputs that pushed each alert most.")
@logging_options
def score(model: str, source: Path, out: Path, reasons: bool) -> None:
    """Score the transactions in INPUT with MODEL: a folder, a run or a registry name.

    Writes the columns `score` (probability of fraud) and `decision` (0/1) beside the others.
    """
    from pipeline.score.command import score as write_scores

    write_scores(model, source, out, reasons=reasons)
