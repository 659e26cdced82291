"""What is recorded of a run beside its parameters: code, data, locks, seeds, machine."""

from __future__ import annotations

import getpass
import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.files.atomic import file_sha256
from pipeline.files.version import version
from pipeline.params.sections import Params
from pipeline.stages.artifacts import Artifacts

GIT_TIMEOUT_SECONDS = 10
MODEL_FOLDER = "model"  # of `evaluate`: the packaged model, see pipeline/model/folder.py
LOGGED_SUFFIXES = (".json", ".csv", ".png", ".svg", ".md", ".html")
LOGGED_NAMES = ("history.parquet",)
MAX_FILE_BYTES = 10_000_000
MAX_VALUE_LENGTH = 6000  # MLflow's limit for a param


def run_tags(params: Params, root: Path, device: str) -> dict[str, str]:
    """Return the tags of a pipeline run; what cannot be known here is absent."""
    values = params.flatten()
    seeds = {key.removesuffix(".seed"): values[key] for key in values if key.endswith(".seed")}
    tags = {
        "counterfoil.version": version(),
        "counterfoil.device": device,
        "counterfoil.mode": params.mode,
        "counterfoil.seeds": " ".join(f"{name}={seed}" for name, seed in seeds.items()),
        "counterfoil.params_sha256": params_sha256(values),
        "mlflow.source.name": "counterfoil run",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": user_name(),
    }
    return {**tags, **_git_tags(root), **lock_tags(root)}


def lock_tags(root: Path) -> dict[str, str]:
    """Return the SHA-256 of requirements.lock and dvc.lock, where they are."""
    files = {
        "counterfoil.requirements_lock_sha256": root / "requirements.lock",
        "counterfoil.dvc_lock_sha256": root / "dvc.lock",
    }
    return {tag: file_sha256(path) for tag, path in files.items() if path.is_file()}


def data_sha256(artifacts: Artifacts) -> str | None:
    """Return the SHA-256 that `ingest` gave the data, or None before it has run."""
    try:
        return str(artifacts.data_summary()["sha256"])
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def params_sha256(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of flattened parameters; equal parameters give equal ones."""
    return hashlib.sha256(json.dumps(dict(values), sort_keys=True).encode()).hexdigest()


def small_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a stage that are worth a look; arrays, weights and tables stay out."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        is_kind = path.suffix in LOGGED_SUFFIXES or path.name in LOGGED_NAMES
        is_shown = inside.parts[0] != MODEL_FOLDER and not path.name.startswith(".")
        if is_kind and is_shown and path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            yield path


def param_text(value: Any) -> str:
    """Return a parameter as params.yaml would show it, within MLflow's length."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_LENGTH else text[: MAX_VALUE_LENGTH - 3] + "..."


def _git_tags(root: Path) -> dict[str, str]:
    """Return the commit of the code, and whether tracked files differ from it."""
    source = Path(__file__).parent
    folders = [root] if "site-packages" in source.parts else [root, source]
    for folder in folders:
        commit = _git(folder, "rev-parse", "HEAD")
        if commit:
            changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
            return {
                "mlflow.source.git.commit": commit,
                "counterfoil.git_modified": "true" if changes else "false",
            }
    return {}


def _git(folder: Path, *arguments: str) -> str:
    """Return what git prints, or nothing where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def user_name() -> str:
    """Return who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
