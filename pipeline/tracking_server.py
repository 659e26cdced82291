"""Connects to MLflow: which server, whether it answers, and the experiment to write to."""

from __future__ import annotations

import logging
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pipeline.errors import CounterfoilError

if TYPE_CHECKING:
    from mlflow import MlflowClient

DATABASE = "mlflow.db"
ARTIFACT_FOLDER = "mlartifacts"
PROBE_TIMEOUT_SECONDS = 5.0
PROBE_ATTEMPTS = 2
# What MLflow would do by itself: report usage to its makers, retry a lost server for minutes,
# set up log handlers of its own, print addresses and draw progress bars. A user's own setting wins.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
# Without it the UI opens as one for chat models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
NOISY_LOGGERS = ("mlflow", "alembic", "git", "urllib3")


def prepare_mlflow() -> None:
    """Set MLflow up to be quiet, offline and quick to give up; call it before importing it.

    Warnings and errors still reach the log.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in NOISY_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)


def tracking_uri(root: Path) -> str:
    """Return MLFLOW_TRACKING_URI, or the SQLite file of the project at `root`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve() / DATABASE}"


def shown_uri(uri: str) -> str:
    """Return a URI without the user name and password that it may carry."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def connect(uri: str) -> MlflowClient:
    """Return a client of the tracking server.

    Raises
    ------
    CounterfoilError
        If the server does not answer within about ten seconds, or the store cannot be opened.
    """
    prepare_mlflow()
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    with mlflow_errors(uri):
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri)


def find_or_create_experiment(client: MlflowClient, name: str, uri: str, root: Path) -> str:
    """Return the id of the experiment; artifacts of a local database go to `mlartifacts`.

    Without a stated place MLflow would put artifacts into ``./mlruns`` of whatever folder the
    process runs in.
    """
    from mlflow.exceptions import MlflowException

    with mlflow_errors(uri):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            try:
                return client.create_experiment(name, _artifacts_of(uri, root), EXPERIMENT_TAGS)
            except MlflowException:
                # Another process may have created it in the meantime.
                experiment = client.get_experiment_by_name(name)
                if experiment is None:
                    raise
    if experiment.lifecycle_stage == "deleted":
        raise CounterfoilError(
            f"the experiment {name!r} at {shown_uri(uri)} was deleted; restore it with "
            f"`mlflow experiments restore --experiment-id {experiment.experiment_id}`, or choose "
            "another name under tracking.experiment in params.yaml"
        )
    return str(experiment.experiment_id)


@contextmanager
def mlflow_errors(uri: str) -> Iterator[None]:
    """Turn what MLflow raises within the block into a `CounterfoilError` that names the cure.

    Files it cannot write count (a full disk), and so do those a server refuses (requests' errors).
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise CounterfoilError(
            f"MLflow at {shown_uri(uri)} failed: {reason}; check the server and "
            "MLFLOW_TRACKING_URI (unset, runs are kept in mlflow.db beside params.yaml)"
        ) from error


def _artifacts_of(uri: str, root: Path) -> str | None:
    """Return where artifacts go; a tracking server decides for itself."""
    if uri.startswith("sqlite:///"):
        return (Path(uri.removeprefix("sqlite:///")).resolve().parent / ARTIFACT_FOLDER).as_uri()
    if uri.startswith(("http://", "https://")) or "databricks" in uri:
        return None
    return (root.resolve() / ARTIFACT_FOLDER).as_uri()


def _probe(uri: str) -> None:
    """Raise if no web server answers; MLflow itself would try for minutes."""
    health = shown_uri(uri).rstrip("/") + "/health"
    reason: object = "no answer"
    for _ in range(PROBE_ATTEMPTS):
        try:
            urllib.request.urlopen(health, timeout=PROBE_TIMEOUT_SECONDS).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            return
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):  # it answers; MLflow has settings for certificates
                return
    raise CounterfoilError(
        f"the MLflow server at {shown_uri(uri)} cannot be reached ({reason}); start it, correct "
        "MLFLOW_TRACKING_URI, or unset it to keep runs in mlflow.db beside params.yaml"
    )
