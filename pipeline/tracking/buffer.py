"""Collects metrics and sends them to MLflow in batches from a thread of its own."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.errors import CounterfoilError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 2.0  # one log_metric costs about 10 ms on SQLite, log_batch 0.2 ms a metric
METRICS_PER_BATCH = 1000  # MLflow's limit
MAX_KEY_LENGTH = 250  # MLflow's limit
_NOT_IN_KEYS = re.compile(r"[^\w\-. :/]", flags=re.ASCII)


def mlflow_key(name: str) -> str:
    """Return a name that MLflow takes for a param or a metric: other characters become _."""
    return _NOT_IN_KEYS.sub("_", name)[:MAX_KEY_LENGTH]


class MetricBuffer:
    """Metrics of several runs, sent every two seconds and on `flush`.

    Timestamps are those of `add`. What a lost server did not take is kept and tried again; it
    never stops the training that reports it.

    Parameters
    ----------
    client : MlflowClient
        Where they go.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client
        self._waiting: dict[str, list[Metric]] = defaultdict(list)
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._send_regularly, daemon=True, name="metrics")
        self._thread.start()

    def add(
        self, run_id: str, metrics: Mapping[str, float], step: int | None = None
    ) -> dict[str, float]:
        """Queue metrics and return those that are not finite: MLflow is not sent them.

        Each of those is named in the log.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        values = {mlflow_key(name): float(value) for name, value in metrics.items()}
        finite = [
            Metric(name, value, now, step or 0)
            for name, value in values.items()
            if math.isfinite(value)
        ]
        refused = {name: value for name, value in values.items() if not math.isfinite(value)}
        for name, value in refused.items():
            at = "" if step is None else f" at step {step}"
            logger.warning("%s is %s%s: not sent to MLflow", name, value, at)
        with self._lock:
            self._waiting[run_id].extend(finite)
        return refused

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run in one request; a lost server is only logged."""
        from mlflow.entities import RunTag
        from mlflow.exceptions import MlflowException

        try:
            self._client.log_batch(run_id, tags=[RunTag(key, str(tags[key])) for key in tags])
        except MlflowException as error:
            logger.warning("MLflow does not take the tags %s: %s", ", ".join(tags), error)

    def flush(self) -> None:
        """Send what waits.

        Raises
        ------
        CounterfoilError
            If the server does not take it.
        """
        self._send()
        if self._failure is not None:
            n_lost = sum(len(metrics) for metrics in self._waiting.values())
            raise CounterfoilError(
                f"MLflow did not take {n_lost} metrics ({self._failure}); the results under "
                "artifacts/ are complete, only their record in MLflow is not"
            ) from self._failure

    def close(self) -> None:
        """Stop the thread; call `flush` before."""
        self._stop.set()
        self._thread.join()

    def _send_regularly(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self._send()

    def _send(self) -> None:
        """Send what waits; on failure put it back, in its order."""
        with self._sending:
            with self._lock:
                taken, self._waiting = self._waiting, defaultdict(list)
            try:
                while taken:
                    run_id, metrics = next(iter(taken.items()))
                    while metrics:
                        self._client.log_batch(run_id, metrics=metrics[:METRICS_PER_BATCH])
                        del metrics[:METRICS_PER_BATCH]
                    del taken[run_id]
            # Whatever a client library raises, the thread must outlive it.
            except Exception as error:
                if self._failure is None:
                    logger.warning("MLflow does not take metrics, trying again: %s", error)
                self._failure = error
            else:
                self._failure = None
            if taken:
                with self._lock:
                    for run_id, metrics in taken.items():
                        self._waiting[run_id] = metrics + self._waiting[run_id]


class RunTracker:
    """A `StageTracker` that writes to one MLflow run.

    Parameters
    ----------
    buffer : MetricBuffer
        Whose connection is used.
    run_id : str
        The run that is written to.
    prefix : str
        Put before the name of each metric; stages that share the parent run have one each.
    """

    def __init__(self, buffer: MetricBuffer, run_id: str, prefix: str = "") -> None:
        self._buffer = buffer
        self._prefix = prefix
        self.run_id = run_id

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, at an epoch (0, 1, 2, ...) if `step` is given.

        They are sent within about two seconds. NaN and infinite ones are not sent; the log
        names them, and the tag ``counterfoil.not_finite`` the last of them.
        """
        named = {self._prefix + name: value for name, value in metrics.items()}
        refused = self._buffer.add(self.run_id, named, step)
        if refused:
            at = "" if step is None else f" at step {step}"
            self.set_tags({"counterfoil.not_finite": ", ".join(refused) + at})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record facts that are no parameters; names without a dot get ``counterfoil.``."""
        named = {key if "." in key else f"counterfoil.{key}": tags[key] for key in tags}
        self._buffer.set_tags(self.run_id, named)
