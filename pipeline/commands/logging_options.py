"""The options `--quiet` and `--verbose` that commands share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

import click

OUR_PACKAGES = ("pipeline", "features", "models", "evaluation")
Command = TypeVar("Command", bound=Callable[..., Any])


def _set_level(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(_context: click.Context, _option: click.Parameter, wanted: bool) -> None:
        if wanted:
            for name in OUR_PACKAGES:
                logging.getLogger(name).setLevel(level)

    return callback


def logging_options(command: Command) -> Command:
    """Give a command ``--quiet`` and ``--verbose``."""
    for name, level, text in (
        ("--verbose", logging.DEBUG, "Log more."),
        ("--quiet", logging.WARNING, "Log warnings and errors only."),
    ):
        command = click.option(
            name, is_flag=True, expose_value=False, callback=_set_level(level), help=text
        )(command)
    return command
