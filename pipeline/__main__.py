"""The command line: parses arguments, configures logging and delegates."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

import click

from pipeline.commands.card import approve, card
from pipeline.commands.compare import compare
from pipeline.commands.label import label
from pipeline.commands.latent import latent
from pipeline.commands.logging_options import OUR_PACKAGES
from pipeline.commands.monitor import monitor
from pipeline.commands.retrain import history, promote, retrain, rollback, withdraw
from pipeline.commands.run import run, simulate, stage
from pipeline.commands.score import score
from pipeline.commands.threshold import threshold
from pipeline.errors import CounterfoilError

logger = logging.getLogger("pipeline.__main__")  # not __name__: that is __main__ under `-m`

INTERRUPTED = 130
_interrupted = threading.Event()
TERMINATED = 143


def _version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from pipeline.files.version import version

    click.echo(f"counterfoil {version()}")
    context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Counterfoil: a staged fraud-detection pipeline with generative augmentation."""


for command in (
    run, stage, simulate, score, compare, monitor, latent, label, threshold, card, approve,
    retrain, history, promote, rollback, withdraw,
):  # fmt: skip
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    for name in OUR_PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO)
    # TensorFlow's start-up lines are no news; its errors still show.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # It warns of every function that is compiled for one network more.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # OpenMP threads that wait by spinning take the processor from the one that works: on a busy
    # machine of two cores gradient boosting took 124 s with them and 3.4 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # pyarrow's own allocator keeps what it is given back; the system's returns large blocks.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, _note_interrupt)
    sys.exit(_exit_code())


def _exit_code() -> int:
    try:
        return int(cli.main(prog_name="counterfoil", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CounterfoilError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say_interrupted()
    except Exception as error:
        if _interrupted.is_set():
            logger.info("the interrupt came up as %s", type(error).__name__)
            return _say_interrupted()
        logger.exception("unexpected error; this is a fault in Counterfoil or a library")
        return 1


def _note_interrupt(number: int, frame: FrameType | None) -> None:
    """Remember Ctrl-C: where TensorFlow compiles it may come up as another error."""
    _interrupted.set()
    signal.default_int_handler(number, frame)


def _say_interrupted() -> int:
    click.echo("Interrupted; whatever had finished before is kept.", err=True)
    return INTERRUPTED


if __name__ == "__main__":
    main()
