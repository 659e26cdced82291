"""Packages the judged model: scaler, classifier, threshold, evidence and card in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.baseline import typical_row
from features.schema import TransactionSchema
from features.splitting import TRAINING
from models.classifier import SGANClassifier
from pipeline.files.atomic import read_json, write_json
from pipeline.files.version import installed
from pipeline.model import folder as model_folder
from pipeline.model.card.files import store_card, write_card
from pipeline.model.evidence import EPOCHS, INPUTS, ROWS, RUN, SGAN
from pipeline.model.evidence import FOLDER as EVIDENCE
from pipeline.model.scaler import load_scaler
from pipeline.stages.context import StageContext
from pipeline.stages.judging import Judged

# Where and how fast a run was made, and how its model is watched, says nothing about the model.
PARAMS_LEFT_OUT = {"device", "monitor", "retrain", "tracking"}
N_QUANTILES = 101


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
    params = context.params.model_dump(mode="json")
    run = {
        "data": artifacts.data_summary(),
        "split": read_json(artifacts.folder("split") / "split.json"),
        "params": {name: params[name] for name in params if name not in PARAMS_LEFT_OUT},
        "metrics": dict(metrics),
        "fidelity": read_json(artifacts.folder("augment") / "fidelity.json"),
        "chosen": read_json(artifacts.folder("sgan") / "chosen.json"),
        "versions": installed(context.root),
    }
    write_json(run, folder / RUN)


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
    ensemble = pd.read_csv(sgan / "ensemble.csv")
    members = pd.read_csv(sgan / "f1_by_epoch.csv")
    return ensemble.merge(members[["epoch", "mean", "low", "high"]], on="epoch", how="left")


def _inputs(context: StageContext, schema: TransactionSchema) -> dict[str, Any]:
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
    return [float(q) for q in np.quantile(values, np.linspace(0, 1, N_QUANTILES))]


def package_model(
    context: StageContext,
    classifier: SGANClassifier,
    sgan: Judged,
    metrics: dict[str, Any],
    predictions: pd.DataFrame,
) -> None:
    """Write the packaged model with its evidence and card, and the card beside it.

    Parameters
    ----------
    context : StageContext
        Of the stage `evaluate`; the model goes into its output.
    classifier : SGANClassifier
        The classifier that was judged.
    sgan : Judged
        Its calibration, threshold and rule.
    metrics : dict
        Content of metrics.json.
    predictions : DataFrame
        `row_id`, `part`, `label` and `score` of the validation and test rows.
    """
    params = context.params.evaluate
    data = context.artifacts.data_summary()
    schema = TransactionSchema.from_dict(data["schema"])
    model_folder.save(
        context.output / "model",
        scaler_file=context.artifacts.folder("scale") / "scaler.skops",
        classifier=classifier,
        schema=schema,
        calibration=sgan.calibration,
        threshold=sgan.threshold,
        threshold_rule=sgan.rule.name,
        threshold_values=sgan.rule.values,
        trained_on={
            "data_sha256": data["sha256"],
            "n_rows": data["n_rows"],
            "n_frauds": data["n_frauds"],
            "prevalence": params.prevalence,
            "average_precision": metrics[SGAN]["average_precision"],
            "f1": metrics[SGAN]["f1"],
        },
        write_more=lambda folder: write_evidence(
            folder / EVIDENCE, context, predictions, schema, metrics
        ),
        baseline=_baseline(context, classifier, schema),
    )
    write_card(store_card(context.output / "model"), context.output)


def _baseline(
    context: StageContext, classifier: SGANClassifier, schema: TransactionSchema
) -> dict[str, Any]:
    """Return a made-up typical genuine transaction. **Fitted on:** labelled training rows."""
    inputs = list(schema.inputs)
    table = context.artifacts.transactions([*inputs, schema.label])
    split = context.artifacts.split()
    is_genuine = (split["part"] == TRAINING) & split["is_labelled"] & (table[schema.label] == 0)
    scaler = load_scaler(context.artifacts.folder("scale") / "scaler.skops")

    def log_odds(rows: pd.DataFrame) -> np.ndarray:
        scaled = np.asarray(scaler.transform(rows), dtype=np.float32)
        found: np.ndarray = classifier.decision_function(scaled)
        return found

    row = typical_row(
        table.loc[is_genuine, inputs],
        log_odds,
        categorical=schema.categorical,
        rng=np.random.default_rng(context.params.evaluate.seed),
    )
    return {str(name): value for name, value in row.to_dict("records")[0].items()}
