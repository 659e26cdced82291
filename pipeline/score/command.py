"""Scores transactions, a file or a folder of them, with a packaged model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.files.categories import spell_booleans
from pipeline.files.chunk import Chunk
from pipeline.files.chunks import FILE, ROW, TableFile, key_names, open_tables, read_chunks
from pipeline.files.tables import SUFFIXES
from pipeline.model.folder import FraudModel, check_columns
from pipeline.model.reasons import explain, model_baseline, reason_columns
from pipeline.score.progress import progress_bar
from pipeline.score.writing import result_writer
from pipeline.tracking.opening import VersionedModel, open_version

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

logger = logging.getLogger(__name__)

RESULTS = ("score", "decision", "threshold", "model_version")


@dataclass(frozen=True)
class ScoredFile:
    """What `score` did.

    Attributes
    ----------
    n_rows, n_alerts : int
        Transactions, and those with decision 1.
    threshold : float
        Of the model.
    model_version : str
        As `open_version` says.
    """

    n_rows: int
    n_alerts: int
    threshold: float
    model_version: str


def score(
    model: str, input: Path, out: Path, root: Path | None = None, *, reasons: bool = False
) -> ScoredFile:
    """Write the score and the decision of every transaction, in memory that does not grow.

    Parameters
    ----------
    model : str
        What `pipeline.tracking.names.packaged_model` takes: a folder, a run, an alias, a model URI.
    input : Path
        CSV or Parquet with the columns of the training data, or a folder of such files; the label
        is not needed.
    out : Path
        CSV or Parquet by its suffix. It gets the columns that are no inputs of the model (time,
        label, keys; of a CSV file as they were written), or else the row number from 1 (and of a
        folder the file), then `score`, `decision`, `threshold` and `model_version`, in the order
        of the input. It appears when it is complete.
    root : Path, optional
        The project's folder, whose mlflow.db is asked for a run id unless MLFLOW_TRACKING_URI
        is set; by default the current one.

    Raises
    ------
    InputError
        If the model or the input cannot be used, or `out` is the input; `out` is untouched then.
    """
    _check_out(out, input)
    files = open_tables(input)
    versioned = open_version(model, root or Path.cwd())
    if reasons:
        model_baseline(versioned.model)  # before a large table is read and scored in vain
    _check_columns(files, versioned.model, reasons=reasons)
    scored = _score_files(files, versioned, out, reasons=reasons)
    logger.info(
        "scored %s transactions, %s alerts at threshold %.4g: %s",
        f"{scored.n_rows:,}",
        f"{scored.n_alerts:,}",
        scored.threshold,
        out,
    )
    return scored


def _check_out(out: Path, input: Path) -> None:
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"{out}: expected a name that ends in .csv or .parquet")
    if not out.parent.is_dir():
        raise InputError(f"the folder {out.parent} does not exist; make it first")
    if out.exists() and input.exists() and out.samefile(input):
        raise InputError(f"{out} is the input itself, which would be lost; give --out another name")
    if input.is_dir() and out.parent.samefile(input):
        raise InputError(
            f"{out} lies in the folder that is scored, and would be scored with it next time; "
            "write it to another folder"
        )


def _check_columns(files: Sequence[TableFile], model: FraudModel, *, reasons: bool) -> None:
    """Refuse inputs that are not there, and keys that have the name of a result."""
    for file in files:
        try:
            check_columns(file.names, model.schema.inputs)
        except InputError as error:
            raise InputError(f"{file.path}: {error}") from error
    keys = key_names(files, model.schema)
    results = [*RESULTS, *(name for names in reason_columns() if reasons for name in names)]
    taken = [name for name in results if name in keys]
    if taken:
        raise InputError(
            f"{files[0].path} has a column {' and '.join(taken)} already; rename it: the result "
            "is written under that name"
        )


def _score_files(
    files: Sequence[TableFile], versioned: VersionedModel, out: Path, *, reasons: bool
) -> ScoredFile:
    model = versioned.model
    keys = key_names(files, model.schema)
    sizes = {file.path: file.path.stat().st_size for file in files}
    n_rows = n_alerts = n_bytes_before = 0
    with (
        result_writer(out, files, keys, model.schema) as writer,
        progress_bar("scoring", sum(sizes.values())) as progress,
    ):
        for file in files:
            for chunk in read_chunks([file], model.schema):
                results = _score_chunk(chunk, versioned, reasons=reasons)
                n_rows += len(results)
                n_alerts += int(results["decision"].sum())
                writer.write(chunk, _keys(chunk, keys, len(files)), results)
                progress(n_bytes_before + chunk.n_bytes)
            n_bytes_before += sizes[file.path]
        if n_rows == 0:
            where = files[0].path if len(files) == 1 else files[0].path.parent
            raise InputError(f"{where} holds no transactions; expected at least one row")
    return ScoredFile(n_rows, n_alerts, model.threshold, versioned.version)


def _score_chunk(chunk: Chunk, versioned: VersionedModel, *, reasons: bool) -> pd.DataFrame:
    inputs = spell_booleans(chunk.inputs, versioned.model.scaler)
    try:
        results = versioned.model.predict(inputs, first_row=chunk.first_row)
    except InputError as error:
        raise InputError(f"{chunk.place}: {error}") from error
    results = results.assign(threshold=versioned.model.threshold, model_version=versioned.version)
    if reasons:
        is_alert = results["decision"] == 1
        found = explain(versioned.model, inputs[is_alert])
        results = results.join(found)
    return results


def _keys(chunk: Chunk, keys: Sequence[str], n_files: int) -> pa.Table:
    """Return the columns that the model does not use, or else where each row stands."""
    import pyarrow as pa

    if keys:
        return chunk.keys.select(list(keys))
    n_rows = len(chunk.inputs)
    rows = pa.array(range(chunk.first_row, chunk.first_row + n_rows))
    names = {FILE: pa.array([chunk.path.name] * n_rows)} if n_files > 1 else {}
    return pa.table({**names, ROW: rows})
