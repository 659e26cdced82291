"""Files that appear whole or not at all, their digests, and JSON."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import InputError


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a JSON object with sorted keys, atomically; NaN is an error, not a value."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_text(text + "\n", path)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(text: str, path: Path) -> None:
    """Write a text file atomically."""
    with atomic_path(path) as fresh:
        fresh.write_text(text, encoding="utf-8")


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write a file that a user asked for into an error with a cure."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); give another place, or check "
            "the permissions of the folder and the room on the disk"
        ) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` that replaces it when the block succeeds."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
