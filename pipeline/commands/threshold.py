"""The command `threshold`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.commands.logging_options import logging_options
from pipeline.commands.numbers import POSITIVE, SHARE, FiniteRange


@click.command(short_help="Show the threshold of MODEL, or change it.")
@click.argument("model")
@click.option("--alerts-per-day", type=POSITIVE, metavar="N", help="At most N alerts a day.")
@click.option("--alerts-share", type=SHARE, metavar="S", help="Alerts on a share S of all.")
@click.option("--precision", type=SHARE, metavar="P", help="Precision of at least P.")
@click.option("--f1", is_flag=True, help="Highest F1.")
@click.option(
    "--cost-per-false-alarm", type=POSITIVE, metavar="X", help="Lowest cost at X per false alarm."
)
@click.option(
    "--cost-per-missed-unit",
    type=POSITIVE,
    metavar="Y",
    help="With it: what each unit of a missed fraud's amount costs.  [default: 1]",
)
@click.option("--value", type=FiniteRange(0, 1), metavar="T", help="The threshold T itself.")
@click.option(
    "--transactions-per-day", type=POSITIVE, metavar="N", help="[default: as in the model's data]"
)
@click.option("--reason", metavar="TEXT", help="Why; kept in the history.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write a changed copy, leave MODEL as it is."
)
@click.option("--dry-run", is_flag=True, help="Show what would change.")
@logging_options
def threshold(
    model: str, transactions_per_day: float | None, reason: str | None, out: Path | None,
    dry_run: bool, **options: Any,
) -> None:  # fmt: skip
    """Show the threshold of MODEL, or change it without training again.

    MODEL is a folder, a run or a registry name. The rule is applied to the validation rows that
    the model carries. A folder is changed in place; in MLflow a new version is registered.

    Example: counterfoil threshold artifacts/evaluate/model --alerts-per-day 100
    """
    from pipeline.errors import UsageError
    from pipeline.model.threshold_rule import rule_of_options

    rule = rule_of_options(**options)
    if rule is None and (reason is not None or out is not None):
        raise UsageError("--reason and --out need a rule, such as --alerts-per-day 100")
    from pipeline.threshold.change import ThresholdRequest, change_threshold
    from pipeline.threshold.text import describe

    report = change_threshold(
        ThresholdRequest(model, rule, transactions_per_day, reason, out, dry_run)
    )
    click.echo(describe(report, dry_run))
