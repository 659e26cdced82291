"""The commands that run the pipeline and make transactions."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from pipeline.commands.logging_options import logging_options

logger = logging.getLogger(__name__)


@click.command(short_help="Run the stages that are stale.")
@click.argument("stage", required=False)
@click.option("--from", "from_stage", metavar="STAGE", help="Run STAGE and all after it again.")
@click.option("--force", is_flag=True, help="Run every stage, changed or not.")
@click.option("--dry-run", is_flag=True, help="Only say which stages would run, and why.")
@click.option("--no-cache", is_flag=True, help="Run every stage without DVC and git.")
@click.option(
    "--workdir",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --no-cache: where artifacts/ and mlflow.db go.  [default: .]",
)
@click.option(
    "--preset",
    "presets",
    metavar="NAME|FILE",
    multiple=True,
    help="Values of presets/NAME.yaml, for this run; may be repeated.",
)
@click.option(
    "-S", "assignments", metavar="KEY=VALUE", multiple=True, help="Another value, for this run."
)
@click.option(
    "--params",
    "params_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Read this file instead of ./params.yaml.",
)
@click.option("--no-tracking", is_flag=True, help="Leave MLflow out.")
@logging_options
def run(
    stage: str | None, dry_run: bool, no_cache: bool, workdir: Path | None, no_tracking: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Run the stages that are stale; with STAGE, that one and those it needs.

    DVC decides what is stale, as in `dvc repro`, and both share dvc.lock. Values come from
    params.yaml, then --preset, then -S.

    Example: counterfoil run --preset creditcard -S sgan.epochs=10
    """
    from pipeline.errors import UsageError
    from pipeline.run.request import RunRequest
    from pipeline.run.running import plan as plan_stages
    from pipeline.run.running import run as run_stages
    from pipeline.run.summary import plan_table, summarize

    if workdir is not None and not no_cache:
        raise UsageError("--workdir needs --no-cache: with DVC, artifacts lie beside dvc.yaml")
    request = RunRequest(
        stage=stage, use_dvc=not no_cache, workdir=workdir or Path(), tracking=not no_tracking,
        **options,
    )  # fmt: skip
    if dry_run:
        click.echo(plan_table(plan_stages(request)))
        return
    outcome = run_stages(request)
    if not outcome.finished and not outcome.restored:
        logger.info("nothing to do: every stage is up to date")
    summary = "" if stage else summarize(outcome.artifacts, tracked=request.tracking)
    if summary:
        click.echo(summary)


@click.command(short_help="Run stage NAME alone (`dvc repro` calls this).")
@click.argument("name")
@click.option("--no-tracking", is_flag=True, help="Leave MLflow out.")
@logging_options
def stage(name: str, no_tracking: bool) -> None:
    """Run stage NAME alone, whatever is stale (`dvc repro` calls this)."""
    from pipeline.run.running import run_one_stage

    run_one_stage(name, Path(), tracking=not no_tracking)


@click.command()
@click.option("--rows", type=click.IntRange(min=1), required=True, help="Transactions.")
@click.option(
    "--fraud-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.00167,
    show_default=True,
    help="Share of frauds.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--drift",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Change over time.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    help="Time that they cover.",
)
@click.option(
    "--first-day",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Days before them, so that files follow each other.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help=".csv or .parquet"
)
@logging_options
def simulate(
    rows: int, fraud_rate: float, seed: int, drift: float, days: float, first_day: float, out: Path
) -> None:
    """Write simulated transactions to a CSV or Parquet file."""
    from pipeline.run.simulate import simulate as write_simulated

    write_simulated(
        out, n_rows=rows, fraud_rate=fraud_rate, seed=seed, drift=drift, n_days=days,
        first_day=first_day,
    )  # fmt: skip
    click.echo(f"{rows:,} transactions: {out}")
