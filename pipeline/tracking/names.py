"""Finds the packaged model that a name on the command line means."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError

RUN_ID = re.compile(r"[0-9a-f]{32}")
URI = re.compile(r"(runs|models|mlflow-artifacts):/.+")
ALIAS_URI = re.compile(r"models:/([^/:@]+)@([^/:@]+)")
REGISTERED = re.compile(r"models:/([^/:@]+)/([0-9]+)")
ALIAS = re.compile(r"[^/:@]+@[^/:@]+")
INSIDE_MLFLOW_MODEL = Path("artifacts", "model")
INSIDE_PROJECT = Path("artifacts", "evaluate", "model")


@dataclass(frozen=True)
class TrackedModel:
    """A model in MLflow: the id of its run or its URI, and the tracking server.

    `alias` is the ``NAME@ALIAS`` that it was found by, once it is pinned.
    """

    name: str
    server: str
    alias: str | None = None

    @property
    def registered_version(self) -> str | None:
        """``NAME/VERSION`` in the model registry, if it is named so."""
        found = REGISTERED.fullmatch(self.name)
        return f"{found[1]}/{found[2]}" if found else None

    def pinned(self) -> TrackedModel:
        """Return it with the version that an alias has now: an alias can move at any time."""
        from pipeline.tracking.model import version_of_alias

        alias = ALIAS_URI.fullmatch(self.name)
        if alias is None:
            return self
        version = version_of_alias(alias[1], alias[2], self.server)
        return TrackedModel(f"models:/{alias[1]}/{version}", self.server, f"{alias[1]}@{alias[2]}")

    def download(self, folder: Path) -> Path:
        """Download it to an empty folder and return the packaged model in it."""
        from pipeline.tracking.model import download_model

        return download_model(self.name, self.server, folder)


@contextmanager
def packaged_model(name: str, root: Path) -> Iterator[Path]:
    """Yield the folder of a packaged model; a downloaded one is gone after the block.

    Parameters
    ----------
    name : str
        A folder (a packaged model, an MLflow model, or a project that was run), the id or the
        name of an MLflow run, ``NAME@ALIAS`` of the model registry, or a model URI
        (``models:/...``, ``runs:/...``).
    root : Path
        The project's folder, whose mlflow.db is asked unless MLFLOW_TRACKING_URI is set.

    Raises
    ------
    InputError
        If there is no such model, or several runs have that name.
    CounterfoilError
        If MLflow is needed and cannot be reached.
    """
    with packaged_folder(find_model(name, root)) as folder:
        yield folder


@contextmanager
def packaged_folder(found: Path | TrackedModel) -> Iterator[Path]:
    """Yield the folder of what `find_model` found; errors as of `packaged_model`."""
    if isinstance(found, Path):
        yield found
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield found.download(Path(scratch))


def find_model(name: str, root: Path) -> Path | TrackedModel:
    """Return the folder of a packaged model, or which model of MLflow is meant.

    Parameters, errors: as of `packaged_model`.
    """
    folder = Path(name)
    if folder.is_dir():
        return _in_folder(folder)
    from pipeline.tracking.model import run_named
    from pipeline.tracking.server import tracking_uri

    uri = tracking_uri(root)
    if not _has_runs(uri):
        raise InputError(_explain(name, "there is no mlflow.db here that could know it"))
    if ALIAS.fullmatch(name):
        name = f"models:/{name}"
    elif not (RUN_ID.fullmatch(name) or URI.fullmatch(name)):
        _refuse_paths(name)
        name = run_named(name, uri)
    return TrackedModel(name, uri)


def pinned_model(name: str, root: Path) -> Path | TrackedModel:
    """Return what `find_model` finds, with the version that an alias has now."""
    found = find_model(name, root)
    return found if isinstance(found, Path) else found.pinned()


def _in_folder(folder: Path) -> Path:
    if (folder / "MLmodel").is_file():
        return folder / INSIDE_MLFLOW_MODEL
    inside = folder / INSIDE_PROJECT
    return inside if inside.is_dir() else folder


def _refuse_paths(name: str) -> None:
    """Say at once that a path does not exist, instead of asking a server for a run of that name."""
    if "/" in name or name.startswith("."):
        raise InputError(_explain(name, "a path"))


def _explain(name: str, why: str) -> str:
    return (
        f"{name} is no folder, no run id and no model URI ({why}); give artifacts/evaluate/model, "
        "the id or name of an MLflow run, NAME@ALIAS, or models:/<name>/<version>"
    )


def _has_runs(uri: str) -> bool:
    """Whether asking is of use; MLflow would make the database, which takes seconds."""
    return not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).exists()
