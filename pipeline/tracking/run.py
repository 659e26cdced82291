"""Records a pipeline run in MLflow: one parent run, a nested one for each trained stage.

A run that a kill left open is continued by the next process with the same parameters and data;
``dvc repro``, where every stage is a process of its own, thus makes one run. The open run is
named in ``artifacts/.tracking.json``. Nested runs are never continued: the one left open becomes
KILLED and the stage gets a new one, to which a training that resumes from a checkpoint reports
its history from epoch 0 again, so that every curve has one point per epoch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from pipeline.errors import CounterfoilError
from pipeline.params.sections import Params
from pipeline.stages.artifacts import Artifacts
from pipeline.stages.context import StageResult
from pipeline.tracking.buffer import MetricBuffer, RunTracker, mlflow_key
from pipeline.tracking.facts import (
    MODEL_FOLDER,
    data_sha256,
    lock_tags,
    param_text,
    params_sha256,
    run_tags,
    small_files,
)
from pipeline.tracking.marker import OpenRun
from pipeline.tracking.server import (
    connect,
    find_or_create_experiment,
    mlflow_errors,
    shown_uri,
    tracking_uri,
)

if TYPE_CHECKING:
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

logger = logging.getLogger(__name__)

NESTED_STAGES = ("autoencoder", "vae", "augment", "sgan")
LAST_STAGE = "evaluate"
MARKER = ".tracking.json"
SYSTEM_METRICS_SECONDS = 5.0
PARAMS_PER_BATCH = 100  # MLflow's limit
Status = Literal["FINISHED", "FAILED", "KILLED"]


class PipelineRun:
    """The MLflow run of a pipeline run; a context manager, made by `open`.

    Leaving the block with an error ends the run as FAILED (KILLED on an interrupt); leaving it
    after `evaluate` ends it as FINISHED; otherwise it stays open for the next process, unless
    `finish` was called.
    """

    def __init__(self, params: Params, root: Path, device: str, artifacts: Artifacts) -> None:
        self._params, self._root, self._device = params, Path(root), device
        self._artifacts = artifacts
        self._marker = artifacts.root / MARKER
        self.uri = tracking_uri(self._root)
        self.client = connect(self.uri)
        self.experiment_id = find_or_create_experiment(
            self.client, params.tracking.experiment, self.uri, self._root
        )
        self.buffer = MetricBuffer(self.client)
        self._values = params.flatten()
        self._record = OpenRun(
            shown_uri(self.uri), params_sha256(self._values), data_sha256(artifacts)
        )
        self._monitor: SystemMetricsMonitor | None = None
        self._is_open = True

    @classmethod
    def open(cls, params: Params, root: Path, device: str, artifacts: Artifacts) -> PipelineRun:
        """Continue the run that an earlier process left open, or start one.

        Parameters
        ----------
        params : Params
            Recorded, flattened with dots; a run is continued only with equal ones.
        root : Path
            The project's folder: mlflow.db and mlartifacts lie there unless
            MLFLOW_TRACKING_URI names a server.
        device : str
            Name of the processor, for the tags.
        artifacts : Artifacts
            Where the marker of an open run and the data's SHA-256 lie.

        Raises
        ------
        CounterfoilError
            If the tracking server cannot be reached or refuses.
        """
        run = cls(params, root, device, artifacts)
        try:
            with mlflow_errors(run.uri):
                run._continue_or_start()
        except BaseException:
            run.buffer.close()
            raise
        return run

    @property
    def run_id(self) -> str:
        """The id of the parent run."""
        return self._record.run_id

    @property
    def finished_stages(self) -> tuple[str, ...]:
        """The stages recorded in this run so far, also by earlier processes."""
        return tuple(self._record.stages)

    def __enter__(self) -> PipelineRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._is_open:
            return
        if kind is not None:
            self._give_up("FAILED" if issubclass(kind, Exception) else "KILLED")
        elif LAST_STAGE in self.finished_stages:
            self.finish()
        else:
            self._leave()

    @contextmanager
    def stage(self, name: str) -> Iterator[RunTracker]:
        """Yield the tracker of a stage that is about to run.

        Trained stages get a nested run, named after the stage; the others write to the parent.
        A stage that this run has finished before starts a new parent run.
        """
        with mlflow_errors(self.uri):
            if name in self.finished_stages:
                self._replace()
            if name not in NESTED_STAGES:
                prefix = "" if name == LAST_STAGE else f"{name}/"
                tracker, monitor = RunTracker(self.buffer, self.run_id, prefix), None
            else:
                tracker, monitor = self._start_nested(name)
        status: Status = "FAILED"
        try:
            yield tracker
            status = "FINISHED"
        except Exception:
            raise
        except BaseException:
            status = "KILLED"
            raise
        finally:
            if monitor is not None:
                monitor.finish()
            if name in NESTED_STAGES:
                self._terminate(tracker.run_id, status)

    def log_stage(self, name: str, folder: Path, result: StageResult) -> None:
        """Record a finished stage: its final figures and the small files of its folder.

        Of `evaluate`, the packaged model in ``model/`` is logged as an MLflow model as well.

        Raises
        ------
        CounterfoilError
            If MLflow does not take them; the stage's folder is complete all the same.
        """
        if name == "ingest":
            self._take_data()
        nested = self._record.nested.get(name)
        tracker = RunTracker(self.buffer, nested or self.run_id, "" if nested else f"{name}/")
        counts = {"n_rows": result.n_rows, "n_frauds": result.n_frauds}
        tracker.log_metrics({key: count for key, count in counts.items() if count is not None})
        if name == LAST_STAGE:
            tracker = RunTracker(self.buffer, self.run_id)
        tracker.log_metrics(result.metrics)
        with mlflow_errors(self.uri):
            for path in small_files(folder):
                place = Path(name) / path.relative_to(folder).parent
                self.client.log_artifact(tracker.run_id, str(path), place.as_posix())
            if name == LAST_STAGE and (folder / MODEL_FOLDER).is_dir():
                from pipeline.tracking.model import log_model

                log_model(folder / MODEL_FOLDER, self.run_id, self.uri)
        self._record.stages.append(name)
        self._record.write(self._marker)

    def finish(self, status: Status = "FINISHED") -> None:
        """End the run: send what waits, stop sampling, set its status, forget the marker.

        The marker stays where the status cannot be set, so that the next process ends the run.

        Raises
        ------
        CounterfoilError
            If MLflow did not take everything; the status is FAILED where it can still be set.
        """
        try:
            self._leave()
            with mlflow_errors(self.uri):
                self.buffer.set_tags(self.run_id, lock_tags(self._root))
        except BaseException:
            if self._terminate(self.run_id, "FAILED"):
                self._marker.unlink(missing_ok=True)
            raise
        with mlflow_errors(self.uri):
            self.client.set_terminated(self.run_id, status)
        self._marker.unlink(missing_ok=True)

    def _give_up(self, status: Status) -> None:
        """End the run after an error; trouble with MLflow must not hide that error."""
        try:
            self.finish(status)
        except CounterfoilError as error:
            logger.warning("%s", error)

    def _leave(self) -> None:
        """Stop the threads and send what waits."""
        self._is_open = False
        if self._monitor is not None:
            self._monitor.finish()
        try:
            self.buffer.flush()
        finally:
            self.buffer.close()

    def _continue_or_start(self) -> None:
        former = OpenRun.read(self._marker)
        if former and former.server == self._record.server and self._is_running(former.run_id):
            for nested in former.nested.values():
                self._kill(nested)
            if former.is_of_same_work(self._record):
                logger.info("continuing the MLflow run %s", former.run_id)
                self._record = former
                self._monitor = self._start_monitor(former.run_id, resume=True)
                return
            self._kill(former.run_id)
        self._start()

    def _start(self) -> None:
        """Start a parent run with the params, the tags and the resolved params.yaml."""
        from mlflow.entities import RunTag

        started = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        name = f"{self._params.data.source} {started}"
        tags = run_tags(self._params, self._root, self._device)
        if self._record.data_sha256 is not None:
            tags["counterfoil.data_sha256"] = self._record.data_sha256
        run = self.client.create_run(self.experiment_id, run_name=name)
        self._record = replace(self._record, run_id=run.info.run_id, nested={}, stages=[])
        self._record.write(self._marker)
        self._log_params(self.run_id)
        self.client.log_batch(self.run_id, tags=[RunTag(key, tags[key]) for key in tags])
        self.client.log_dict(self.run_id, self._params.model_dump(mode="json"), "params.yaml")
        self._monitor = self._start_monitor(self.run_id)

    def _log_params(self, run_id: str, section: str = "") -> None:
        """Log the parameters, or those of one section, under dotted keys."""
        from mlflow.entities import Param

        params = [
            Param(mlflow_key(key), param_text(value))
            for key, value in self._values.items()
            if key.startswith(section)
        ]
        for start in range(0, len(params), PARAMS_PER_BATCH):
            self.client.log_batch(run_id, params=params[start : start + PARAMS_PER_BATCH])

    def _replace(self) -> None:
        """Give the run up and start another one."""
        if self._monitor is not None:
            self._monitor.finish()
        self._kill(self.run_id)
        self._start()

    def _take_data(self) -> None:
        """Record the SHA-256 of what `ingest` wrote; other data make another run."""
        former, current = self._record.data_sha256, data_sha256(self._artifacts)
        self._record.data_sha256 = current
        with mlflow_errors(self.uri):
            if self.finished_stages and current != former:
                self._replace()
        if current is not None:
            self.buffer.set_tags(self.run_id, {"counterfoil.data_sha256": current})

    def _start_nested(self, name: str) -> tuple[RunTracker, SystemMetricsMonitor | None]:
        tags = {
            "mlflow.parentRunId": self.run_id,
            "counterfoil.stage": name,
            "counterfoil.device": self._device,
        }
        self._record.nested.pop(name, None)  # a killed one takes no figures of this one
        # In MLflow's comparisons a run is its name: "sgan" alone would stand there twice.
        parent = self.client.get_run(self.run_id).info.run_name
        run = self.client.create_run(self.experiment_id, tags=tags, run_name=f"{name} of {parent}")
        run_id = run.info.run_id
        self._record.nested[name] = run_id
        self._record.write(self._marker)
        try:
            self._log_params(run_id, f"{name}.")
            return RunTracker(self.buffer, run_id), self._start_monitor(run_id)
        except BaseException:
            self._terminate(run_id, "FAILED")
            raise

    def _start_monitor(self, run_id: str, resume: bool = False) -> SystemMetricsMonitor | None:
        """Start sampling processor, memory, disk, network and GPU for a run."""
        if not self._params.tracking.system_metrics:
            return None
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor = SystemMetricsMonitor(
            run_id,
            sampling_interval=SYSTEM_METRICS_SECONDS,
            resume_logging=resume,
            tracking_uri=self.uri,
        )
        monitor.start()
        return monitor

    def _is_running(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            info = self.client.get_run(run_id).info
        except MlflowException:
            return False
        return info.status == "RUNNING" and info.lifecycle_stage == "active"

    def _kill(self, run_id: str) -> None:
        if self._is_running(run_id):
            self.client.set_terminated(run_id, "KILLED")

    def _terminate(self, run_id: str, status: Status) -> bool:
        """Set the status of a run where MLflow lets us; never hide what went wrong before."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.set_terminated(run_id, status)
        except (MlflowException, OSError) as error:
            logger.warning("MLflow does not take the status %s of %s: %s", status, run_id, error)
            return False
        return True
