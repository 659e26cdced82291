"""Takes the answers of a review into the table of given labels."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.errors import InputError
from pipeline.files.atomic import naming_the_file
from pipeline.files.given_labels import (
    COLUMNS,
    FILE,
    KEY,
    GivenLabel,
    read_given_labels,
    write_given_labels,
)
from pipeline.files.locks import alone_in
from pipeline.label.sheet import Sheet, label_in_words

logger = logging.getLogger(__name__)

MAX_NAMED = 5
FAIR_SAMPLES = ("random", "")  # "": labels that no suggestion asked for


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    n_new, n_frauds : int
        Labels that were not there before, and the frauds among them.
    n_known : int
        Answers that repeat a label that was there.
    n_replaced : int
        Labels that were changed.
    n_open : int
        Rows of the file without an answer.
    n_labels, n_chosen : int
        Labels in the table now, and those that a model asked for: of all strategies but "random".
    path : Path
        The table of labels.
    """

    n_new: int
    n_frauds: int
    n_known: int
    n_replaced: int
    n_open: int
    n_labels: int
    n_chosen: int
    path: Path

    def in_words(self) -> str:
        """Return one sentence."""
        more = [f"{self.n_known} were there before"] if self.n_known else []
        more += [f"{self.n_replaced} were replaced"] if self.n_replaced else []
        more += [f"{self.n_open} rows of the file have no answer"] if self.n_open else []
        tail = f" ({', '.join(more)})" if more else ""
        return f"{self.n_new} new labels, {self.n_frauds} of them frauds{tail}: {self.path}"


def import_labels(path: Path, folder: Path, *, replace: bool = False) -> Imported:
    """Add the answers of a reviewed file to the table of given labels.

    The same file twice changes nothing, not even the bytes of the table.

    Parameters
    ----------
    path : Path
        From `counterfoil label suggest`, with answers.
    folder : Path
        Where the table lies; made where it is missing.
    replace : bool
        Whether an answer may replace another one about the same transaction.

    Raises
    ------
    InputError
        If the file cannot be used, holds no answer, or contradicts itself or, without `replace`,
        the table; the table is as before then.
    """
    sheet = Sheet.read(path)
    answers = _answers(sheet)
    if not answers:
        raise InputError(
            f"{path} holds no answer; give some with `counterfoil label review {path}`"
        )
    with naming_the_file(folder / FILE):
        folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        before = read_given_labels(folder)
        changed = [key for key, one in answers.items()
                   if key in before and before[key].label != one.label]  # fmt: skip
        if changed and not replace:
            raise InputError(_contradiction(path, folder, changed, before, answers))
        new = [key for key in answers if key not in before]
        after = before | {key: answers[key] for key in [*new, *changed]}
        strategies = [label.facts["strategy"] for label in after.values()]
        if new or changed:
            with naming_the_file(folder / FILE):
                write_given_labels(after, folder)
    return Imported(
        n_new=len(new),
        n_frauds=sum(answers[key].label for key in new),
        n_known=len(answers) - len(new) - len(changed),
        n_replaced=len(changed),
        n_open=len(sheet.rows) - sheet.n_answered,
        n_labels=len(after),
        n_chosen=sum(strategy not in FAIR_SAMPLES for strategy in strategies),
        path=folder / FILE,
    )


def _answers(sheet: Sheet) -> dict[str, GivenLabel]:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    found: dict[str, GivenLabel] = {}
    for number, row in enumerate(sheet.rows, 1):
        if not row["label"]:
            continue
        key, label = row[KEY], int(row["label"])
        if key in found and found[key].label != label:
            raise InputError(
                f"{sheet.path}, row {number}: {key} has another label in an earlier row; decide on "
                "one of them"
            )
        facts = {name: row.get(name, "") for name in COLUMNS[2:]}
        found[key] = GivenLabel(key, label, {**facts, "file": sheet.path.name, "imported_at": at})
    return found


def _contradiction(
    path: Path, folder: Path, keys: list[str], before: dict[str, GivenLabel],
    answers: dict[str, GivenLabel],
) -> str:  # fmt: skip
    lines = [f"{path} contradicts {folder / FILE} about {len(keys)} transactions:"]
    for key in keys[:MAX_NAMED]:
        old = before[key]
        who = " ".join(filter(None, (old.facts["labelled_by"], old.facts["labelled_at"])))
        lines.append(
            f"- {key}: {label_in_words(str(answers[key].label))} here, "
            f"{label_in_words(str(old.label))} there" + (f" ({who})" if who else "")
        )
    if len(keys) > MAX_NAMED:
        lines.append(f"- and {len(keys) - MAX_NAMED} more")
    return "\n".join([*lines, "nothing was taken in; correct the file, or let it win: --replace"])
