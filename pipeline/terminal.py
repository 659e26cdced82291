"""Keeps the terminal free of what native libraries write past Python's logging."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_messages_held_back() -> Iterator[None]:
    """Hold back what C++ code writes to standard error; show it only if the block fails.

    TensorFlow reports missing CUDA drivers several times before its log level counts, also where
    nobody asked for a GPU.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
