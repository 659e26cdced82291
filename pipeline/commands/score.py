"""The commands that use one packaged model: scoring, its threshold, its card."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from pipeline.commands.logging_options import logging_options
from pipeline.commands.numbers import POSITIVE, SHARE, FiniteRange

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


@click.command(short_help="Show the model card of MODEL.")
@click.argument("model")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["md", "html", "json"]),
    help="[default: the suffix of --out, or md]",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file."
)
@logging_options
def card(model: str, format_: str | None, out: Path | None) -> None:
    """Show the model card of MODEL: a folder, a run or a registry name.

    It is made anew from the model, so a changed threshold and later approvals show.
    """
    from pipeline.card.command import card as make_card

    text = make_card(model, format=format_, out=out)
    if out is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"model card: {out}")


@click.command(short_help="Approve MODEL for a use; its card shows it.")
@click.argument("model")
@click.option("--by", metavar="NAME", required=True, help="Who approves.")
@click.option("--for", "what", metavar="USE", required=True, help="For what use.")
@click.option("--note", metavar="TEXT", help="Conditions or reasons.")
@logging_options
def approve(model: str, by: str, what: str, note: str | None) -> None:
    """Approve MODEL, a folder or a registered version, for a use; its card shows it.

    Example: counterfoil approve models/cards-3 --by "A. Auditor" --for "pilot, 100 alerts a day"
    """
    from pipeline.card.command import approve as add_approval

    click.echo(add_approval(model, by, what, note))
