"""Locks on folders and files: commands that change a model wait, a second run is turned away."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


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


@contextmanager
def held_alone(folder: Path) -> Iterator[str | None]:
    """Take a folder for this process without waiting; yield who has it, or None if we do.

    The folder is made where it is missing. The operating system drops the lock with the process,
    however it ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with held_by(folder / ".lock") as holder:
        yield holder


@contextmanager
def held_by(lock: Path) -> Iterator[str | None]:
    """Take a lock file for this process without waiting; as `held_alone`."""
    with lock.open("a+", encoding="utf-8") as file:
        if not _try_lock(file):
            file.seek(0)
            yield file.read().strip() or "unknown"
            return
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield None


def _try_lock(file: IO[str]) -> bool:
    """Lock an open file for this process, and say whether that worked."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(1_000_000)  # Windows locks bytes, and locked ones cannot be read
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
