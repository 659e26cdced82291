"""The model registry: versions of one registered model, and the aliases on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.errors import CounterfoilError, InputError
from pipeline.tracking.model import global_tracking_uri
from pipeline.tracking.server import connect, mlflow_errors, shown_uri

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
CHALLENGE_TAG = "counterfoil.challenge"
HEAD_TAG = "counterfoil.history_head"


class Registry:
    """One registered model of a tracking server.

    Parameters
    ----------
    name : str
        Of the registered model; made with the first version.
    uri : str
        The tracking server.
    """

    def __init__(self, name: str, uri: str) -> None:
        self.name = name
        self.uri = uri
        self._client = connect(uri)

    def champion(self) -> str | None:
        """Return the version that serves, or None before the first."""
        return self.aliased(CHAMPION)

    def aliased(self, alias: str) -> str | None:
        """Return the version that an alias stands on."""
        with mlflow_errors(self.uri):
            found = self._registered()
            version = None if found is None else found.aliases.get(alias)
        return None if version is None else str(version)

    def register(self, run_id: str, challenge: str, tags: Mapping[str, str]) -> str:
        """Register the model of a run and return its version; once for a challenge and a run."""
        # MLflow looks the model up at the server that is set for the whole process.
        with global_tracking_uri(self.uri), mlflow_errors(self.uri):
            if self._registered() is None:
                self._client.create_registered_model(self.name)
            for version in self._versions():
                # Trained anew after its folder was lost, it is another model.
                if version.tags.get(CHALLENGE_TAG) == challenge and version.run_id == run_id:
                    return str(version.version)
            run = self._client.get_run(run_id)
            models = self._client.search_logged_models(
                [run.info.experiment_id], f"source_run_id = '{run_id}'"
            )
            if not models:
                raise CounterfoilError(f"the MLflow run {run_id} has no model to register")
            model = models[0]
            version = self._client.create_model_version(
                self.name, model.model_uri, run_id, model_id=model.model_id,
                tags={**tags, CHALLENGE_TAG: challenge},
            )  # fmt: skip
        return str(version.version)

    def point(self, alias: str, version: str) -> None:
        """Move an alias to a version: one step, after which nothing points elsewhere."""
        with mlflow_errors(self.uri):
            self._client.set_registered_model_alias(self.name, alias, version)

    def require(self, version: str) -> str:
        """Return the version if it exists.

        Raises
        ------
        InputError
            If it does not.
        """
        known = [str(found.version) for found in self._versions()]
        if version not in known:
            raise InputError(
                f"{self.name} at {shown_uri(self.uri)} has no version {version}; there are "
                f"{', '.join(sorted(known, key=int)) or 'none'}"
            )
        return version

    def model_uri(self, version: str) -> str:
        """Return the URI of a version."""
        return f"models:/{self.name}/{version}"

    def run_id(self, version: str) -> str | None:
        """Return the run that a version came from."""
        with mlflow_errors(self.uri):
            return self._client.get_model_version(self.name, version).run_id or None

    def keep_head(self, sha256: str) -> None:
        """Remember the newest entry of the history, so that a shortened one is noticed."""
        with mlflow_errors(self.uri):
            self._client.set_registered_model_tag(self.name, HEAD_TAG, sha256)

    def head(self) -> str | None:
        """Return what `keep_head` was told last."""
        with mlflow_errors(self.uri):
            found = self._registered()
            return None if found is None else found.tags.get(HEAD_TAG)

    def log_outcome(
        self, experiment_id: str, name: str, tags: Mapping[str, str], content: Mapping[str, Any],
        report: str | None,
    ) -> str:  # fmt: skip
        """Record a retraining as a finished run of its own and return its id."""
        with mlflow_errors(self.uri):
            run = self._client.create_run(experiment_id, run_name=name, tags=dict(tags))
            run_id = str(run.info.run_id)
            self._client.log_dict(run_id, dict(content), "retrain.json")
            if report is not None:
                self._client.log_text(run_id, report, "compare.html")
            self._client.set_terminated(run_id, "FINISHED")
        return run_id

    def _registered(self) -> Any:
        found = self._client.search_registered_models(f"name = '{self.name}'")
        # Searching gives no aliases on some stores; getting does.
        return self._client.get_registered_model(self.name) if found else None

    def _versions(self) -> list[ModelVersion]:
        with mlflow_errors(self.uri):
            return list(self._client.search_model_versions(f"name = '{self.name}'"))
