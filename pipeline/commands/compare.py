"""The command that compares packaged models."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from pipeline.commands.logging_options import logging_options
from pipeline.commands.numbers import NOT_NEGATIVE, POSITIVE, FiniteRange

logger = logging.getLogger(__name__)


@click.command(short_help="Compare models on the test rows that they share.")
@click.argument("models", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--on", type=click.Path(path_type=Path), help="Score this labelled table with all.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Checked data of the runs, for --by, --reasons: artifacts/ingest/transactions.parquet.",
)
@click.option("--by", multiple=True, metavar="COLUMN", help="Also show results by COLUMN.")
@click.option("--reasons", is_flag=True, help="Also say why alerts are raised; needs the columns.")
@click.option(
    "--alerts-per-day",
    type=POSITIVE,
    help="Alerts that investigators can handle.  [default: as many as the first RUN raises]",
)
@click.option(
    "--alerts-per-thousand",
    type=FiniteRange(min=0, min_open=True, max=1000),
    help="The same in 1,000 transactions, for data without time.",
)
@click.option(
    "--cost-per-false-alarm",
    type=NOT_NEGATIVE,
    help="Cost of a false alarm; thresholds are then those of the lowest cost.",
)
@click.option(
    "--cost-per-missed-unit",
    type=NOT_NEGATIVE,
    help="Cost of each unit of money in a missed fraud.  [default: 1]",
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report.")
@click.option(
    "--log", "experiment", metavar="EXPERIMENT", help="Log the report to MLflow, as a run."
)
@click.option("--json", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures.")
@click.option(
    "--resamples", "n_resamples", type=click.IntRange(min=100), default=1000, show_default=True
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@logging_options
def compare(models: tuple[str, ...], **options: Any) -> None:
    """Compare models with the first of them, on the test rows that they share.

    RUN is a folder, the id or name of an MLflow run, NAME@ALIAS or a model URI.

    Example: counterfoil compare models/champion artifacts/evaluate/model --html report.html
    """
    from pipeline.compare.command import CompareRequest
    from pipeline.compare.command import compare as compare_models
    from pipeline.compare.text import as_text

    request = CompareRequest(names=models, **options)
    compare_models(request, Path.cwd(), lambda content: click.echo(as_text(content)))
