"""Monitors a model on new transactions: the command's work, from names to a report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.files.atomic import write_json, write_text
from pipeline.terminal import native_messages_held_back

if TYPE_CHECKING:
    from pipeline.params.sections import MonitorParams

logger = logging.getLogger(__name__)

REGISTERED = "counterfoil"
ALIASES = ("champion", "challenger")


@dataclass(frozen=True)
class MonitorRequest:
    """What the command was asked for.

    Attributes
    ----------
    data : Path
        New transactions: a file, or a folder of them.
    model : str
        See `pipeline.tracking.names.packaged_model`; the aliases champion and challenger alone are
        those of the registered model counterfoil.
    params : MonitorParams
        Limits, resamples and seed.
    reference : Path or None
        Old rows: artifacts/ingest/transactions.parquet of the model's run.
    html, json : Path or None
        Where the page and the JSON file go.
    """

    data: Path
    model: str
    params: MonitorParams
    reference: Path | None = None
    html: Path | None = None
    json: Path | None = None


def monitor(request: MonitorRequest, root: Path) -> dict[str, Any]:
    """Return the content of a report, and write the files that were asked for.

    Raises
    ------
    InputError
        If the model or the rows cannot be used; nothing is written then.
    """
    for out in (request.html, request.json):
        if out is not None and not out.parent.is_dir():
            raise InputError(f"the folder {out.parent} does not exist; make it first")
    from pipeline.model.evidence import read_evidence
    from pipeline.monitor.content import compute
    from pipeline.score.delivery import read_delivery, read_reference
    from pipeline.tracking.names import packaged_model
    from pipeline.tracking.opening import open_model

    name = _full_name(request.model)
    with native_messages_held_back():
        with packaged_model(name, root) as folder:
            model = open_model(str(folder), root)
            evidence = read_evidence(folder)
        delivery = read_delivery(request.data, model)
        reference = None if request.reference is None else read_reference(request.reference, model)
    logger.info("scored %d new transactions of %s", len(delivery.score), request.data)
    content = compute(name, model, evidence, delivery, reference, request.params)
    if request.html is not None:
        from pipeline.monitor.page import page

        write_text(page(content), request.html)
        logger.info("the report is in %s", request.html)
    if request.json is not None:
        write_json(content, request.json)
        logger.info("all figures are in %s", request.json)
    return content


def _full_name(name: str) -> str:
    is_alias = name in ALIASES and not Path(name).is_dir()
    return f"{REGISTERED}@{name}" if is_alias else name
