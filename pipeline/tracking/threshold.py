"""Logs a model whose threshold was changed in MLflow, as a new version of a registered model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.model.threshold_history import entry_text, history
from pipeline.tracking.model import MODEL_NAME, global_tracking_uri
from pipeline.tracking.server import connect, mlflow_errors, shown_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

    from pipeline.tracking.names import TrackedModel

REGISTERED_MODEL = "counterfoil"  # for a model that was not named by the registry
MLMODEL = "MLmodel"
OF_DOWNLOAD = "registered_model_meta"  # MLflow adds it to what it downloads: the old version's name
_REGISTRY_URI = re.compile(r"models:/([^/@]+)/([^/@]+)")


@dataclass(frozen=True)
class NewVersion:
    """The version that was registered, and what to know about it."""

    uri: str
    notes: tuple[str, ...]


def log_changed_model(
    folder: Path, manifest: Mapping[str, Any], origin: TrackedModel
) -> NewVersion:
    """Log a downloaded model again, with its changed model.json, and register it.

    All else is copied: code, requirements, signature. The new model belongs to the run of the old
    one. If anything fails, what was made is deleted again.

    Parameters
    ----------
    folder : Path
        The packaged model in an MLflow model that was downloaded; changed already.
    manifest : mapping
        Content of its model.json.
    origin : TrackedModel
        What was downloaded.

    Raises
    ------
    InputError
        If it is no MLflow model of a run.
    CounterfoilError
        If MLflow does not take it.
    """
    client = connect(origin.server)
    from mlflow.models import Model

    downloaded = folder.parents[1]
    if not (downloaded / MLMODEL).is_file():
        raise InputError(f"{origin.name} is no MLflow model; give --out to write a folder")
    mlflow_model = Model.load(str(downloaded))
    run_id, model_id = mlflow_model.run_id, mlflow_model.model_id
    if run_id is None or model_id is None:
        raise InputError(f"{origin.name} belongs to no run; give --out to write a folder")
    with global_tracking_uri(origin.server), mlflow_errors(origin.server), ExitStack() as undo:
        name, former = _registered(origin, model_id)
        logged = _create(client, run_id, model_id, undo)
        mlflow_model.model_id = mlflow_model.model_uuid = logged.model_id
        mlflow_model.artifact_path = logged.artifact_location
        mlflow_model.save(str(downloaded / MLMODEL))
        (downloaded / OF_DOWNLOAD).unlink(missing_ok=True)
        client.log_model_artifacts(logged.model_id, str(downloaded))
        client.finalize_logged_model(logged.model_id, "READY")
        version = _register(client, name, logged, _tags(manifest, former), undo)
        _link(client, run_id, logged.model_id, step=len(history(manifest)) - 1)
        undo.pop_all()
    return NewVersion(f"models:/{name}/{version}", _notes(former, origin))


def _registered(origin: TrackedModel, model_id: str) -> tuple[str, str]:
    """Return the name of the registered model, and a URI of the former version."""
    named = _REGISTRY_URI.fullmatch(origin.name)
    if named is None:
        return REGISTERED_MODEL, f"models:/{model_id}"
    name, version = named.groups()
    if not version.isdigit():
        return name, f"models:/{model_id}"
    return name, f"models:/{name}/{version}"


def _create(client: MlflowClient, run_id: str, model_id: str, undo: ExitStack) -> LoggedModel:
    """Return a new, empty model beside the old one."""
    former = client.get_logged_model(model_id)
    logged = client.create_logged_model(
        former.experiment_id, name=MODEL_NAME, source_run_id=run_id, params=former.params
    )
    undo.callback(client.delete_logged_model, logged.model_id)
    return logged


def _register(
    client: MlflowClient, name: str, logged: LoggedModel, tags: dict[str, str], undo: ExitStack
) -> str:
    """Return the number of a new version; make the registered model if there is none."""
    if name == REGISTERED_MODEL and not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
        undo.callback(client.delete_registered_model, name)
    version = client.create_model_version(
        name, logged.model_uri, logged.source_run_id, tags=tags, model_id=logged.model_id
    ).version
    undo.callback(client.delete_model_version, name, version)
    # As `mlflow.register_model` does, for the page of the model.
    link = json.dumps([{"name": name, "version": version}])
    client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": link})
    return str(version)


def _link(client: MlflowClient, run_id: str, model_id: str, step: int) -> None:
    """Show the model among the outputs of its run; of several, the highest step is the newest."""
    from mlflow.entities import LoggedModelOutput

    client.log_outputs(run_id, [LoggedModelOutput(model_id, step)])


def _tags(manifest: Mapping[str, Any], former: str) -> dict[str, str]:
    entry = history(manifest)[-1]
    tags = {
        "counterfoil.threshold": repr(entry["value"]),
        "counterfoil.threshold_rule": entry_text(entry),
        "counterfoil.former_version": former,
        "counterfoil.changed_by": entry["by"],
    }
    return tags | ({"counterfoil.reason": entry["reason"]} if entry["reason"] else {})


def _notes(former: str, origin: TrackedModel) -> tuple[str, ...]:
    notes = [f"The former model is untouched: {former} (MLflow at {shown_uri(origin.server)})."]
    if origin.alias is not None:
        notes.append(f"No alias was moved: {origin.alias} is still {former}.")
    return tuple(notes)
