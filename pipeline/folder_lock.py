"""A lock on a packaged model: one command at a time changes its model.json."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other commands that change the same folder waiting within the block.

    Windows has no such lock; there, of two changes at the same moment the later one wins.
    """
    if sys.platform == "win32" or not folder.is_dir():  # the manifest's error says more
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
