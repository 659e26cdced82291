"""The commands around the champion: retraining, its history, and a person's decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipeline.commands.logging_options import Command, logging_options
from pipeline.errors import InputError

STATE = "retraining"


def state_option(command: Command) -> Command:
    """Give a command ``--state``."""
    return click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        default=STATE,
        show_default=True,
        help="Where deliveries and history are kept.",
    )(command)


@click.command(short_help="Take in deliveries, train a challenger, promote it if it may be.")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="File or folder.")
@click.option("--preset", "presets", metavar="NAME|FILE", multiple=True, help="As for run.")
@click.option("-S", "assignments", metavar="KEY=VALUE", multiple=True, help="As for run.")
@state_option
@logging_options
def retrain(**options: Any) -> None:
    """Take new deliveries in, train a challenger, promote it if every gate opens.

    Prints one line of JSON. Exit codes: 0 promoted, 10 nothing new, 20 challenger rejected, 30
    data refused, 40 another call is at work, 1 failed, 2 bad parameters.
    """
    from pipeline.retrain.retrain import RetrainRequest
    from pipeline.retrain.retrain import retrain as retrain_once

    result = retrain_once(RetrainRequest(folder=Path.cwd(), **options))
    click.echo(result.as_line())
    click.get_current_context().exit(result.exit_code)


@click.command(short_help="Make VERSION of the registered model the champion.")
@click.argument("version")
@click.option("--reason", required=True, metavar="TEXT", help="Kept in the history.")
@click.option("--by", metavar="NAME", help="Who decided.  [default: this user]")
@state_option
@logging_options
def promote(version: str, reason: str, by: str | None, state: Path) -> None:
    """Make VERSION of the registered model the champion: a person's decision."""
    from pipeline.retrain.promotion import promote as promote_version
    from pipeline.retrain.promotion import recover

    registry, folder = _opened(state)
    with folder.alone():
        recover(registry, folder)
        entry = promote_version(registry, folder, version, reason=reason, by=by)
    click.echo(_moved(entry))


@click.command()
@click.option("--reason", required=True, metavar="TEXT", help="Kept in the history.")
@click.option("--by", metavar="NAME", help="Who decided.  [default: this user]")
@state_option
@logging_options
def rollback(reason: str, by: str | None, state: Path) -> None:
    """Make the former champion the champion again, in one step."""
    from pipeline.retrain.promotion import recover, roll_back

    registry, folder = _opened(state)
    with folder.alone():
        recover(registry, folder)
        entry = roll_back(registry, folder, reason=reason, by=by)
    click.echo(_moved(entry))


@click.command(short_help="Take a delivery back that should not have been learnt from.")
@click.argument("file")
@click.option("--reason", required=True, metavar="TEXT", help="Kept beside the delivery.")
@click.option("--by", metavar="NAME", help="Who decided.  [default: this user]")
@state_option
@logging_options
def withdraw(file: str, reason: str, by: str | None, state: Path) -> None:
    """Take a delivery back: FILE as it was delivered, or the beginning of its SHA-256.

    The next retraining does without its rows; the champion stays until then.
    """
    from pipeline.retrain.deliveries import withdraw as withdraw_delivery
    from pipeline.retrain.state import State

    _check_exists(state)
    folder = State(state.resolve())
    with folder.alone():
        sha256 = withdraw_delivery(file, folder, reason=reason, by=by)
    click.echo(f"withdrawn: {sha256[:12]}; the next `counterfoil retrain` does without it")


@click.command(short_help="Show all promotions and rollbacks, and check their seals.")
@state_option
@logging_options
def history(state: Path) -> None:
    """Show every promotion and rollback, after checking that none was changed or left out."""
    from pipeline.retrain.promotion import verified_history

    _check_exists(state)
    registry, folder = _opened(state)
    entries = verified_history(registry, folder)
    for entry in entries:
        former = entry["former_version"] or "none"
        click.echo(
            f"{entry['at']}  {entry['action']:8}  version {entry['version']} (was {former})  "
            f"{entry['by']}: {entry['reason']}"
        )
    noun = "entry" if len(entries) == 1 else "entries"
    click.echo(f"{len(entries)} {noun}, all seals hold")


def _check_exists(state: Path) -> None:
    if not state.is_dir():
        raise InputError(f"--state {state} does not exist; name the folder that retrain writes to")


def _opened(state: Path) -> Any:
    from pipeline.params.sections import load_params
    from pipeline.retrain.state import State
    from pipeline.tracking.registry import Registry
    from pipeline.tracking.server import tracking_uri

    params = load_params(Path("params.yaml"))
    return Registry(params.retrain.model, tracking_uri(Path.cwd())), State(state.resolve())


def _moved(entry: dict[str, Any]) -> str:
    return (
        f"version {entry['version']} of {entry['model']} is the champion "
        f"(was {entry['former_version'] or 'none'})"
    )
