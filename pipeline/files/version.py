"""Which version of Counterfoil this is, installed or run from a clone, and of what it runs on."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

LOCK = "requirements.lock"
# What the numbers of a model come from.
LIBRARIES = (
    "imbalanced-learn",
    "keras",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "skops",
    "tensorflow",
)


def version() -> str:
    """Return the version, e.g. ``"0.1.0"``."""
    pyproject = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if pyproject.is_file():
        import tomllib

        return str(tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version("counterfoil")


def installed(root: Path) -> dict[str, str | None]:
    """Return the versions of Python and the libraries, and the SHA-256 of the lock in `root`."""
    from pipeline.files.atomic import file_sha256

    lock = root / LOCK
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in LIBRARIES},
        f"{LOCK} SHA-256": file_sha256(lock) if lock.is_file() else None,
    }
