"""What a packaged model carries to be compared: scored rows, F1 per epoch, inputs, parameters.

::

    evidence/
      rows.parquet   validation and test rows: row_id, part, label, score, time, amount
      epochs.csv     figures on validation rows by epoch, of the ensemble and over members
      inputs.json    the distribution of each input among training rows
      run.json       data, parameters, figures on test rows, fidelity of the synthetic frauds

No input of a transaction but its time and amount is in there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.files.atomic import read_json

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SGAN = "sgan"  # the name of the classifier among the figures of itself and its challengers
FOLDER = "evidence"
ROWS, EPOCHS, INPUTS, RUN = "rows.parquet", "epochs.csv", "inputs.json", "run.json"


@dataclass(frozen=True)
class WeightedRows:
    """Scored rows of one part; `weight` is the transactions that each stands for."""

    label: np.ndarray
    score: np.ndarray
    weight: np.ndarray
    amount: np.ndarray | None


@dataclass(frozen=True)
class Evidence:
    """The evidence of one packaged model.

    Attributes
    ----------
    rows : DataFrame
        Validation and test rows: `row_id` (position in the data, by time), `part`, `label`,
        `score` (calibrated), and `time` and `amount` where the data have them.
    epochs : DataFrame
        `epoch`, `validation_f1` and `validation_average_precision` of the ensemble, and the
        `mean`, `low` and `high` of F1 over the members.
    inputs : mapping
        By column ``{"quantiles": [...]}`` (101 of them) or ``{"counts": {category: rows}}``.
    run : mapping
        `data`, `split`, `params`, `metrics`, `fidelity`, `chosen`, `versions`.
    """

    rows: pd.DataFrame
    epochs: pd.DataFrame
    inputs: Mapping[str, Any]
    run: Mapping[str, Any]

    @property
    def prevalence(self) -> float | None:
        """Fraud rate at which the run's figures hold; None: that of its rows."""
        found: float | None = self.run["params"]["evaluate"]["prevalence"]
        return found

    @property
    def transactions_per_day(self) -> float | None:
        """Transactions of a day at that fraud rate; None for data without time."""
        return transactions_per_day(self.run["data"], self.prevalence)

    def part(self, name: str) -> pd.DataFrame:
        """Return the rows of "validation" or "test"."""
        return self.rows[self.rows["part"] == name].reset_index(drop=True)

    def weighted_part(self, name: str) -> WeightedRows:
        """Return the rows of "validation" or "test" as arrays, weighted to `prevalence`."""
        from evaluation.metrics import prevalence_weights

        rows = self.part(name)
        label = rows["label"].to_numpy()
        return WeightedRows(
            label=label,
            score=rows["score"].to_numpy(),
            weight=prevalence_weights(label, self.prevalence),
            amount=rows["amount"].to_numpy() if "amount" in rows else None,
        )


def transactions_per_day(data: Mapping[str, Any], prevalence: float | None) -> float | None:
    """Return the transactions of a day at a fraud rate; None for data without time.

    All rows over all days, whatever share of them a part holds: a genuine row stands for as many
    transactions as the prevalence asks for.

    Parameters
    ----------
    data : mapping
        Content of data.json.
    prevalence : float in (0, 1) or None
        Fraud rate; None is that of the rows.
    """
    if not data["time"] or not data["time"]["n_days"]:
        return None
    n_labelled = data["n_rows"] - data["n_unlabelled"]
    # Rows of unknown label are taken to hold as many frauds as the others.
    n_frauds = data["n_frauds"] * data["n_rows"] / n_labelled
    n = n_frauds / prevalence if prevalence else data["n_rows"]
    return float(n / data["time"]["n_days"])


def read_evidence(model: Path) -> Evidence:
    """Read the evidence of a packaged model.

    Parameters
    ----------
    model : Path
        The packaged model's folder, checked by `model_folder.read_manifest`.

    Raises
    ------
    InputError
        If the model was packaged without evidence, or it cannot be read.
    """
    import pandas as pd

    folder = model / FOLDER
    if not (folder / RUN).is_file():
        raise InputError(
            f"{model} was packaged without evidence: run the stage evaluate again (compare can "
            "also rescore all models with --on DATA)"
        )
    # pyarrow's errors are ValueErrors or OSErrors, those of JSON and CSV are ValueErrors.
    try:
        rows = pd.read_parquet(folder / ROWS)
        _check_rows(rows)
        return Evidence(
            rows=rows,
            epochs=pd.read_csv(folder / EPOCHS),
            inputs=read_json(folder / INPUTS),
            run=read_json(folder / RUN),
        )
    except (
        KeyError, NotImplementedError, OSError, RecursionError, TypeError, ValueError
    ) as error:  # fmt: skip
        reason = str(error).partition("\n")[0][:300]
        raise InputError(
            f"{folder} is damaged or was not written by Counterfoil ({reason}); copy the model "
            "again, or run the stage evaluate again"
        ) from error


def _check_rows(rows: pd.DataFrame) -> None:
    """Refuse a table that cannot be scored rows: other columns, types or ranges."""
    from pandas.api import types

    lacking = [name for name in ("row_id", "part", "label", "score") if name not in rows]
    if lacking:
        raise ValueError(f"{ROWS} lacks {', '.join(lacking)}")
    texts = [name for name in rows if name != "part" and not types.is_numeric_dtype(rows[name])]
    if texts:
        raise ValueError(f"{ROWS}: {texts[0]} holds no numbers")
    if not (rows["score"].between(0, 1).all() and rows["label"].isin([0, 1]).all()):
        raise ValueError(f"{ROWS}: expected scores from 0 to 1 and labels 0 and 1")
