"""The commands `card` and `approve`: shows the model card of any model, and approves one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.card.approvals import add_approval, approval
from pipeline.errors import UsageError
from pipeline.files.atomic import naming_the_file, write_text
from pipeline.model.card.card import card_of
from pipeline.model.card.files import FORMATS, render
from pipeline.model.folder import read_manifest
from pipeline.tracking.names import TrackedModel, packaged_folder, pinned_model


def card(
    model: str, *, format: str | None = None, out: Path | None = None, root: Path | None = None
) -> str:
    """Return the model card of a model as it is now; write it if `out` is given.

    Parameters
    ----------
    model : str
        What `pipeline.tracking.names.packaged_model` takes.
    format : {"md", "html", "json"}, optional
        By default what the suffix of `out` says, or Markdown.
    out : Path, optional
        Replaced in one step.
    root : Path, optional
        The project's folder, by default the current one.

    Raises
    ------
    InputError
        If there is no such model, it was changed, it carries no evidence, or `out` cannot be
        written.
    UsageError
        If `out` has another suffix and no format is given, or it lies in no folder.
    """
    chosen = format or _format_of(out)
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"--out {out}: the folder {out.parent} does not exist; make it first")
    root = root or Path.cwd()
    found = pinned_model(model, root)
    with packaged_folder(found) as folder:
        content = card_of(folder, _facts(found))
    text = render(content, chosen)
    if out is not None:
        with naming_the_file(out):
            write_text(text, out)
    return text


def approve(
    model: str, by: str, what: str, note: str | None = None, root: Path | None = None
) -> str:
    """Approve a model for a use and return a sentence that says what was approved.

    In a folder the approval goes to model.json; of a registered version it becomes a tag.

    Parameters
    ----------
    model : str
        A folder, ``NAME@ALIAS`` or ``models:/NAME/VERSION``.
    by, what : str
        Who approves, and for what use.
    note : str, optional
        Conditions or reasons.
    root : Path, optional
        The project's folder, by default the current one.

    Raises
    ------
    InputError
        If there is no such model, or it was changed.
    UsageError
        If nobody or nothing is named.
    """
    root = root or Path.cwd()
    # The version that is looked at is the one that is approved, wherever its alias moves.
    found = pinned_model(model, root)
    with packaged_folder(found) as folder:
        if isinstance(found, Path):
            new = add_approval(folder, by, what, note)
            place = str(folder)
        else:
            from pipeline.tracking.card import tag_approval

            new = approval(read_manifest(folder), by, what, note)
            place = tag_approval(found.name, new, found.server)
    return f"{new['by']} approved {place} for {new['for']} (state {new['approved_sha256']})"


def _facts(found: Path | TrackedModel) -> dict[str, Any] | None:
    if isinstance(found, Path):
        return None
    from pipeline.tracking.card import mlflow_facts

    return mlflow_facts(found.name, found.server)


def _format_of(out: Path | None) -> str:
    suffix = FORMATS[0] if out is None else out.suffix.lstrip(".")
    if suffix not in FORMATS:
        raise UsageError(
            f"--out {out}: expected a name that ends in {', '.join('.' + f for f in FORMATS)}, or "
            "--format"
        )
    return suffix
