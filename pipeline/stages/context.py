"""What a stage is given and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pipeline.params.sections import Params
from pipeline.stages.artifacts import Artifacts


class StageTracker(Protocol):
    """Where a stage reports figures while it runs; MLflow behind it, or nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record figures, at an epoch if `step` is given."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record facts that are no parameters: the device, the chosen epoch."""


class NoTracker:
    """A `StageTracker` that records nothing."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record nothing."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record nothing."""


@dataclass(frozen=True)
class StageContext:
    """Everything a stage may use.

    Parameters
    ----------
    params : Params
        The checked parameters.
    artifacts : Artifacts
        Finished outputs of the stages before it.
    output : Path
        An empty folder; it becomes ``artifacts/<stage>`` when the stage returns.
    workspace : Path
        A folder that outlives a killed run (checkpoints); removed when the stage has finished.
    root : Path
        The folder that relative paths in params.yaml start from.
    tracker : StageTracker
        Where figures go while the stage runs.
    """

    params: Params
    artifacts: Artifacts
    output: Path
    workspace: Path
    root: Path
    tracker: StageTracker = field(default_factory=NoTracker)


@dataclass(frozen=True)
class StageResult:
    """What a stage reports for the log line and the tracking.

    Parameters
    ----------
    n_rows, n_frauds : int or None
        Rows that the stage worked on, and the frauds among them.
    metrics : mapping of str to float
        Final figures.
    """

    n_rows: int | None = None
    n_frauds: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
