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
from urllib.parse import unquote, urlsplit, urlunsplit

from pipeline.errors import CounterfoilError

if TYPE_CHECKING:
    from mlflow import MlflowClient

USERNAME, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
DATABASE = "mlflow.db"
ARTIFACT_FOLDER = "mlartifacts"
PROBE_TIMEOUT_SECONDS = 5.0
PROBE_ATTEMPTS = 2
PATIENT_RETRIES = "5"  # after 0, 4, 8, 16 and 32 s: a minute
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
_answered: set[str] = set()


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


def wait_out_restarts() -> None:
    """Let every request to a lost server be tried again for a minute; call it before connecting.

    For commands that nobody watches: a server that is restarted must not cost a night.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", PATIENT_RETRIES)


def tracking_uri(root: Path) -> str:
    """Return MLFLOW_TRACKING_URI, or the SQLite file of the project at `root`.

    A user and password in the address of a server move to MLflow's variables for them, since
    its errors and warnings repeat the address.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve() / DATABASE}"
    if not uri.startswith(("http://", "https://")) or shown_uri(uri) == uri:
        return uri
    parts = urlsplit(uri)
    os.environ[USERNAME] = unquote(parts.username or "")
    os.environ[PASSWORD] = unquote(parts.password or "")
    os.environ["MLFLOW_TRACKING_URI"] = shown_uri(uri)
    return shown_uri(uri)


def shown_uri(uri: str) -> str:
    """Return a URI without the user name and password that it may carry."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def connect(uri: str) -> MlflowClient:
    """Return a client of the tracking server.

    One that has answered this process before is not asked again whether it is there: should it be
    away for a moment now, the retries of MLflow's requests wait for it.

    Raises
    ------
    CounterfoilError
        If the server does not answer within about ten seconds, or the store cannot be opened.
    """
    prepare_mlflow()
    if uri.startswith(("http://", "https://")) and uri not in _answered:
        _probe(uri)
        _answered.add(uri)
    with mlflow_errors(uri):
        from mlflow import MlflowClient

        _make_database(uri)
        return MlflowClient(tracking_uri=uri)


def _make_database(uri: str) -> None:
    """Make the SQLite database of a project beside its place and put it there when it is whole.

    MLflow makes it in dozens of steps; a kill or a full disk between two of them would leave a
    file that it never opens again.
    """
    place = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or place.exists() or not place.parent.is_dir():
        return
    from mlflow import MlflowClient

    fresh = place.with_name(f".{place.name}.{os.getpid()}.new")
    try:
        MlflowClient(tracking_uri=f"sqlite:///{fresh}")
        _put_if_absent(fresh, place)
    finally:
        for leftover in (fresh, *(Path(f"{fresh}{end}") for end in ("-journal", "-wal", "-shm"))):
            leftover.unlink(missing_ok=True)


def _put_if_absent(fresh: Path, place: Path) -> None:
    """Give a file its place, unless another process has put one there in the meantime.

    That one may hold runs already; to replace it would lose them.
    """
    try:
        os.link(fresh, place)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links: as near as one can get there
        if not place.exists():
            fresh.replace(place)


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
        refused = _refusal(error, uri)
        if refused is not None:
            raise CounterfoilError(refused) from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise CounterfoilError(
            f"MLflow at {shown_uri(uri)} failed: {reason}; check the server and "
            "MLFLOW_TRACKING_URI (unset, runs are kept in mlflow.db beside params.yaml)"
        ) from error


def is_trouble_with_server(error: Exception) -> bool:
    """Whether an error of MLflow's says that the server is lost or refuses who asks."""
    from requests import RequestException

    if _http_status(error) in (401, 403):
        return True
    return any(
        isinstance(found, RequestException) and found.response is None
        for found in (error, error.__cause__, error.__context__)
    )


def _refusal(error: Exception, uri: str) -> str | None:
    """Return what to say if the server refuses a name, a password or a permission."""
    status, user = _http_status(error), os.environ.get(USERNAME)
    if status == 401:
        who = f"the name or password of {user!r}" if user else "requests without a name"
        return (
            f"the MLflow server at {shown_uri(uri)} refuses {who} (401); set {USERNAME} and "
            f"{PASSWORD}"
        )
    if status == 403:
        return (
            f"the MLflow server at {shown_uri(uri)} does not permit {user!r} to do this (403): "
            f"{str(error).splitlines()[0]}; let an admin of the server grant it"
        )
    return None


def _http_status(error: Exception) -> int | None:
    """Return the status that a server answered with, where an error of MLflow's knows it."""
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        return int(error.get_http_status_code())
    return getattr(getattr(error, "response", None), "status_code", None)


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
