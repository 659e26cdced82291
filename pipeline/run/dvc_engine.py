"""Runs stale stages in this process, while DVC plans, restores, hashes and writes dvc.lock."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dvc.stage.run
import psutil
import yaml
from dvc.exceptions import DvcException
from dvc.fs import LocalFileSystem
from dvc.lock import LockError, make_lock
from dvc.repo import NotDvcRepoError, Repo
from dvc.repo.reproduce import _reproduce_stage, get_active_graph, plan_repro
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK
from dvc.scm import SCMError
from dvc.stage.cache import StageCache

from pipeline.errors import CounterfoilError, UsageError
from pipeline.files.source_code import OUR_PACKAGES
from pipeline.run.request import PARAMS_FILE, RunRequest
from pipeline.run.session import Session
from pipeline.run.staleness import reasons

logger = logging.getLogger(__name__)


def reproduce(request: RunRequest, content: Mapping[str, Any], session: Session) -> tuple[str, ...]:
    """Run the stages that are stale or forced and let DVC commit their outputs.

    Parameters
    ----------
    request : RunRequest
        Which stages.
    content : mapping
        params.yaml with the overrides put in; DVC sees this in place of the file.
    session : Session
        Runs a stage.

    Returns
    -------
    tuple of str
        The stages whose outputs came out of DVC's cache.

    Raises
    ------
    CounterfoilError
        What a stage raised, or DVC's own complaint.
    """
    restored: list[str] = []
    forced = set(request.forced())

    def run_in_process(stage: Any, dry: bool = False, run_env: Any = None) -> None:  # noqa: ARG001
        session.run_stage(stage.name)

    def reproduce_stage(stage: Any, force: bool = False, **options: Any) -> Any:
        done = _reproduce_stage(stage, force=force or stage.name in forced, **options)
        if done is None:
            logger.debug("%s: up to date", stage.name)
        elif stage.name not in session.finished:
            logger.info("%s: restored from DVC's cache", stage.name)
            restored.append(stage.name)
        return done

    original = dvc.stage.run.cmd_run
    # The one seam: everything before and after a stage's command stays DVC's own.
    dvc.stage.run.cmd_run = run_in_process
    try:
        with _readable_errors(), _open_repo(request.folder, content) as repo:
            with make_lock(str(Path(repo.tmp_dir) / RWLOCK_LOCK), tmp_dir=repo.tmp_dir):
                _drop_dead_locks(Path(repo.tmp_dir) / RWLOCK_FILE)
            # `all_pipelines` takes the stages from the graph; targets would be parsed once more.
            repo.reproduce(
                targets=_targets(request),
                all_pipelines=request.stage is None,
                repro_fn=reproduce_stage,
            )
    finally:
        dvc.stage.run.cmd_run = original
    return tuple(restored)


def explain(request: RunRequest, content: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the stages that `reproduce` would run, in order, each with its reasons."""
    option = "--force" if request.force else f"--from {request.from_stage}"
    forced = dict.fromkeys(request.forced(), option)
    with _readable_errors(), _open_repo(request.folder, content) as repo:
        graph = get_active_graph(repo.index.graph)
        wanted = [stage for name in _targets(request) for stage in repo.stage.collect(name)]
        found: dict[str, list[str]] = {}
        for stage in plan_repro(graph, wanted or None):
            upstream = {
                str(out): before.name for before in graph.successors(stage) for out in before.outs
            }
            why = [forced[stage.name]] if stage.name in forced else []
            why += reasons(stage, upstream, rerunning=set(found))
            if why:
                found[stage.name] = why
    return list(found.items())


class _OverriddenFileSystem(LocalFileSystem):
    """The local file system, except that one file has other content.

    DVC reads params.yaml through it, for `params:` and for ``${...}`` in dvc.yaml, so that an
    override for one run ends up in dvc.lock without a change to the file.
    """

    def __init__(self, path: str, text: str) -> None:
        super().__init__()
        self._path = path
        self._text = text

    def open(self, path: Any, mode: str = "r", **options: Any) -> Any:
        if "r" in mode and os.path.abspath(os.fspath(path)) == self._path:  # noqa: PTH100
            return io.BytesIO(self._text.encode()) if "b" in mode else io.StringIO(self._text)
        return super().open(path, mode, **options)


class _RunCache(StageCache):
    """DVC's run cache, for outputs that DVC does not remove before a stage runs as well.

    DVC leaves stages with ``persist`` outputs out of its run cache, since a command may read
    what was there. Ours start from an empty folder, so that their outputs depend on nothing else.
    """

    def restore(self, stage: Any, *arguments: Any, **options: Any) -> None:
        with _as_not_persistent(stage):
            super().restore(stage, *arguments, **options)

    def save(self, stage: Any) -> None:
        with _as_not_persistent(stage):
            super().save(stage)

    def _create_stage(self, cache: Any, wdir: Any = None) -> Any:
        stage = super()._create_stage(cache, wdir)
        # Outputs that somebody edited are replaced without a question.
        stage.checkout = partial(stage.checkout, force=True)
        return stage


@contextmanager
def _as_not_persistent(stage: Any) -> Iterator[None]:
    persistent = [out for out in stage.outs if out.persist]
    for out in persistent:
        out.persist = False
    try:
        yield
    finally:
        for out in persistent:
            out.persist = True


@contextmanager
def _open_repo(folder: Path, content: Mapping[str, Any]) -> Iterator[Any]:
    root = folder.resolve()
    if not (root / "dvc.yaml").is_file():
        raise UsageError(
            f"{root} has no dvc.yaml; run from the project's folder, or without DVC: "
            "--no-cache --workdir DIR"
        )
    text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    files = _OverriddenFileSystem(str(root / PARAMS_FILE), text)
    # DVC's run cache and its names of stages go by the current folder.
    with chdir(root), Repo(str(root), fs=files) as repo:
        repo.stage_cache = _RunCache(repo)
        _check_code(repo)
        yield repo


def _check_code(repo: Any) -> None:
    """Refuse a folder that lacks code which dvc.yaml watches; DVC would show its own insides."""
    paths = sorted(str(dep.def_path) for dep in repo.index.deps)
    code = [path for path in paths if path.split("/")[0] in OUR_PACKAGES]
    missing = next((path for path in code if not Path(repo.root_dir, path).exists()), None)
    if missing is not None:
        raise UsageError(
            f"dvc.yaml names {missing}, which {repo.root_dir} does not have; run from a whole copy "
            "of the project"
        )


@contextmanager
def _readable_errors() -> Iterator[None]:
    """Turn DVC's errors into ours, and bring those of a stage out of DVC's wrapping."""
    levels = {name: logging.getLogger(name).level for name in ("dvc", "dvc_data", "dvc_objects")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    except (NotDvcRepoError, SCMError) as error:
        raise UsageError(
            f"DVC needs a repository of git and its own ({error}); run `git init` and `dvc init`, "
            "or work without DVC: --no-cache --workdir DIR"
        ) from error
    except LockError as error:
        raise CounterfoilError(
            "DVC is at work in this folder (`dvc repro` or the like); wait until it has ended"
        ) from error
    except DvcException as error:
        raise _root_cause(error) from error
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _root_cause(error: BaseException) -> BaseException:
    """Return what a stage raised, or DVC's complaint as an error with a message."""
    cause: BaseException = error
    while isinstance(cause, DvcException) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, LockError):
        return CounterfoilError(f"another process holds DVC's lock: {cause}")
    return CounterfoilError(f"DVC: {cause}") if isinstance(cause, DvcException) else cause


def _targets(request: RunRequest) -> list[str]:
    return [request.stage] if request.stage else []


def _drop_dead_locks(path: Path) -> None:
    """Remove what killed processes left in DVC's file of readers and writers.

    DVC drops an entry whose process number is gone, but a container hands out the same numbers
    again. A process younger than the file cannot have written it.
    """
    try:
        written = path.stat().st_mtime
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except json.JSONDecodeError:  # killed while writing it
        path.unlink()
        return

    def is_alive(entry: Mapping[str, Any]) -> bool:
        try:
            return psutil.Process(entry["pid"]).create_time() <= written
        except psutil.NoSuchProcess:
            return False

    read = {
        name: [entry for entry in entries if is_alive(entry)]
        for name, entries in content.get("read", {}).items()
    }
    write = {name: entry for name, entry in content.get("write", {}).items() if is_alive(entry)}
    kept = {"write": write, "read": {name: entries for name, entries in read.items() if entries}}
    if kept != content:
        path.write_text(json.dumps(kept), encoding="utf-8")
