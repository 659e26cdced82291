"""Says why DVC takes a stage for stale: which keys, files or stages before it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.params.reading import flatten

MISSING = object()
FILE_STATES = {"deleted": "is missing", "modified": "changed", "new": "is new"}
OUTPUT_STATES = {
    "deleted": "is missing",
    "modified": "is not what the stage wrote",
    "new": "is not recorded in dvc.lock",
    "not in cache": "is not in DVC's cache",
}


def reasons(stage: Any, upstream: Mapping[str, str], rerunning: set[str]) -> list[str]:
    """Return why a stage is stale, in words; empty if it is not.

    Parameters
    ----------
    stage : dvc.stage.PipelineStage
        Loaded from dvc.yaml and dvc.lock.
    upstream : mapping of str to str
        Output folders of the stages directly before it -> the name of the stage.
    rerunning : set of str
        The stages that will run.
    """
    if not any(out.hash_info for out in stage.outs):
        return ["has not run yet"]
    found = ["its command in dvc.yaml changed"] if stage.cmd_changed else []
    before: list[str] = []
    for dependency in stage.deps:
        name = str(dependency)
        if hasattr(dependency, "read_params"):
            found += changed_keys(dependency.hash_info.value or {}, dependency.read_params())
        elif upstream.get(name) in rerunning:
            before.append(upstream[name])
        else:
            found += [
                f"{name} {FILE_STATES.get(state, state)}" for state in dependency.status().values()
            ]
    for out in stage.outs:
        found += [f"{out} {OUTPUT_STATES.get(state, state)}" for state in out.status().values()]
    if before:
        found.append(f"{', '.join(before)} {'reruns' if len(before) == 1 else 'rerun'}")
    return found


def changed_keys(recorded: Mapping[str, Any], current: Mapping[str, Any]) -> list[str]:
    """Return one line for each dotted key whose value differs, old and new.

    Examples
    --------
    >>> changed_keys({"sgan": {"epochs": 30, "seed": 1}}, {"sgan": {"epochs": 10, "seed": 1}})
    ['sgan.epochs: 30 -> 10']
    """
    old, new = dict(flatten(recorded)), dict(flatten(current))
    return [
        f"{key}: {_shown(old.get(key, MISSING))} -> {_shown(new.get(key, MISSING))}"
        for key in dict.fromkeys([*old, *new])
        if old.get(key, MISSING) != new.get(key, MISSING)
    ]


def _shown(value: Any) -> str:
    if value is MISSING:
        return "(none)"
    return "null" if value is None else str(value)
