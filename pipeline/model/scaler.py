"""The fitted scaler as a skops file: no pickle, and equal scalers give equal bytes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from pipeline.errors import InputError
from pipeline.files.atomic import atomic_path

_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_scaler(scaler: Any, path: Path) -> None:
    """Write a fitted scaler, atomically."""
    import skops.io

    content = _normalise(skops.io.dumps(scaler))
    with atomic_path(path) as fresh:
        fresh.write_bytes(content)


def load_scaler(path: Path) -> Any:
    """Read a fitted scaler (a ColumnTransformer).

    Raises
    ------
    InputError
        If the file is damaged or holds types that a scaler does not need.
    """
    import skops.io

    from features.scaling import TransactionScaler

    # The one type of ours that a scaler file may hold; all others must be known to skops.
    trusted = [f"{TransactionScaler.__module__}.{TransactionScaler.__name__}"]
    try:
        content = path.read_bytes()
        foreign = set(skops.io.get_untrusted_types(data=content)) - set(trusted)
        if foreign:
            raise InputError(
                f"{path} holds types that a scaler does not need and that are not trusted: "
                f"{', '.join(sorted(foreign))}; do not use this file"
            )
        return skops.io.loads(content, trusted=trusted)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise InputError(
            f"{path} is not a readable scaler ({error}); run the stage scale again"
        ) from error


def _normalise(content: bytes) -> bytes:
    """Replace memory addresses and times in a skops archive, which differ from run to run."""
    numbers: dict[str, int] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"))
        _renumber(schema, numbers)
        members = {"schema.json": json.dumps(schema, indent=1).encode()}
        for name in archive.namelist():
            if name != "schema.json":
                stem, dot, suffix = name.partition(".")
                members[f"{numbers[stem]}{dot}{suffix}"] = archive.read(name)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), members[name])
    return buffer.getvalue()


def _renumber(node: Any, numbers: dict[str, int]) -> None:
    """Count objects in order of appearance, in place of their addresses."""
    if isinstance(node, list):
        for child in node:
            _renumber(child, numbers)
    elif isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(str(node["__id__"]), len(numbers))
        if isinstance(node.get("file"), str):
            stem, dot, suffix = node["file"].partition(".")
            node["file"] = f"{numbers.setdefault(stem, len(numbers))}{dot}{suffix}"
        for child in node.values():
            _renumber(child, numbers)
