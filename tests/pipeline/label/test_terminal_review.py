"""The review in a terminal: keys, closing at any moment, pipes, width."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.__main__ import cli
from pipeline.label.keys import Keyboard
from pipeline.label.sheet import Sheet
from pipeline.label.terminal_review import Review, card, review_by_keys

REPOSITORY = Path(__file__).resolve().parents[3]


def press(sheet, keys):
    """Press keys one after the other; returns the review and what it said."""
    review = Review(sheet, "Ada")
    return review, [review.press(key) for key in keys]


# The guesses are fraud, genuine, fraud, genuine, fraud, genuine.
@pytest.mark.parametrize(
    ("keys", "labels"),
    [
        ("yyyyyy", "101010"),
        ("nnnnnn", "010101"),
        ("ffgg", "1100.."),
        ("\r\n", "10...."),
        ("Y", "1....."),
        ("ysy", "1.1..."),
        ("yybn", "11...."),
        ("ybbn", "0....."),
        ("ybu", "......"),
        ("yqy", "1....."),
        ("x?y", "1....."),
        (["y", "\x1b[D", "n", "\x1b[C", "y"], "0.1..."),
    ],
)
def test_each_key_does_what_it_says(sheet, path, labels_of, keys, labels):
    review = Review(sheet, "Ada")
    for key in keys:
        if review.is_over:
            break
        review.press(key)
    assert labels_of(path) == labels


def test_what_is_said(sheet):
    said = press(sheet, "ysbbx")[1]
    assert said == ["1: FRAUD", "2: skipped", "", "", "'x' is none of the keys"]
    assert press(sheet, "bbb")[1] == ["", "this is the first row", "this is the first row"]


def test_a_new_start_goes_on_where_the_last_one_ended(sheet, path, labels_of):
    press(sheet, "ys")
    review = Review(Sheet.read(path), "Bob")
    assert review.position == 1  # the one that was skipped
    review.press("f")
    assert review.position == 2
    assert labels_of(path) == "11...."
    assert [row["labelled_by"] for row in Sheet.read(path).rows[:3]] == ["Ada", "Bob", ""]


def test_when_all_is_answered_one_can_still_go_back(sheet, path, labels_of):
    review, _ = press(sheet, "yyyyyy")
    assert review.is_over
    again = Review(Sheet.read(path), "Ada")
    for key in "bn":
        again.press(key)
    assert labels_of(path) == "101000"


@pytest.mark.parametrize("ending", [KeyboardInterrupt, EOFError])
def test_ctrl_c_and_ctrl_d_close_it_like_q(sheet, path, labels_of, ending):
    keys = iter("yn")

    def read_key():
        try:
            return next(keys)
        except StopIteration:
            raise ending from None

    said = []
    review_by_keys(Review(sheet, "Ada"), Keyboard(read_key, lambda: None), said.append)
    assert labels_of(path) == "11...."
    assert said[-1].startswith("2 of 6 answered. 4 are left; call the same command to go on.")


def test_nothing_is_wider_than_80_columns(sheet):
    sheet.rows[0]["label"] = "1"
    sheet.rows[0]["reason_1"] = "a_column_with_a_rather_long_name"
    text = card(sheet, 0)
    assert max(map(len, text.splitlines())) <= 80
    for part in (
        "1 of 6, 1 answered",
        "model: FRAUD, score 0.01",
        "answered: FRAUD",
        "V14 -5.12346",
    ):
        assert part in text
    assert "pushed up by V14 = -5.12346 (+2.1)" in card(sheet, 1)


def test_answers_from_a_pipe(path, labels_of):
    result = CliRunner().invoke(cli, ["label", "review", str(path)], input="y\n\nwhat?\nn\ns\ny\n")
    assert result.exit_code == 0, result.output
    assert labels_of(path) == "11.0.."
    assert "'what?' is none of the keys" in result.output
    assert "3 of 6 answered" in result.output


def test_an_empty_pipe_changes_nothing(path):
    before = path.read_bytes()
    assert CliRunner().invoke(cli, ["label", "review", str(path)], input="").exit_code == 0
    assert path.read_bytes() == before


def _as_if_from_a_shell():
    """Take a terminal of its own, so that Ctrl-C becomes a signal, and heed that signal."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Tests that were started in the background inherit that it is ignored.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """The command in a real terminal."""

    def __init__(self, path):
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "label", "review", path.name, "--by", "Ada"],
            stdin=theirs, stdout=theirs, stderr=theirs, cwd=path.parent, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "80"},
            preexec_fn=_as_if_from_a_shell,  # noqa: PLW1509
        )  # fmt: skip
        os.close(theirs)
        self.shown = ""

    def wait_for(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._ours], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self._ours, 65_536).decode()
                except OSError:  # the other end is closed
                    assert text in self.shown, self.shown

    def is_cooked(self):
        """Whether the terminal shows what is typed, as a shell expects it."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def type(self, keys):
        os.write(self._ours, keys.encode())


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_killed_in_mid_review_in_a_real_terminal(path, labels_of):
    terminal = Terminal(path)
    terminal.wait_for("1 of 6")
    assert not terminal.is_cooked()
    terminal.type("y")
    terminal.wait_for("2 of 6")
    terminal.type("n")
    terminal.wait_for("3 of 6")
    os.kill(terminal.process.pid, signal.SIGKILL)
    terminal.process.wait(30)
    assert labels_of(path) == "11...."
    terminal = Terminal(path)
    terminal.wait_for("3 of 6, 2 answered")
    terminal.type("\r")
    terminal.wait_for("4 of 6")
    terminal.type("\x03")
    terminal.wait_for("counterfoil label import ask.csv")
    assert terminal.process.wait(30) == 0
    assert terminal.is_cooked()
    assert labels_of(path) == "111..."
    shown = re.sub("\r", "", terminal.shown)
    assert max(map(len, shown.splitlines())) <= 80
