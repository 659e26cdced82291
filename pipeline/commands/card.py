"""The commands `card` and `approve`."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.logging_options import logging_options


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
