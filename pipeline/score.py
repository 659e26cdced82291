"""Scores a file of raw transactions with a packaged model."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.artifacts import atomic_path
from pipeline.errors import InputError
from pipeline.model_folder import FraudModel, load, read_manifest
from pipeline.model_names import packaged_model
from pipeline.reasons import explain, model_baseline
from pipeline.tables import SUFFIXES, read_transactions
from pipeline.terminal import native_messages_held_back

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

ROW_NUMBER = "row"


@dataclass(frozen=True)
class ScoredFile:
    """What `score` did.

    Attributes
    ----------
    n_rows, n_alerts : int
        Transactions, and those with decision 1.
    threshold : float
        Of the model.
    """

    n_rows: int
    n_alerts: int
    threshold: float


def score(
    model: str, input: Path, out: Path, root: Path | None = None, *, reasons: bool = False
) -> ScoredFile:
    """Write the score and the decision of every transaction of a file.

    Parameters
    ----------
    model : str
        What `pipeline.model_names.packaged_model` takes: a folder, a run, an alias, a model URI.
    input : Path
        CSV or Parquet with the columns of the training data; the label is not needed.
    out : Path
        CSV or Parquet by its suffix. It gets the columns that are no inputs of the model (time,
        label, keys; of a CSV file as they were written), or else the row number from 1, then
        `score` and `decision`, in the order of the input. Written in one step.
    root : Path, optional
        The project's folder, whose mlflow.db is asked for a run id unless MLFLOW_TRACKING_URI
        is set; by default the current one.

    Raises
    ------
    InputError
        If the model or the input cannot be used, or `out` is the input; `out` is untouched then.
    """
    _check_out(out, input)
    fraud_model = open_model(model, root or Path.cwd())
    if reasons:
        model_baseline(fraud_model)  # before a large table is read and scored in vain
    transactions = read_transactions(input)
    try:
        result = fraud_model.predict(transactions)
    except InputError as error:
        raise InputError(f"{input}: {error}") from error
    if reasons:
        is_alert = result["decision"] == 1
        explained = explain(fraud_model, transactions[is_alert])
        result = result.join(explained)
    keys = _keys(transactions, fraud_model, input, list(result.columns))
    _write(keys.join(result), out)
    scored = ScoredFile(len(result), int(result["decision"].sum()), fraud_model.threshold)
    logger.info(
        "scored %d transactions, %d alerts at threshold %.4g: %s",
        scored.n_rows,
        scored.n_alerts,
        scored.threshold,
        out,
    )
    return scored


def open_model(name: str, root: Path) -> FraudModel:
    """Load a packaged model, and choose the device it runs on.

    Parameters, errors: as of `pipeline.model_names.packaged_model`.
    """
    with packaged_model(name, root) as folder:
        return _load(folder)


def _load(folder: Path) -> FraudModel:
    """Load a packaged model; TensorFlow starts only for one that is whole."""
    read_manifest(folder)
    _choose_device()
    return load(folder)


def _choose_device() -> None:
    """Take a GPU where there is one, but only the memory of it that scoring needs."""
    with native_messages_held_back():
        from models import devices

        try:
            device = devices.configure("auto", deterministic=True)
        except devices.DeviceError as error:
            # This process has used TensorFlow before; that device does as well.
            device = f"as it was ({error})"
    logger.debug("device: %s", device)


def _check_out(out: Path, input: Path) -> None:
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"{out}: expected a name that ends in .csv or .parquet")
    if not out.parent.is_dir():
        raise InputError(f"the folder {out.parent} does not exist; make it first")
    if out.exists() and input.exists() and out.samefile(input):
        raise InputError(f"{out} is the input itself, which would be lost; give --out another name")


def _keys(
    transactions: pd.DataFrame, model: FraudModel, path: Path, results: list[str]
) -> pd.DataFrame:
    """Return the columns that the model does not use; those of a CSV file as written."""
    import pandas as pd

    names = [name for name in transactions.columns if name not in model.schema.inputs]
    taken = [name for name in results if name in names]
    if taken:
        raise InputError(
            f"{path} has a column {' and '.join(taken)} already; rename it: the result is "
            "written under that name"
        )
    if not names:
        return pd.DataFrame({ROW_NUMBER: range(1, len(transactions) + 1)})
    keys = transactions[names]
    if path.suffix.lower() == ".csv":
        # Read as text, 007 stays 007; time and label are numbers by their meaning.
        texts = pd.read_csv(
            path, usecols=names, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
        meanings = (model.schema.time, model.schema.label)
        keys = keys.assign(**{name: texts[name] for name in names if name not in meanings})
    return keys


def _write(table: pd.DataFrame, out: Path) -> None:
    with atomic_path(out) as fresh:
        if out.suffix.lower() == ".parquet":
            table.to_parquet(fresh, index=False)
        else:
            table.to_csv(fresh, index=False, lineterminator="\n")
