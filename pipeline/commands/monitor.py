"""The command that watches a model on new transactions."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from pipeline.commands.logging_options import logging_options

logger = logging.getLogger(__name__)


@click.command(short_help="Compare new transactions with what MODEL was tested on.")
@click.option(
    "--data", type=click.Path(path_type=Path), required=True,
    help="New transactions: a CSV or Parquet file, or a folder of them.",
)  # fmt: skip
@click.option(
    "--model", default="counterfoil@champion", show_default=True,
    help="A folder, a run or a registry name; champion alone is counterfoil@champion.",
)  # fmt: skip
@click.option(
    "--reference", type=click.Path(path_type=Path),
    help="Old rows, for the two-sample classifier: artifacts/ingest/transactions.parquet.",
)  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report.")
@click.option("--json", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures.")
@click.option(
    "-S", "assignments", metavar="KEY=VALUE", multiple=True, help="Another limit, for this call."
)
@click.option(
    "--params", "params_file", type=click.Path(path_type=Path, dir_okay=False),
    default=Path("params.yaml"), show_default=True, help="Where the section monitor is read.",
)  # fmt: skip
@logging_options
def monitor(
    data: Path, model: str, reference: Path | None, html: Path | None, json: Path | None,
    assignments: tuple[str, ...], params_file: Path,
) -> None:  # fmt: skip
    """Compare new transactions with what MODEL was tested on; labels may come later.

    Ends with code 3 if a limit of the section monitor in params.yaml is exceeded by more than
    chance explains, with 0 if none is, with 2 for data that cannot be used.

    Example: counterfoil monitor --data data/new --model champion --html monitor.html
    """
    from pipeline.monitor.command import MonitorRequest
    from pipeline.monitor.command import monitor as watch
    from pipeline.params.reading import read_overrides
    from pipeline.params.sections import load_params

    limits = load_params(params_file, read_overrides(assignments)).monitor
    content = watch(MonitorRequest(data, model, limits, reference, html, json), Path.cwd())
    from pipeline.monitor.text import as_text

    click.echo(as_text(content))
    click.get_current_context().exit(content["exit_code"])
