"""Shows or changes the threshold of a packaged model, without training it again."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.errors import InputError
from pipeline.files.atomic import read_json, write_json
from pipeline.files.locks import alone_in
from pipeline.model.card.files import CARD_FOLDER, store_card
from pipeline.model.evidence import FOLDER, Evidence, read_evidence
from pipeline.model.folder import MANIFEST, read_manifest
from pipeline.model.threshold_history import changed, is_new, present_rule
from pipeline.model.threshold_rule import ThresholdRule
from pipeline.threshold.figures import Figures, figures_of
from pipeline.tracking.facts import user_name
from pipeline.tracking.names import TrackedModel, pinned_model

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ThresholdRequest:
    """What is asked for.

    Attributes
    ----------
    model : str
        What `pipeline.tracking.names.packaged_model` takes: a folder, a run, an alias, a model URI.
    rule : ThresholdRule or None
        The new rule; None shows the present threshold.
    transactions_per_day : float or None
        Instead of that of the model's evidence.
    reason : str or None
        Kept in the history.
    out : Path or None
        Where to write a changed copy instead of changing the model.
    dry_run : bool
        Change nothing.
    """

    model: str
    rule: ThresholdRule | None = None
    transactions_per_day: float | None = None
    reason: str | None = None
    out: Path | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class ThresholdReport:
    """What was found and done.

    Attributes
    ----------
    model : str
        As it was named.
    before, after : mapping
        Content of model.json; `after` is None where nothing is to change.
    figures : dict of str to list of Figures
        By part ("validation", "test"), at the old threshold and, if there is one, the new one;
        empty for a model without evidence.
    written : str or None
        Where the changed model is: a folder or a model URI. None: nowhere.
    notes : tuple of str
        What to know about it.
    """

    model: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None
    figures: Mapping[str, list[Figures]]
    written: str | None = None
    notes: tuple[str, ...] = ()


def change_threshold(request: ThresholdRequest, root: Path | None = None) -> ThresholdReport:
    """Choose another threshold on the validation rows that the model carries, and store it.

    Parameters
    ----------
    request : ThresholdRequest
        **Fitted on:** the model's validation rows; its test rows are judged, not used.
    root : Path, optional
        The project's folder, whose mlflow.db is asked for a run unless MLFLOW_TRACKING_URI is
        set; by default the current one.

    Raises
    ------
    InputError
        If there is no such model, it carries no rows to choose on, or no threshold fulfils the
        rule; nothing is changed then.
    """
    if request.out is not None:
        _check_out(request.out)
    found = pinned_model(request.model, root or Path.cwd())
    with TemporaryDirectory() as scratch:
        folder = found if isinstance(found, Path) else found.download(Path(scratch))
        manifest = read_manifest(folder)
        evidence = _read_evidence(folder, request)
        chosen = _choose(request, evidence)
        thresholds = [float(manifest["threshold"]["value"])]
        after = None
        if chosen is not None:
            rule, value = chosen
            thresholds.append(value)
            if is_new(manifest, rule, value):
                after = changed(manifest, rule, value, _now(), user_name(), request.reason)
        figures = figures_of(
            evidence, thresholds, chosen[0] if chosen else present_rule(manifest),
            request.transactions_per_day,
        )  # fmt: skip
        written: str | None = None
        notes: tuple[str, ...] = ()
        if after is not None and not request.dry_run:
            written, notes = _store(after, manifest, folder, found, request)
    return ThresholdReport(request.model, manifest, after, figures, written, notes)


def _choose(
    request: ThresholdRequest, evidence: Evidence | None
) -> tuple[ThresholdRule, float] | None:
    """Return the completed rule and the threshold that it gives, if one is asked for."""
    if request.rule is None:
        return None
    if evidence is None:
        return request.rule, request.rule.values["value"]
    per_day = request.transactions_per_day or evidence.transactions_per_day
    rule = request.rule.with_day(per_day)
    rows = evidence.weighted_part("validation")
    try:
        value = rule.choose(rows.label, rows.score, weight=rows.weight, amount=rows.amount)
    except ValueError as error:
        raise InputError(f"{request.model}: {rule}: {error}") from error
    return rule, value


def _read_evidence(folder: Path, request: ThresholdRequest) -> Evidence | None:
    """Return the evidence, or None where there is none and none is needed."""
    if (folder / FOLDER).is_dir():
        return read_evidence(folder)
    if request.rule is None or request.rule.name == "value":
        return None
    raise InputError(
        f"{request.model} was packaged without evidence, so it has no validation rows to choose a "
        "threshold on: run the stage evaluate again, or set the threshold with --value"
    )


def _store(
    manifest: dict[str, Any],
    before: Mapping[str, Any],
    folder: Path,
    found: Path | TrackedModel,
    request: ThresholdRequest,
) -> tuple[str, tuple[str, ...]]:
    """Write the changed model; return where it is and what to know about it."""
    if request.out is not None:
        with _cannot_write(request.out), _new_folder(request.out, folder) as fresh:
            _write_with_card(manifest, fresh)
        return str(request.out), ()
    if isinstance(found, Path):
        _refuse_mlflow_folder(folder, request.model)
        with _cannot_write(folder), alone_in(folder):
            _refuse_meanwhile_changed(folder, before)
            write_json(manifest, folder / MANIFEST)
        logger.info("changed the threshold in %s", folder / MANIFEST)
        return str(folder), (*_note_of_card(folder, request.model), *_note_of_project(folder))
    from pipeline.tracking.threshold import log_changed_model

    version = log_changed_model(folder, _write_with_card(manifest, folder), found)
    return version.uri, version.notes


def _refuse_meanwhile_changed(folder: Path, before: Mapping[str, Any]) -> None:
    """Refuse to write over what another command, such as an approval, has added."""
    if read_manifest(folder) != before:
        raise InputError(
            f"{folder / MANIFEST} was changed by another command in the meantime; nothing was "
            "written, repeat the command"
        )


def _write_with_card(manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write the manifest into a folder that nobody reads yet, and the card anew if it has one."""
    write_json(manifest, folder / MANIFEST)
    if (folder / CARD_FOLDER).is_dir():
        store_card(folder)
    return read_json(folder / MANIFEST)


def _note_of_card(folder: Path, name: str) -> tuple[str, ...]:
    """Say that the card beside a model that was changed in place is of the threshold before.

    Two files cannot be replaced in one step, and model.json is the one that decides.
    """
    if not (folder / CARD_FOLDER).is_dir():
        return ()
    return (
        f"The files in {CARD_FOLDER}/ are of the threshold before; `counterfoil card {name}` gives "
        "the present card.",
    )


def _refuse_mlflow_folder(folder: Path, name: str) -> None:
    """Leave the files of an MLflow model alone: they may be those of a registered version."""
    if (folder.resolve().parents[1] / "MLmodel").is_file():
        raise InputError(
            f"{name} holds the files of an MLflow model, which may be a registered version; name "
            "the model by its run or URI to register a new version, or give --out"
        )


def _note_of_project(folder: Path) -> tuple[str, ...]:
    """Warn of the next run, which would package the model again."""
    if folder.resolve().parts[-3:] != ("artifacts", "evaluate", "model"):
        return ()
    return (
        "The next run of the stage evaluate packages the model with the threshold of params.yaml; "
        "change evaluate.threshold there as well, or keep a copy with --out.",
    )


@contextmanager
def _cannot_write(folder: Path) -> Iterator[None]:
    """Say what a folder that cannot be written means."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error}); nothing was changed") from error


@contextmanager
def _new_folder(out: Path, source: Path) -> Iterator[Path]:
    """Yield a copy of a folder that gets its name when the block succeeds."""
    if out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"--out {out} lies inside the model; give a folder elsewhere")
    fresh = out.with_name(f".{out.name}.{os.getpid()}.new")
    try:
        shutil.copytree(source, fresh)
        yield fresh
        fresh.rename(out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _check_out(out: Path) -> None:
    if out.exists():
        raise InputError(f"--out {out} exists already; give the name of a new folder")
    if not out.resolve().parent.is_dir():
        raise InputError(f"the folder {out.parent} does not exist; make it first")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
