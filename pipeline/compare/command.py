"""Compares models: the command's work, from names to a table, a JSON file and a page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import naming_the_file, write_json, write_text
from pipeline.terminal import native_messages_held_back

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CompareRequest:
    """What the command was asked for.

    Attributes
    ----------
    names : tuple of str
        Two or more models, see `pipeline.tracking.names.packaged_model`.
    on : Path or None
        A labelled table to score with every model, instead of their own test rows.
    data : Path or None
        The checked data, for results by its columns.
    by : tuple of str
        Columns.
    reasons : bool
        Whether the reasons of alerts are given.
    alerts_per_day, alerts_per_thousand, cost_per_false_alarm, cost_per_missed_unit
        The setting of `pipeline.compare.exploring.Setting`; a unit missed costs 1 by default.
    html, json : Path or None
        Where the page and the JSON file go.
    experiment : str or None
        Of MLflow, to which page and figures are logged as a run.
    n_resamples, seed : int
        Of the bootstrap.
    """

    names: tuple[str, ...]
    on: Path | None = None
    data: Path | None = None
    by: tuple[str, ...] = ()
    reasons: bool = False
    alerts_per_day: float | None = None
    alerts_per_thousand: float | None = None
    cost_per_false_alarm: float | None = None
    cost_per_missed_unit: float | None = None
    html: Path | None = None
    json: Path | None = None
    experiment: str | None = None
    n_resamples: int = 1000
    seed: int = 0


def compare(
    request: CompareRequest, root: Path, show: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Return the content of a comparison, and write the files that were asked for.

    Parameters
    ----------
    request : CompareRequest
        What is compared, and what is written.
    root : Path
        Of the project.
    show : callable, optional
        Given the content before it is logged: a server that cannot be reached costs no result.

    Raises
    ------
    UsageError
        If the request cannot be met as it is.
    InputError
        If a model or the rows cannot be used, nothing is written then, or if a file cannot be
        written.
    """
    _check(request)
    from pipeline.compare.candidates import read_candidates
    from pipeline.compare.content import Options, compute
    from pipeline.compare.exploring import Setting, check_setting
    from pipeline.compare.shared_rows import own_test_rows, rescored_rows

    with native_messages_held_back():
        candidates = read_candidates(
            request.names, root, to_rescore=request.on is not None, to_explain=request.reasons
        )
        if request.on is not None:
            rows = rescored_rows(candidates, request.on)
        else:
            rows = own_test_rows(candidates, request.data)
    setting = Setting(
        request.alerts_per_day,
        request.alerts_per_thousand,
        request.cost_per_false_alarm,
        1.0 if request.cost_per_missed_unit is None else request.cost_per_missed_unit,
    )
    check_setting(setting, candidates, rows)
    options = Options(setting, request.by, request.reasons, request.n_resamples, request.seed)
    content = compute(candidates, rows, options)
    html = ""
    if request.html is not None or request.experiment is not None:
        from pipeline.compare.page import page

        html = page(content, candidates, rows)
    if request.html is not None:
        with naming_the_file(request.html):
            write_text(html, request.html)
        logger.info("the report is in %s", request.html)
    if request.json is not None:
        with naming_the_file(request.json):
            write_json(content, request.json)
        logger.info("all figures are in %s", request.json)
    if show is not None:
        show(content)
    if request.experiment is not None:
        from pipeline.tracking.reports import log_report

        run_id = log_report(html, content, request.experiment, root)
        logger.info("the report is an artifact of the MLflow run %s", run_id)
    return content


def _check(request: CompareRequest) -> None:
    given = [
        request.alerts_per_day is not None,
        request.alerts_per_thousand is not None,
        request.cost_per_false_alarm is not None,
    ]
    if sum(given) > 1:
        raise UsageError(
            "--alerts-per-day, --alerts-per-thousand and --cost-per-false-alarm exclude each "
            "other; give one"
        )
    if request.cost_per_missed_unit is not None and request.cost_per_false_alarm is None:
        raise UsageError("--cost-per-missed-unit needs --cost-per-false-alarm")
    if request.html is not None and request.html == request.json:
        raise UsageError(f"--html and --json both name {request.html}; give two files")
    if request.on is not None and request.data is not None:
        raise UsageError("--on scores another table; --data is for the models' own test rows")
    for out in (request.html, request.json):
        if out is not None and not out.parent.is_dir():
            raise InputError(f"the folder {out.parent} does not exist; make it first")
