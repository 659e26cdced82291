"""The commands that ask people for labels."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from pipeline.commands.logging_options import logging_options

logger = logging.getLogger(__name__)

# As models.active_learning.STRATEGIES, which would import numpy and scipy here.
STRATEGIES = ("highest_risk", "mixed", "boundary", "disagreement", "diversity", "random")
params_option = click.option(
    "--params", "params_file", type=click.Path(path_type=Path, dir_okay=False),
    default=Path("params.yaml"), show_default=True, help="Where augment.labels is read.",
)  # fmt: skip


@click.group(short_help="Ask people for labels: suggest, review, import.")
def label() -> None:
    """Ask people for the labels that teach most: suggest, review, import."""


@label.command()
@click.option(
    "--budget", type=click.IntRange(min=1), required=True, help="Transactions to be labelled."
)
@click.option(
    "--model", default="artifacts/evaluate/model", show_default=True,
    help="A folder, a run or a registry name.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="New transactions, a file or a folder.  [default: training rows of the last run]",
)  # fmt: skip
@click.option(
    "--strategy", type=click.Choice(STRATEGIES), default="mixed", show_default=True,
    help="How rows are chosen.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="A CSV file."
)
@params_option
@logging_options
def suggest(
    budget: int, model: str, data: Path | None, strategy: str, seed: int, out: Path,
    params_file: Path,
) -> None:  # fmt: skip
    """Write the unlabelled transactions whose label would teach MODEL most.

    Each comes with its score, the model's guess and the inputs that pushed the score up.

    Example: counterfoil label suggest --budget 50 --out ask.csv
    """
    from pipeline.label.suggest import SuggestRequest
    from pipeline.label.suggest import suggest as write_suggestions

    labels = _labels_folder(params_file)
    n_rows = write_suggestions(
        SuggestRequest(out, budget, model, labels, data, strategy, seed, Path.cwd())
    )
    click.echo(f"{n_rows} transactions to label: {out}\nNext: counterfoil label review {out}")


@label.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--by", metavar="NAME", help="Who answers.  [default: the name of the user]")
@click.option("--web", is_flag=True, help="As a page in the browser of this machine.")
@click.option("--port", type=click.IntRange(1, 65535), help="With --web.  [default: a free one]")
@logging_options
def review(file: Path, by: str | None, web: bool, port: int | None) -> None:
    """Confirm or change the model's guesses in FILE, with one key a row.

    Every answer is in FILE at once. Close the review at any moment; the same command goes on.
    Answers may also come from a pipe, one line each.

    Example: counterfoil label review ask.csv --web
    """
    from pipeline.errors import UsageError
    from pipeline.label.sheet import reviewed_alone

    if port is not None and not web:
        raise UsageError("--port needs --web")
    with reviewed_alone(file) as sheet:
        by = by or _user_name()
        if web:
            from pipeline.label.web_review import review_in_browser

            review_in_browser(sheet, by, click.echo, port or 0)
            click.echo(f"{sheet.n_answered} of {len(sheet.rows)} answered: {file}")
            return
        from pipeline.label.keys import keyboard
        from pipeline.label.terminal_review import Review, review_by_keys, review_by_lines

        if sys.stdin.isatty():
            with keyboard() as keys:
                review_by_keys(Review(sheet, by), keys, click.echo)
        else:
            review_by_lines(Review(sheet, by), sys.stdin.readline, click.echo)


@label.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Let FILE win where it contradicts earlier labels.")
@params_option
@logging_options
def import_(file: Path, replace: bool, params_file: Path) -> None:
    """Take the answers in FILE over; the next `counterfoil run` trains with them.

    The same file twice changes nothing. Contradictions to earlier labels are refused.

    Example: counterfoil label import ask.csv
    """
    from pipeline.label.importing import import_labels

    done = import_labels(file, _labels_folder(params_file), replace=replace)
    click.echo(done.in_words())
    if 2 * done.n_chosen > done.n_labels:
        click.echo(
            f"Of {done.n_labels} labels {done.n_chosen} were chosen by a model: while rows without "
            "a label are left,\nconsider sgan.pseudo_label_weight: 0 (docs/label.md)"
        )


def _labels_folder(params_file: Path) -> Path:
    from pipeline.params.sections import load_params

    return params_file.resolve().parent / load_params(params_file).augment.labels


def _user_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
