"""Brings the packaged model into MLflow and back out of it."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.files.source_code import all_imported_files
from pipeline.model import folder as model_folder
from pipeline.tracking.server import (
    connect,
    is_trouble_with_server,
    mlflow_errors,
    prepare_mlflow,
    shown_uri,
)

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

MODEL_NAME = "model"
SCRIPT = Path(__file__).with_name("pyfunc.py")
REQUIREMENTS = (
    "keras",
    "mlflow",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "skops",
    "tensorflow",
)
_RUN_ID = re.compile(r"[0-9a-f]{32}")


def log_model(folder: Path, run_id: str, uri: str) -> str:
    """Log a packaged model as an MLflow pyfunc model of a run and return its URI.

    The model holds the folder, the code that reads it and the exact versions of what that code
    imports, so it loads where Counterfoil is not installed.
    """
    pyfunc = _import_pyfunc()
    from mlflow.models import Model

    manifest = model_folder.read_manifest(folder)
    with (
        tempfile.TemporaryDirectory() as scratch,
        global_tracking_uri(uri),
        _without_warnings_about_mlflow(),
    ):
        logged = Model.log(
            artifact_path=None,
            model_id=_create_model(run_id, uri),
            flavor=pyfunc,
            run_id=run_id,
            python_model=str(SCRIPT),
            artifacts={"model": str(folder)},
            code_paths=_copy_code(Path(scratch)),
            signature=_signature(manifest),
            input_example=_example(manifest),
            pip_requirements=_requirements(),
        )
    return str(logged.model_uri)


def download_model(name: str, uri: str, folder: Path) -> Path:
    """Download a logged model and return the packaged model in it.

    Parameters
    ----------
    name : str
        A run id, or a URI such as ``runs:/<id>/model``, ``models:/<name>/<version>`` or
        ``models:/<name>@<alias>``.
    uri : str
        The tracking server.
    folder : Path
        An empty folder to download to.

    Raises
    ------
    InputError
        If there is no such model, or it is not one of Counterfoil's.
    CounterfoilError
        If the server cannot be reached or refuses who asks.
    """
    connect(uri)
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    model_uri = f"runs:/{name}/{MODEL_NAME}" if _RUN_ID.fullmatch(name) else name
    with global_tracking_uri(uri), mlflow_errors(uri):
        try:
            download_artifacts(artifact_uri=model_uri, dst_path=str(folder))
        except (MlflowException, OSError) as error:
            if is_trouble_with_server(error):
                raise
            reason = str(error).rstrip(".")
            raise InputError(
                f"MLflow at {shown_uri(uri)} has no model {model_uri}: {reason}; give the id of a "
                "finished run, models:/<name>/<version>, or a folder with a packaged model"
            ) from error
    found = sorted(folder.rglob(model_folder.MANIFEST))
    if len(found) != 1:
        raise InputError(
            f"{model_uri} is not a model of Counterfoil: expected one {model_folder.MANIFEST} in "
            f"it, got {len(found)}"
        )
    return found[0].parent


def version_of_alias(name: str, alias: str, uri: str) -> str:
    """Return the version of a registered model that has an alias now.

    Raises
    ------
    InputError
        If there is no such model or alias.
    """
    client = connect(uri)
    from mlflow.exceptions import MlflowException

    with mlflow_errors(uri):
        try:
            return str(client.get_model_version_by_alias(name, alias).version)
        except MlflowException as error:
            raise InputError(
                f"MLflow at {shown_uri(uri)} has no model {name}@{alias}: {error}; give NAME@ALIAS "
                "as the registry shows it"
            ) from error


def run_named(name: str, uri: str) -> str:
    """Return the id of the one finished parent run of a name.

    Raises
    ------
    InputError
        If there is none, or several, or only one of a stage.
    """
    client = connect(uri)
    with mlflow_errors(uri):
        experiments = [found.experiment_id for found in client.search_experiments()]
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        runs = client.search_runs(
            experiments, f"attributes.run_name = '{quoted}' and attributes.status = 'FINISHED'"
        )
    ids = [run.info.run_id for run in runs if "mlflow.parentRunId" not in run.data.tags]
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise InputError(f"{len(ids)} runs are named {name!r}; give an id: {', '.join(ids[:5])}")
    if runs:
        raise InputError(
            f"{name} is the run of one stage, which holds no model; name the run that it belongs to"
        )
    raise InputError(
        f"{name} is no folder, and MLflow at {shown_uri(uri)} has no finished run of that name; "
        "give artifacts/evaluate/model, the id or name of a run, NAME@ALIAS, or a model URI"
    )


def _create_model(run_id: str, uri: str) -> str:
    """Return the id of a new, empty model of the run.

    Left to itself, MLflow would put it into the experiment "Default", whose artifacts go to
    ``./mlruns``.
    """
    client = connect(uri)
    run = client.get_run(run_id)
    model = client.create_logged_model(
        run.info.experiment_id, name=MODEL_NAME, source_run_id=run_id, params=run.data.params
    )
    return str(model.model_id)


def _import_pyfunc() -> ModuleType:
    """Import mlflow.pyfunc; a plain import gives a stand-in that imports at some later time."""
    prepare_mlflow()
    with _without_warnings_about_mlflow():
        return importlib.import_module("mlflow.pyfunc")


@contextmanager
def _without_warnings_about_mlflow() -> Iterator[None]:
    """Hide warnings that are about MLflow's own code: its type hints, its use of pandas."""
    with warnings.catch_warnings():
        for message in (".*Any type hint is inferred", "Operation with range is deprecated"):
            warnings.filterwarnings("ignore", message=message)
        yield


def _copy_code(scratch: Path) -> list[str]:
    """Copy the files that scoring imports, and return the copied packages."""
    root = SCRIPT.parents[2]
    script = SCRIPT.relative_to(root)
    for path in all_imported_files([script], root):
        if path == script:
            continue  # MLflow takes it by itself
        for folder in [*path.parents][:-1]:
            (scratch / folder).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / folder / "__init__.py", scratch / folder / "__init__.py")
        shutil.copyfile(root / path, scratch / path)
    return [str(folder) for folder in sorted(scratch.iterdir())]


def _signature(manifest: dict[str, Any]) -> ModelSignature:
    """Return what the model takes and gives: raw inputs, score and decision."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    categorical = manifest["schema"]["categorical"]
    kinds = {
        name: DataType.string if name in categorical else DataType.double
        for name in manifest["inputs"]
    }
    return ModelSignature(
        inputs=Schema([ColSpec(kinds[name], name) for name in manifest["inputs"]]),
        outputs=Schema([ColSpec(DataType.double, "score"), ColSpec(DataType.long, "decision")]),
    )


def _example(manifest: dict[str, Any]) -> pd.DataFrame:
    """Return two made-up transactions; a real one must not leave the data."""
    import pandas as pd

    categorical = manifest["schema"]["categorical"]
    columns = {name: ["", ""] if name in categorical else [0.0, 1.0] for name in manifest["inputs"]}
    return pd.DataFrame(columns)


def _requirements() -> list[str]:
    return [f"{name}=={metadata.version(name)}" for name in REQUIREMENTS]


@contextmanager
def global_tracking_uri(uri: str) -> Iterator[None]:
    """Point MLflow's global functions at a server within the block; they know no client."""
    import mlflow

    former = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(former)  # type: ignore[arg-type]  # None is allowed: unset
