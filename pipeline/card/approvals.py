"""Keeps who approved a packaged model for what: a list in model.json that only grows."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import naming_the_file, read_json, write_json
from pipeline.files.locks import alone_in
from pipeline.model.card.card import state_sha256
from pipeline.model.folder import MANIFEST, read_manifest
from pipeline.stages.artifacts import STAGES

logger = logging.getLogger(__name__)

KEY = "approvals"


def approval(manifest: dict[str, Any], by: str, what: str, note: str | None) -> dict[str, Any]:
    """Return a new entry: who, for what, when (UTC), and the SHA-256 of the state approved.

    Raises
    ------
    UsageError
        If nobody or nothing is named.
    """
    by, what = by.strip(), what.strip()
    if not by or not what:
        raise UsageError(
            "an approval needs a name and a purpose: --by NAME --for WHAT, neither of them empty"
        )
    return {
        "by": by,
        "for": what,
        "note": (note or "").strip() or None,
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "approved_sha256": state_sha256(manifest),
    }


def add_approval(folder: Path, by: str, what: str, note: str | None = None) -> dict[str, Any]:
    """Add an approval to the packaged model in a folder and return it.

    Earlier ones stay as they are. model.json is replaced in one step; two commands at a time
    wait for each other.

    Parameters
    ----------
    folder : Path
        The packaged model, whose files are compared with their SHA-256 first.
    by, what : str
        Who approves, and for what use.
    note : str, optional
        Conditions or reasons.

    Raises
    ------
    InputError
        If there is no packaged model, one of its files was changed, it lies in an MLflow model, or
        it cannot be written.
    UsageError
        If nobody or nothing is named.
    """
    _refuse_mlflow_folder(folder)
    with alone_in(folder):
        manifest = read_manifest(folder)
        new = approval(manifest, by, what, note)
        # Read again: the manifest as it is on disk, whatever `read_manifest` may add one day.
        content = read_json(folder / MANIFEST)
        with naming_the_file(folder / MANIFEST):
            write_json({**content, KEY: [*content.get(KEY, []), new]}, folder / MANIFEST)
    if _is_of_a_stage(folder):
        logger.warning(
            "the next run of the stage evaluate replaces %s, approvals included; copy the model "
            "elsewhere and approve the copy",
            folder,
        )
    return new


def _refuse_mlflow_folder(folder: Path) -> None:
    """Leave the files of an MLflow model alone: they may be those of a registered version."""
    if any((parent / "MLmodel").is_file() for parent in folder.resolve().parents[:2]):
        raise InputError(
            f"{folder} belongs to an MLflow model, whose files do not change; approve its "
            "registered version (NAME@ALIAS or models:/NAME/VERSION)"
        )


def _is_of_a_stage(folder: Path) -> bool:
    place = folder.resolve().parent
    return place.name == STAGES[-1] and (place.parent / STAGES[0]).is_dir()
