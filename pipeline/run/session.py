"""Runs single stages: what every way to run the pipeline does around a stage's function."""

from __future__ import annotations

import importlib
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from pipeline.errors import CounterfoilError, UsageError
from pipeline.params.sections import Params
from pipeline.stages.artifacts import STAGES, Artifacts
from pipeline.stages.context import NoTracker, StageContext, StageResult, StageTracker
from pipeline.terminal import native_messages_held_back

if TYPE_CHECKING:
    from pipeline.tracking.run import PipelineRun

logger = logging.getLogger(__name__)

# Stages that compute with TensorFlow; the device is chosen and MLflow opened before the first.
TRAINED_STAGES = ("autoencoder", "vae", "augment", "sgan", "evaluate")
StageFunction = Callable[[StageContext], StageResult]


def find_stage(name: str) -> StageFunction:
    """Return the function of a stage; its module is imported only now."""
    module = importlib.import_module(f"pipeline.stages.{name}")
    function: StageFunction = getattr(module, name)
    return function


class Session:
    """One process's work on the stages; a context manager.

    Trouble with MLflow after a stage has started must not cost its results: it is logged as an
    error, the stages go on, and leaving the block raises it.

    Parameters
    ----------
    params : Params
        The checked parameters.
    artifacts : Artifacts
        Where the stages write.
    root : Path
        The folder that relative paths in params.yaml start from.
    home : Path
        The folder of the tracking database, unless MLFLOW_TRACKING_URI names a server.
    tracking : bool
        False leaves MLflow out.
    ends_run : bool
        Whether the tracked run ends with the session. Where it does not, each stage is a process
        that ``dvc repro`` started, and trouble with MLflow is logged only: DVC would throw away
        what a process that fails has made.
    """

    def __init__(
        self,
        params: Params,
        artifacts: Artifacts,
        *,
        root: Path,
        home: Path,
        tracking: bool = True,
        ends_run: bool = True,
    ) -> None:
        self.params = params
        self.artifacts = artifacts
        self.root = root
        self.home = home
        self.ends_run = ends_run
        self.finished: list[str] = []
        self._tracking = tracking
        self._device: str | None = None
        self._results: dict[str, StageResult] = {}
        self._tracked_run: PipelineRun | None = None
        self._trouble: CounterfoilError | None = None
        self._stack = ExitStack()

    @property
    def run_id(self) -> str | None:
        """The id of the MLflow run, once there is one."""
        return None if self._tracked_run is None else self._tracked_run.run_id

    def __enter__(self) -> Session:
        self._stack.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._trouble_put_off():
            try:
                if kind is None:
                    self._end_run()
            finally:
                self._stack.__exit__(kind, error, traceback)
        if kind is None and self._trouble is not None and self.ends_run:
            raise self._trouble

    def raise_trouble(self) -> None:
        """Raise what MLflow has refused so far, for work that is of no use without its record."""
        if self._trouble is not None:
            raise self._trouble

    def _end_run(self) -> None:
        """End the tracked run; one whose record has gaps has failed."""
        if self._tracked_run is None:
            return
        if self._trouble is not None:
            self._tracked_run.finish("FAILED")
        elif self.ends_run:
            self._tracked_run.finish("FINISHED")

    def run_stage(self, name: str) -> StageResult:
        """Run one stage and put its outputs in place.

        The outputs of an earlier run stay as they are unless the stage succeeds.
        """
        if name in TRAINED_STAGES:
            self._choose_device()
            self._open_tracking()
        logger.info("%s: started", name)
        started = time.perf_counter()
        with self._tracker(name) as tracker, self.artifacts.replacing(name) as output:
            context = StageContext(
                params=self.params,
                artifacts=self.artifacts,
                output=output,
                workspace=self.artifacts.workspace(name),
                root=self.root,
                tracker=tracker,
            )
            result = find_stage(name)(context)
        _give_memory_back()
        logger.info(_end_line(name, result, time.perf_counter() - started))
        self._results[name] = result
        self.finished.append(name)
        if self._tracked_run is not None:
            with self._trouble_put_off():
                self._tracked_run.log_stage(name, self.artifacts.folder(name), result)
        return result

    @contextmanager
    def _tracker(self, name: str) -> Iterator[StageTracker]:
        with ExitStack() as stack:
            tracker: StageTracker = NoTracker()
            if self._tracked_run is not None:
                with self._trouble_put_off():
                    tracker = stack.enter_context(self._tracked_run.stage(name))
            yield tracker

    @contextmanager
    def _trouble_put_off(self) -> Iterator[None]:
        """Log trouble with MLflow within the block and keep the first for the end."""
        try:
            yield
        except CounterfoilError as error:
            logger.error("%s", error)
            self._trouble = self._trouble or error

    def _choose_device(self) -> None:
        if self._device is not None:
            return
        with native_messages_held_back():
            from models import devices

            try:
                self._device = devices.configure(
                    self.params.device, deterministic=self.params.mode == "deterministic"
                )
                problem = None
            except devices.DeviceError as error:
                problem = error
        if problem is not None:
            raise UsageError(str(problem)) from problem
        logger.info("device: %s", self._device)

    def _open_tracking(self) -> None:
        """Open the MLflow run and tell it of the stages before the first trained one.

        Not earlier, so that bad input is answered at once and leaves no run behind.
        """
        if not self._tracking or self._tracked_run is not None:
            return
        from pipeline.tracking.run import PipelineRun

        run = PipelineRun.open(self.params, self.home, str(self._device), self.artifacts)
        self._tracked_run = self._stack.enter_context(run)
        for name in STAGES[: STAGES.index(TRAINED_STAGES[0])]:
            folder = self.artifacts.folder(name)
            if folder.is_dir() and name not in run.finished_stages:
                run.log_stage(name, folder, self._results.get(name, StageResult()))


def _give_memory_back() -> None:
    """Return to the system what pyarrow keeps of the tables that a stage has read and dropped.

    It would keep as much as the largest of them for the rest of the run: on a million rows half
    a gigabyte beside what the next stages need.
    """
    pyarrow = sys.modules.get("pyarrow")  # a stage that read no table need not wait for it
    if pyarrow is not None:
        pyarrow.default_memory_pool().release_unused()


def _end_line(name: str, result: StageResult, seconds: float) -> str:
    facts = []
    if result.n_rows is not None:
        facts.append(f"{result.n_rows:,} rows")
    if result.n_frauds is not None:
        facts.append(f"{result.n_frauds:,} frauds")
    return f"{name}: done in {seconds:.1f} s" + (f" ({', '.join(facts)})" if facts else "")
