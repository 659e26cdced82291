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
from pipeline.files.version import installed
from pipeline.stages.artifacts import read_json, write_json

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from features.schema import TransactionSchema
    from pipeline.stages.context import StageContext

FOLDER = "evidence"
ROWS, EPOCHS, INPUTS, RUN = "rows.parquet", "epochs.csv", "inputs.json", "run.json"
# Where and how fast a run was made, and how its model is watched, says nothing about the model.
PARAMS_LEFT_OUT = {"device", "monitor", "retrain", "tracking"}
N_QUANTILES = 101


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
        `data`, `split`, `params`, `metrics`, `fidelity` (None without synthetic frauds),
        `chosen`, `versions`.
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
    if not data.get("time") or not data["time"]["n_days"]:
        return None
    n_labelled = data["n_rows"] - data.get("n_unlabelled", 0)
    # Rows of unknown label are taken to hold as many frauds as the others.
    n_frauds = data["n_frauds"] * data["n_rows"] / n_labelled
    n = n_frauds / prevalence if prevalence else data["n_rows"]
    return float(n / data["time"]["n_days"])


def write_evidence(
    folder: Path,
    context: StageContext,
    predictions: pd.DataFrame,
    schema: TransactionSchema,
    metrics: Mapping[str, Any],
) -> None:
    """Write the folder `evidence` of a model that is being packaged.

    Parameters
    ----------
    folder : Path
        Does not exist yet.
    context : StageContext
        Of the stage `evaluate`.
    predictions : DataFrame
        `row_id`, `part`, `label` and `score` of the validation and test rows.
    schema : TransactionSchema
        Names the inputs, the time and the amount.
    metrics : mapping
        Content of metrics.json.
    """
    folder.mkdir(parents=True)
    artifacts = context.artifacts
    _rows(context, predictions, schema).to_parquet(folder / ROWS, index=False)
    _epochs(artifacts.folder("sgan")).to_csv(folder / EPOCHS, index=False)
    write_json(_inputs(context, schema), folder / INPUTS)
    fidelity = artifacts.folder("augment") / "fidelity.json"
    params = context.params.model_dump(mode="json")
    run = {
        "data": artifacts.data_summary(),
        "split": read_json(artifacts.folder("split") / "split.json"),
        "params": {name: params[name] for name in params if name not in PARAMS_LEFT_OUT},
        "metrics": dict(metrics),
        "fidelity": read_json(fidelity) if fidelity.exists() else None,
        "chosen": read_json(artifacts.folder("sgan") / "chosen.json"),
        "versions": installed(context.root),
    }
    write_json(run, folder / RUN)


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
            f"{model} holds no evidence: it was packaged by an earlier version of Counterfoil; "
            "run the stage evaluate again (compare can also rescore all models with --on DATA)"
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


def _rows(
    context: StageContext, predictions: pd.DataFrame, schema: TransactionSchema
) -> pd.DataFrame:
    rows = predictions[["row_id", "part", "label", "score"]].reset_index(drop=True)
    sources = {"time": schema.time, "amount": schema.amount}
    named = {name: column for name, column in sources.items() if column}
    if not named:
        return rows
    table = context.artifacts.transactions(list(named.values()))
    found = table.iloc[rows["row_id"].to_numpy()].reset_index(drop=True)
    return rows.assign(**{name: found[column] for name, column in named.items()})


def _epochs(sgan: Path) -> pd.DataFrame:
    import pandas as pd

    ensemble = pd.read_csv(sgan / "ensemble.csv")
    members = pd.read_csv(sgan / "f1_by_epoch.csv")
    return ensemble.merge(members[["epoch", "mean", "low", "high"]], on="epoch", how="left")


def _inputs(context: StageContext, schema: TransactionSchema) -> dict[str, Any]:
    from features.splitting import TRAINING

    is_training = (context.artifacts.split()["part"] == TRAINING).to_numpy()
    described = {}
    for name in schema.inputs:
        column = context.artifacts.transactions([name]).loc[is_training, name]
        described[name] = (
            {"counts": {str(key): int(n) for key, n in column.value_counts().sort_index().items()}}
            if name in schema.categorical
            else {"quantiles": _quantiles(column.to_numpy())}
        )
    return described


def _quantiles(values: np.ndarray) -> list[float]:
    import numpy as np

    return [float(q) for q in np.quantile(values, np.linspace(0, 1, N_QUANTILES))]
