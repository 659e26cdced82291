"""Runs the pipeline: with DVC, which decides what is stale, or without it, every stage."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import CounterfoilError, InputError, UsageError
from pipeline.files.locks import held_alone
from pipeline.params.reading import find_preset, merge_overrides, read_overrides, read_yaml
from pipeline.params.sections import Params, check_params
from pipeline.run.request import ARTIFACTS_FOLDER, PARAMS_FILE, Outcome, RunRequest, needed
from pipeline.run.session import Session
from pipeline.stages.artifacts import STAGES, Artifacts

logger = logging.getLogger(__name__)


def run(request: RunRequest) -> Outcome:
    """Run what was asked for.

    Raises
    ------
    CounterfoilError
        With a message for the user; see `pipeline.errors`.
    """
    _check_stages(request)
    content = resolve_params(request)
    params = check_params(content, _params_path(request).name)
    _check_data_path(params, _root(request), needs_path=request.use_dvc)
    base = request.folder if request.use_dvc else request.workdir
    artifacts = Artifacts(base.resolve() / ARTIFACTS_FOLDER)
    session = Session(
        params,
        artifacts,
        root=_root(request),
        home=base.resolve(),
        tracking=request.tracking,
    )
    with only_run(artifacts.root), session:
        if request.use_dvc:
            # DVC wants what a stage reads to be there.
            (_root(request) / params.augment.labels).mkdir(parents=True, exist_ok=True)
            from pipeline.run.dvc_engine import reproduce

            restored = reproduce(request, content, session)
        else:
            _run_all(request, session)
            restored = ()
    return Outcome(tuple(session.finished), restored, artifacts)


def plan(request: RunRequest) -> list[tuple[str, list[str]]]:
    """Return the stages that `run` would run, in order, each with its reasons."""
    _check_stages(request)
    content = resolve_params(request)
    params = check_params(content, _params_path(request).name)
    _check_data_path(params, _root(request), needs_path=request.use_dvc)
    if not request.use_dvc:
        return [(name, ["--no-cache runs every stage"]) for name in _uncached(request)]
    from pipeline.run.dvc_engine import explain

    return explain(request, content)


def run_one_stage(name: str, folder: Path, *, tracking: bool = True) -> None:
    """Run one stage with params.yaml as it is, for ``dvc repro``, which asks for it.

    Raises
    ------
    CounterfoilError
        Also if another process is at work in the artifacts folder; see `only_run`.
    """
    if name not in STAGES:
        raise UsageError(f"there is no stage {name}; the stages are {', '.join(STAGES)}")
    params = check_params(read_yaml(folder / PARAMS_FILE), PARAMS_FILE)
    root = folder.resolve()
    session = Session(
        params,
        Artifacts(root / ARTIFACTS_FOLDER),
        root=root,
        home=root,
        tracking=tracking,
        ends_run=False,
    )
    with only_run(session.artifacts.root), session:
        session.run_stage(name)


def resolve_params(request: RunRequest) -> dict[str, Any]:
    """Return the content of params.yaml with the presets and the overrides put in."""
    path = _params_path(request)
    presets = [find_preset(name, request.folder) for name in request.presets]
    overrides = read_overrides(request.assignments, presets)
    return merge_overrides(read_yaml(path), overrides, path.name)


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Keep a second run out of an artifacts folder for as long as the block lasts.

    The operating system drops the lock with the process, however it ends.

    Raises
    ------
    CounterfoilError
        If another process holds it.
    """
    with held_alone(folder) as holder:
        if holder is not None:
            raise CounterfoilError(
                f"another run (process {holder}) is at work in {folder}; wait until it has ended, "
                "or give this one a folder of its own: --no-cache --workdir DIR"
            )
        yield


def _run_all(request: RunRequest, session: Session) -> None:
    stages = _uncached(request)
    for name in (name for name in STAGES if name not in stages):
        if not any(name in needed(stage) for stage in stages):
            continue
        if not session.artifacts.folder(name).is_dir():
            raise UsageError(
                f"--from {request.from_stage} needs the output of {name}, and "
                f"{session.artifacts.folder(name)} does not exist; run without --from first"
            )
    for name in stages:
        session.run_stage(name)


def _uncached(request: RunRequest) -> list[str]:
    """Return the stages that a run without DVC runs: all, or those from --from on."""
    return request.forced() if request.from_stage else request.selected()


def _check_stages(request: RunRequest) -> None:
    for name in (request.stage, request.from_stage):
        if name is not None and name not in STAGES:
            raise UsageError(f"there is no stage {name}; the stages are {', '.join(STAGES)}")
    if request.from_stage is not None and request.from_stage not in request.selected():
        raise UsageError(
            f"--from {request.from_stage}: {request.stage} does not need {request.from_stage}; "
            f"it needs {', '.join(needed(str(request.stage))) or 'no other stage'}"
        )


def _check_data_path(params: Params, root: Path, *, needs_path: bool) -> None:
    """Refuse a missing input before anything runs; DVC watches it whatever the source."""
    path = root / params.data.path
    if path.exists() or not (needs_path or params.data.source == "file"):
        return
    if params.data.source == "file":
        raise InputError(
            f"data.path: {params.data.path} does not exist (looked for {path}); expected a CSV or "
            "Parquet file or a folder of them; correct data.path in params.yaml or give it with "
            "-S data.path=..."
        )
    raise InputError(
        f"data.path: {params.data.path} does not exist (looked for {path}); DVC watches it even "
        f"where data.source is {params.data.source}; set data.path to a folder that exists "
        "(-S data.path=data)"
    )


def _params_path(request: RunRequest) -> Path:
    return request.params_file or request.folder / PARAMS_FILE


def _root(request: RunRequest) -> Path:
    """Return where relative paths start: the project, or the folder of --params without DVC."""
    if request.use_dvc or request.params_file is None:
        return request.folder.resolve()
    return request.params_file.resolve().parent
