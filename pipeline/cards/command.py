"""The commands `card` and `approve`: shows the model card of any model, and approves one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.artifacts import naming_the_file, write_text
from pipeline.cards.approvals import add_approval, approval
from pipeline.cards.card import card_of
from pipeline.cards.files import FORMATS, render
from pipeline.errors import UsageError
from pipeline.model_folder import read_manifest
from pipeline.model_names import packaged_model


def card(
    model: str, *, format: str | None = None, out: Path | None = None, root: Path | None = None
) -> str:
    """Return the model card of a model as it is now; write it if `out` is given.

    Parameters
    ----------
    model : str
        What `pipeline.model_names.packaged_model` takes.
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
    with packaged_model(model, root) as folder:
        content = card_of(folder, _facts(model, root))
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
    with packaged_model(model, root) as folder:
        if Path(model).is_dir():
            new = add_approval(folder, by, what, note)
            place = str(folder)
        else:
            from pipeline.tracking_card import tag_approval
            from pipeline.tracking_server import tracking_uri

            new = approval(read_manifest(folder), by, what, note)
            place = tag_approval(model, new, tracking_uri(root))
    return f"{new['by']} approved {place} for {new['for']} (state {new['approved_sha256']})"


def _facts(model: str, root: Path) -> dict[str, Any] | None:
    if Path(model).is_dir():
        return None
    from pipeline.tracking_card import mlflow_facts
    from pipeline.tracking_server import tracking_uri

    return mlflow_facts(model, tracking_uri(root))


def _format_of(out: Path | None) -> str:
    suffix = FORMATS[0] if out is None else out.suffix.lstrip(".")
    if suffix not in FORMATS:
        raise UsageError(
            f"--out {out}: expected a name that ends in {', '.join('.' + f for f in FORMATS)}, or "
            "--format"
        )
    return suffix
