"""The command line: parses arguments, configures logging and delegates."""

from __future__ import annotations

import logging
import math
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from pipeline.errors import CounterfoilError

logger = logging.getLogger("pipeline.__main__")  # not __name__: that is __main__ under `-m`

OUR_PACKAGES = ("pipeline", "features", "models", "evaluation")
INTERRUPTED = 130
TERMINATED = 143
Command = TypeVar("Command", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A range of numbers without nan and inf, which click lets through."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> float:
        """Return the number of a command line."""
        number = float(super().convert(value, param, context))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, context)
        return number


POSITIVE = FiniteRange(min=0, min_open=True)
SHARE = FiniteRange(0, 1, min_open=True)


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


def _version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from pipeline.version import version

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


@cli.command()
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
    from pipeline.run import RunRequest
    from pipeline.run import plan as plan_stages
    from pipeline.run import run as run_stages
    from pipeline.summary import plan_table, summarize

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
    summary = "" if stage else summarize(outcome.artifacts)
    if summary:
        click.echo(summary)


@cli.command()
@click.argument("name")
@click.option("--no-tracking", is_flag=True, help="Leave MLflow out.")
@logging_options
def stage(name: str, no_tracking: bool) -> None:
    """Run stage NAME alone, whatever is stale (`dvc repro` calls this)."""
    from pipeline.run import run_one_stage

    run_one_stage(name, Path(), tracking=not no_tracking)


@cli.command()
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
    from pipeline.thresholds.rule import rule_of_options

    rule = rule_of_options(**options)
    if rule is None and (reason is not None or out is not None):
        raise UsageError("--reason and --out need a rule, such as --alerts-per-day 100")
    from pipeline.thresholds.change import ThresholdRequest, change_threshold
    from pipeline.thresholds.text import describe

    report = change_threshold(
        ThresholdRequest(model, rule, transactions_per_day, reason, out, dry_run)
    )
    click.echo(describe(report, dry_run))


@cli.command()
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
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help=".csv or .parquet"
)
@logging_options
def simulate(rows: int, fraud_rate: float, seed: int, drift: float, out: Path) -> None:
    """Write simulated transactions to a CSV or Parquet file."""
    from pipeline.simulate import simulate as write_simulated

    write_simulated(out, n_rows=rows, fraud_rate=fraud_rate, seed=seed, drift=drift)


@cli.command()
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
    from pipeline.cards.command import card as make_card

    text = make_card(model, format=format_, out=out)
    if out is None:
        click.echo(text, nl=False)


@cli.command()
@click.argument("model")
@click.option("--by", metavar="NAME", required=True, help="Who approves.")
@click.option("--for", "what", metavar="USE", required=True, help="For what use.")
@click.option("--note", metavar="TEXT", help="Conditions or reasons.")
@logging_options
def approve(model: str, by: str, what: str, note: str | None) -> None:
    """Approve MODEL, a folder or a registered version, for a use; its card shows it.

    Example: counterfoil approve models/cards-3 --by "A. Auditor" --for "pilot, 100 alerts a day"
    """
    from pipeline.cards.command import approve as add_approval

    click.echo(add_approval(model, by, what, note))


@cli.command()
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
    from pipeline.score import score as write_scores

    write_scores(model, source, out, reasons=reasons)


@cli.command()
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
    type=click.FloatRange(min=0, min_open=True),
    help="Alerts that investigators can handle.  [default: as many as the first RUN raises]",
)
@click.option(
    "--alerts-per-thousand",
    type=click.FloatRange(min=0, min_open=True, max=1000),
    help="The same in 1,000 transactions, for data without time.",
)
@click.option(
    "--cost-per-false-alarm",
    type=click.FloatRange(min=0),
    help="Cost of a false alarm; thresholds are then those of the lowest cost.",
)
@click.option(
    "--cost-per-missed-unit",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Cost of each unit of money in a missed fraud.",
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
    from pipeline.compare import CompareRequest
    from pipeline.compare import compare as compare_models
    from pipeline.comparing.text import as_text

    click.echo(as_text(compare_models(CompareRequest(names=models, **options), Path.cwd())))


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
        click.echo("Interrupted; the stages that had finished are kept.", err=True)
        return INTERRUPTED
    except Exception:
        logger.exception("unexpected error; this is a fault in Counterfoil or a library")
        return 1


if __name__ == "__main__":
    main()
