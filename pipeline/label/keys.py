"""Single keys from a terminal, without Enter."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ESCAPE = "\x1b"
ESCAPE_SECONDS = 0.05  # within which a terminal sends what follows an escape character
END = "\x04"  # Ctrl-D
LOOK_SECONDS = 0.2  # between looks for a pressed Ctrl-C


@dataclass(frozen=True)
class Keyboard:
    """Reads keys.

    Attributes
    ----------
    read : callable
        Waits for a key and returns it; an arrow is several characters. EOFError at Ctrl-D or when
        the terminal is gone, KeyboardInterrupt at Ctrl-C.
    forget : callable
        Drops what was typed and not read: nobody answers a row before it is shown.
    """

    read: Callable[[], str]
    forget: Callable[[], None]


@contextmanager
def keyboard() -> Iterator[Keyboard]:
    """Take single keys from standard input within the block; it must be a terminal."""
    if sys.platform == "win32":
        import click

        yield Keyboard(click.getchar, lambda: None)
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def read() -> str:
        # A read that begins just after Ctrl-C was pressed would wait for the next key: Python
        # acts on a signal between its own steps.
        while not select.select([terminal], [], [], LOOK_SECONDS)[0]:
            pass
        key = os.read(terminal, 1)
        if key == ESCAPE.encode() and select.select([terminal], [], [], ESCAPE_SECONDS)[0]:
            key += os.read(terminal, 8)
        text = key.decode(errors="replace")
        if text in ("", END):
            raise EOFError
        return text

    try:
        # Unlike raw mode it leaves Ctrl-C and line ends in the output as they are.
        tty.setcbreak(terminal)
        yield Keyboard(read, lambda: termios.tcflush(terminal, termios.TCIFLUSH))
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
