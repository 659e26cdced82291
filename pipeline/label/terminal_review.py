"""The review in a terminal: one key a row."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from contextlib import suppress

from pipeline.label.keys import Keyboard
from pipeline.label.sheet import Sheet, facts_of, label_in_words, reasons_of
from pipeline.pages.terminal_text import WIDTH, shortened

CONFIRM, CHANGE, FRAUD, GENUINE, BACK, SKIP, UNDO, QUIT = "y", "n", "f", "g", "b", "s", "u", "q"
SAME_AS = {"\r": CONFIRM, "\n": CONFIRM, "\x1b[D": BACK, "\x1b[C": SKIP}  # Enter and arrows
HELP = (
    "y, Enter: the guess is right   n: it is wrong   f: fraud   g: genuine\n"
    "b: back   s: skip   u: take the answer back   q: quit (all answers are kept)"
)
CELL = 19  # characters of a column's name and value; four fit on a line


class Review:
    """Where a review stands, and what each key does.

    Parameters
    ----------
    sheet : Sheet
        The suggestions.
    by : str
        Who answers.
    """

    def __init__(self, sheet: Sheet, by: str) -> None:
        self.sheet, self.by = sheet, by
        first = sheet.first_open()
        # Where all have an answer, the last row is shown, from which one can go back.
        self.position = len(sheet.rows) - 1 if first is None else first
        self.is_over = False

    def press(self, key: str) -> str:
        """Do what a key says; return what there is to say about it.

        An answer is on the disk when this returns. The next row is the next without an answer.
        """
        key = SAME_AS.get(key, key.lower())
        guess = self.sheet.rows[self.position]["guess"]
        other = {"0": "1", "1": "0"}[guess]
        label = {CONFIRM: guess, CHANGE: other, FRAUD: "1", GENUINE: "0", UNDO: ""}.get(key)
        number = self.position + 1
        if label is not None:
            self.sheet.answer(self.position, label, self.by)
            if label:
                self._go_on()
            return f"{number}: {label_in_words(label)}"
        if key == SKIP:
            self._go_on()
            return f"{number}: skipped"
        if key == BACK and number > 1:
            self.position -= 1
        elif key == QUIT:
            self.is_over = True
        else:
            return "this is the first row" if key == BACK else f"{key!r} is none of the keys"
        return ""

    def _go_on(self) -> None:
        """Go to the next row without an answer; the review is over where none follows."""
        following = self.sheet.first_open(self.position + 1)
        if following is None:
            self.is_over = True
        else:
            self.position = following

    def closing(self) -> str:
        """Return what to say at the end."""
        n_rows, n_answered = len(self.sheet.rows), self.sheet.n_answered
        left = n_rows - n_answered
        again = f"{left} are left; call the same command to go on. " if left else ""
        return (
            f"{n_answered} of {n_rows} answered. {again}To use the answers:\n"
            f"counterfoil label import {self.sheet.path}"
        )


def review_by_keys(review: Review, keys: Keyboard, write: Callable[[str], None]) -> None:
    """Ask row by row until all have an answer or somebody quits, by key, Ctrl-C or Ctrl-D."""
    write(HELP)
    with suppress(EOFError, KeyboardInterrupt):
        while not review.is_over:
            keys.forget()
            write(card(review.sheet, review.position))
            said = review.press(keys.read())
            if said:
                write(said)
    write(review.closing())


def review_by_lines(
    review: Review, read_line: Callable[[], str], write: Callable[[str], None]
) -> None:
    """Ask row by row where the answers come from a pipe: one line an answer, until it ends.

    An empty line is no answer.
    """
    while not review.is_over:
        line = read_line()
        if not line:
            break
        if line.strip():
            write(review.press(line.strip()))
    write(review.closing())


def card(sheet: Sheet, position: int) -> str:
    """Return what a person sees of one transaction, at most 80 columns wide."""
    row = sheet.rows[position]
    place = f"{position + 1} of {len(sheet.rows)}, {sheet.n_answered} answered"
    head = f"-- {place} ".ljust(WIDTH, "-")
    guess = label_in_words(row["guess"])
    lines = ["", head, f"model: {guess}, score {row['score']}"]
    if row["label"]:
        who = f" by {row['labelled_by']}" if row["labelled_by"] else ""
        lines.append(f"answered: {label_in_words(row['label'])}{who}")
    reasons = [f"{name} = {_short(value)} (+{by})" for name, value, by in reasons_of(row)]
    if reasons:
        lines += textwrap.wrap("pushed up by " + ", ".join(reasons), WIDTH)
    lines += ["", *_facts(facts_of(row))]
    lines += [
        "",
        f"y {guess}   n {label_in_words('10'[int(row['guess'])])}   b back   s skip   q quit",
    ]
    return "\n".join(lines)


def _facts(facts: list[tuple[str, str]]) -> list[str]:
    """Put names and values in four columns; a wide one takes a line of its own."""
    cells, lines = [], []
    for name, value in facts:
        text = f"{name} {_short(value)}"
        if len(text) > CELL:
            lines.append(shortened(text, WIDTH))
        else:
            cells.append(text.ljust(CELL))
    per_line = WIDTH // (CELL + 1)
    return lines + [
        " ".join(cells[start : start + per_line]).rstrip()
        for start in range(0, len(cells), per_line)
    ]


def _short(value: str) -> str:
    """Return a number with six digits, and anything else as it is."""
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return value
