"""Which version of Counterfoil this is, installed or run from a clone."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path


def version() -> str:
    """Return the version, e.g. ``"0.1.0"``."""
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if pyproject.is_file():
        import tomllib

        return str(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version("counterfoil")
