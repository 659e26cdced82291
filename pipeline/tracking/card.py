"""What MLflow knows of a model for its card, and approvals of registered models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.tracking.model import run_named
from pipeline.tracking.server import connect, mlflow_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

APPROVAL_TAG = "counterfoil.approval."
RUN_TAGS = {
    "code_commit": "mlflow.source.git.commit",
    "code_modified": "counterfoil.git_modified",
    "requirements_lock_sha256": "counterfoil.requirements_lock_sha256",
    "dvc_lock_sha256": "counterfoil.dvc_lock_sha256",
    "device": "counterfoil.device",
    "seeds": "counterfoil.seeds",
}
_ALIAS = re.compile(r"(?:models:/)?([^/:@]+)@([^/:@]+)")
_VERSION = re.compile(r"models:/([^/:@]+)/(\d+)")
_LOGGED = re.compile(r"models:/(m-[^/:@]+)")
_RUN = re.compile(r"(?:runs:/)?([0-9a-f]{32})(?:/.*)?")


def mlflow_facts(name: str, uri: str) -> dict[str, Any]:
    """Return the run, the code and the registry entry of a model that was named by MLflow.

    Parameters
    ----------
    name : str
        The id or name of a run, ``NAME@ALIAS``, or a model URI.
    uri : str
        The tracking server.

    Raises
    ------
    CounterfoilError
        If the server cannot be reached or refuses.
    """
    client = connect(uri)
    with mlflow_errors(uri):
        version = _registered(name, client)
        if version is not None:
            return {**_of_version(version), **_of_run(client, version.run_id)}
        if found := _LOGGED.fullmatch(name):
            return _of_run(client, client.get_logged_model(found[1]).source_run_id)
    run = _RUN.fullmatch(name)
    run_id = run[1] if run else run_named(name, uri)
    with mlflow_errors(uri):
        return _of_run(client, run_id)


def tag_approval(name: str, approval: Mapping[str, Any], uri: str) -> str:
    """Add an approval to a registered model version as a tag, and return what it was put on.

    Each approval is a tag of its own, named after its time; none is written over here, though
    MLflow would let whoever may write there change one.

    Raises
    ------
    InputError
        If the name means no registered version, or one was approved in the same second.
    CounterfoilError
        If the server cannot be reached or refuses.
    """
    client = connect(uri)
    with mlflow_errors(uri):
        version = _registered(name, client)
        if version is None:
            raise InputError(
                f"{name} is no registered model version, which an approval can be kept with; give "
                "NAME@ALIAS, models:/NAME/VERSION, or a folder with a packaged model"
            )
        key = f"{APPROVAL_TAG}{approval['at']}"
        if key in version.tags:
            raise InputError(
                f"{version.name} version {version.version} was approved in the same second; "
                "repeat the command"
            )
        client.set_model_version_tag(
            version.name, version.version, key, json.dumps(dict(approval), ensure_ascii=False)
        )
    return f"{version.name} version {version.version}"


def _registered(name: str, client: MlflowClient) -> ModelVersion | None:
    """Return the registered version that a name means, or None if it means something else."""
    if found := _VERSION.fullmatch(name):
        return client.get_model_version(found[1], found[2])
    if found := _ALIAS.fullmatch(name):
        named = client.get_model_version_by_alias(found[1], found[2])
        # An alias in a search result would lack the tags.
        return client.get_model_version(named.name, named.version)
    return None


def _of_version(version: ModelVersion) -> dict[str, Any]:
    approvals = [
        _read_approval(value)
        for key, value in sorted(version.tags.items())
        if key.startswith(APPROVAL_TAG)
    ]
    return {
        "registered_model": version.name,
        "version": str(version.version),
        "aliases": sorted(version.aliases or []),
        "registered_at": _utc(version.creation_timestamp),
        "approvals": approvals,
    }


def _of_run(client: MlflowClient, run_id: str | None) -> dict[str, Any]:
    if not run_id:
        return {"run_id": None}
    run = client.get_run(run_id)
    tags = run.data.tags
    return {
        "run_id": run_id,
        "run_name": run.info.run_name,
        "run_started_at": _utc(run.info.start_time),
        **{name: tags.get(tag) for name, tag in RUN_TAGS.items()},
    }


def _read_approval(text: str) -> dict[str, Any]:
    """Return an approval; what somebody else put under such a tag is shown, not trusted."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = None
    return content if isinstance(content, dict) else {"note": text}


def _utc(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
