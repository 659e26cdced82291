"""Draws the latent spaces of a model: the command's work, from names to a page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import naming_the_file, write_json, write_text
from pipeline.terminal import native_messages_held_back

if TYPE_CHECKING:
    from pipeline.latent.pictures import Picture
    from pipeline.latent.rows import LatentRows
    from pipeline.latent.walks import Draws
    from pipeline.model.evidence import Evidence
    from pipeline.model.folder import FraudModel

logger = logging.getLogger(__name__)

PAGE_BYTES = 15_000_000  # beyond it browsers and mail become slow


@dataclass(frozen=True)
class LatentRequest:
    """What the command was asked for.

    Attributes
    ----------
    model : str
        See `pipeline.tracking.names.packaged_model`.
    data : Path or None
        Transactions; by default those of the project that the model lies in.
    paths : tuple of (int, int)
        Pairs of rows, counted from 0, between which paths are walked; an example without any.
    max_rows : int
        Pictured rows, at most.
    perplexity : float
        Of t-SNE.
    min_cluster_size : int or None
        Rows; see `evaluation.clusters.smallest_cluster`.
    seed : int
        Of pictures and draws.
    html, json : Path or None
        Where the page and the JSON file go.
    experiment : str or None
        Of MLflow, to which page and figures are logged as a run.
    """

    model: str
    data: Path | None = None
    paths: tuple[tuple[int, int], ...] = ()
    max_rows: int = 50_000
    perplexity: float = 30.0
    min_cluster_size: int | None = None
    seed: int = 0
    html: Path | None = None
    json: Path | None = None
    experiment: str | None = None


def latent(
    request: LatentRequest, root: Path, show: Callable[[dict[str, Any]], None] | None = None
) -> dict[str, Any]:
    """Return the content of the pictures, and write the files that were asked for.

    Parameters
    ----------
    request : LatentRequest
        What is drawn, and what is written.
    root : Path
        Of the project.
    show : callable, optional
        Given the content before it is logged: a server that cannot be reached costs no result.

    Raises
    ------
    UsageError
        If the request cannot be met as it is.
    InputError
        If the model or the rows cannot be used, nothing is written then, or if a file cannot be
        written.
    CounterfoilError
        If t-SNE is not installed.
    """
    _check(request)
    from pipeline.latent.content import content_of, describe_pictures
    from pipeline.latent.pictures import check_library, encoders_of, make_pictures

    check_library()
    with native_messages_held_back():
        model, rows = _read(request, root)
        logger.info("drawing %d transactions of %s", len(rows.row_id), rows.name)
        pictures = make_pictures(
            rows, encoders_of(model), perplexity=request.perplexity,
            min_cluster_size=request.min_cluster_size, seed=request.seed,
        )  # fmt: skip
        paths, draws, summary = _decode(request, model, rows, pictures)
    described = describe_pictures(pictures, rows, seed=request.seed)
    content = content_of(request.model, model, rows, described, paths, summary)
    html = _write(request, content, (model, rows, pictures, draws))
    if show is not None:
        show(content)
    if request.experiment is not None:
        from pipeline.tracking.reports import log_latent_pictures

        run_id = log_latent_pictures(html, content, request.experiment, root)
        logger.info("the page is an artifact of the MLflow run %s", run_id)
    return content


def _check(request: LatentRequest) -> None:
    if request.html is not None and request.html == request.json:
        raise UsageError(f"--html and --json both name {request.html}; give two files")
    for out in (request.html, request.json):
        if out is not None and not out.parent.is_dir():
            raise InputError(f"the folder {out.parent} does not exist; make it first")
    for a, b in request.paths:
        if a == b:
            raise UsageError(f"--path {a}:{b} names one row twice; give two")


def _read(request: LatentRequest, root: Path) -> tuple[FraudModel, LatentRows]:
    from pipeline.latent.rows import data_beside, read_rows
    from pipeline.tracking.names import packaged_model
    from pipeline.tracking.opening import open_model

    with packaged_model(request.model, root) as folder:
        data = request.data or data_beside(folder)
        model = open_model(str(folder), root)
        evidence = _evidence(folder)
    kept = sorted({row for pair in request.paths for row in pair})
    return model, read_rows(data, model, evidence, max_rows=request.max_rows, kept=kept)


def _evidence(folder: Path) -> Evidence | None:
    from pipeline.model.evidence import FOLDER, read_evidence

    return read_evidence(folder) if (folder / FOLDER).is_dir() else None


def _decode(
    request: LatentRequest, model: FraudModel, rows: LatentRows, pictures: list[Picture]
) -> tuple[list[dict[str, Any]], Draws | None, dict[str, Any] | None]:
    from pipeline.latent.walks import draw_frauds, draws_summary, example_pair, walk

    pairs = [(rows.position(a), rows.position(b)) for a, b in request.paths]
    # One example for all pictures, so that their paths compare.
    pairs = pairs or [example_pair(rows, pictures[-1])]
    paths = [walk(rows, picture, model, pair) for pair in pairs for picture in pictures]
    vae = next((picture for picture in pictures if picture.encoder == "vae"), None)
    if vae is None:
        return paths, None, None
    draws = draw_frauds(rows, vae, model, seed=request.seed)
    return paths, draws, draws_summary(rows, draws, model)


def _write(
    request: LatentRequest,
    content: dict[str, Any],
    parts: tuple[FraudModel, LatentRows, list[Picture], Draws | None],
) -> str:
    """Write the files that were asked for; return the page, empty where nobody needs it."""
    html = ""
    if request.html is not None or request.experiment is not None:
        from pipeline.latent.page import page

        html = page(content, *parts)
        if len(html) > PAGE_BYTES:
            logger.warning(
                "the page has %.1f MB; --max-rows makes it smaller", len(html) / 1_000_000
            )
    if request.html is not None:
        with naming_the_file(request.html):
            write_text(html, request.html)
        logger.info("the page is in %s (%.1f MB)", request.html, len(html) / 1_000_000)
    if request.json is not None:
        with naming_the_file(request.json):
            write_json(content, request.json)
        logger.info("all figures are in %s", request.json)
    return html
