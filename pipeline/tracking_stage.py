"""Writes what a stage reports while it runs to its MLflow run."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.tracking.buffer import MetricBuffer


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
