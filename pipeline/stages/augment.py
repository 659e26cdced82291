"""Stage `augment`: makes more frauds from the labelled training frauds and judges them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evaluation import plots
from evaluation.fidelity import fidelity_report, nearest_distances
from features.oversampling import make_sampler, resample_with_source
from features.schema import TransactionSchema
from features.splitting import TRAINING, VALIDATION
from models.encoders.training import TrainingDivergedError, TrainingSettings, repeat_rows, train
from models.encoders.vae import TabularVAE
from models.saving import load_model
from pipeline.errors import CounterfoilError, InputError
from pipeline.files.atomic import write_json
from pipeline.files.given_labels import read_given_labels
from pipeline.stages.artifacts import REAL, UNLABELLED
from pipeline.stages.context import StageContext, StageResult
from pipeline.stages.figures import save_figure
from pipeline.stages.training_labels import with_given_labels

if TYPE_CHECKING:
    from imblearn.base import BaseSampler

logger = logging.getLogger(__name__)


def augment(context: StageContext) -> StageResult:
    """Write training.parquet (inputs, label, source, row_id) and fidelity.json with pictures.

    `label` is -1 for training rows outside the label budget or of unknown label, unless people
    gave it (`augment.labels`); `row_id` is the real row itself, or
    the one that a synthetic row was made from (-1 where there is no single one).

    The VAE of the stage `vae` has learned from all training rows, and its prior knows no class;
    for `augment.generation: prior` one of the same shape learns from the frauds alone.

    **Fitted on:** labelled training rows. Validation frauds only serve as a yardstick of
    fidelity.
    """
    rows = context.artifacts.scaled()
    split = context.artifacts.split()
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    label, is_labelled, n_given = _labels(context, split, schema)
    is_training = (split["part"] == TRAINING).to_numpy()
    is_labelled &= is_training
    columns = context.artifacts.input_names()

    labelled = np.flatnonzero(is_labelled)
    table = _resample(context, rows[labelled], label[labelled], labelled, columns)
    unlabelled = np.flatnonzero(is_training & ~is_labelled)
    rest = _table(rows[unlabelled], columns, UNLABELLED, REAL, unlabelled)
    training = pd.concat([table, rest], ignore_index=True)
    training.to_parquet(context.output / "training.parquet", index=False)

    real = rows[is_labelled & (label == 1)]
    synthetic = training.loc[training["source"] != REAL, columns].to_numpy()
    holdout = rows[((split["part"] == VALIDATION) & (label == 1)).to_numpy()]
    report = fidelity_report(
        real, synthetic, columns, holdout=holdout, rng=_streams(context, 2)[1]
    )  # fmt: skip
    write_json(
        {"method": context.params.augment.method, **report}, context.output / "fidelity.json"
    )
    if len(synthetic):
        _draw(context, real, synthetic, report)
    return StageResult(
        n_rows=len(training),
        n_frauds=int((training["label"] == 1).sum()),
        metrics={
            "n_synthetic": float(len(synthetic)),
            **({"n_given_labels": float(n_given)} if n_given else {}),
            **_headline(report),
        },
    )


def _labels(
    context: StageContext, split: pd.DataFrame, schema: TransactionSchema
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the labels of all rows, which of them may be used, and how many people gave."""
    is_labelled = split["is_labelled"].to_numpy().copy()
    given = read_given_labels(context.root / context.params.augment.labels)
    if not given:
        label = context.artifacts.transactions([schema.label])[schema.label].to_numpy()
        return label, is_labelled, 0
    is_training = (split["part"] == TRAINING).to_numpy()
    table = context.artifacts.transactions()
    found = with_given_labels(table, schema, is_training, is_labelled, given)
    return found.label, found.is_labelled, found.n_given


def _resample(
    context: StageContext,
    X: np.ndarray,
    y: np.ndarray,
    row_ids: np.ndarray,
    columns: list[str],
) -> pd.DataFrame:
    params = context.params.augment
    n_frauds = int((y == 1).sum())
    wanted = int(params.sampling_strategy * (len(y) - n_frauds))
    method = params.method
    if method != "none" and wanted <= n_frauds:
        logger.warning(
            "augment.sampling_strategy=%g asks for %d frauds beside %d genuine rows, and the "
            "labelled training rows have %d already: no synthetic rows were made",
            params.sampling_strategy, wanted, len(y) - n_frauds, n_frauds,
        )  # fmt: skip
        method = "none"
    try:
        X_new, y_new, source, parent = resample_with_source(
            _sampler(context, method, X[y == 1]), method, X, y
        )  # fmt: skip
    except ValueError as error:
        raise InputError(f"augment.method={method}: {error}") from error
    except TrainingDivergedError as error:
        raise CounterfoilError(f"augment.method={method}: {error}") from error
    origin = np.where(parent >= 0, row_ids[np.maximum(parent, 0)], -1)
    return _table(X_new, columns, y_new, source, origin)


def _sampler(context: StageContext, method: str, frauds: np.ndarray) -> BaseSampler:
    params = context.params.augment
    vae = None
    if method == "vae":
        vae = load_model(context.artifacts.folder("vae") / "vae.keras")
        if params.generation == "prior":
            vae = _vae_of_frauds(context, vae, frauds)
    return make_sampler(
        method,
        sampling_strategy=params.sampling_strategy,
        n_neighbors=params.n_neighbors,
        random_state=int(_streams(context, 2)[0].integers(2**31)),
        vae=vae,
        generation=params.generation,
    )


def _vae_of_frauds(context: StageContext, vae: TabularVAE, frauds: np.ndarray) -> TabularVAE:
    """Train a VAE of the same shape on the frauds, with as many row visits as the given one."""
    params = context.params.vae
    n_training_rows = int((context.artifacts.split()["part"] == TRAINING).sum())
    fresh = TabularVAE.from_config(vae.get_config())
    settings = TrainingSettings(
        epochs=params.epochs,
        batch_size=min(params.batch_size, len(frauds)),  # none of them twice
        learning_rate=params.learning_rate,
        optimizer=params.optimizer,
        seed=int(np.random.SeedSequence(params.seed).generate_state(2)[1]),
    )
    try:
        train(fresh, repeat_rows(frauds, n_training_rows), settings)
    except TrainingDivergedError as error:
        raise CounterfoilError(f"augment.generation=prior: {error}") from error
    return fresh


def _streams(context: StageContext, n: int) -> list[np.random.Generator]:
    seeds = np.random.SeedSequence(context.params.augment.seed).spawn(n)
    return [np.random.default_rng(seed) for seed in seeds]


def _table(
    X: np.ndarray,
    columns: list[str],
    label: np.ndarray | int,
    source: np.ndarray | str,
    row_id: np.ndarray,
) -> pd.DataFrame:
    table = pd.DataFrame(X, columns=columns)
    table["label"] = np.broadcast_to(np.asarray(label, np.int8), len(X))
    table["source"] = np.broadcast_to(source, len(X))
    table["row_id"] = row_id.astype(np.int64)
    return table


def _headline(report: dict[str, Any]) -> dict[str, float]:
    """Return the figures of the report that a list of runs should show."""
    figures = {
        "synthetic_ks_mean": report["ks"]["mean"],
        "synthetic_correlation_difference": report["correlation"]["mean_absolute_difference"],
        "synthetic_share_nearer_than_real": report["privacy"]["share_nearer_than_real"],
    }
    return {name: float(value) for name, value in figures.items() if value is not None}


def _draw(
    context: StageContext, real: np.ndarray, synthetic: np.ndarray, report: dict[str, Any]
) -> None:
    method = context.params.augment.method
    if len(real) >= 2:
        save_figure(
            context.output / "real_and_synthetic.png",
            lambda ax: plots.plot_real_and_synthetic(real, synthetic, ax),
            plots.real_and_synthetic_numbers(real, synthetic),
            title=f"Real training frauds and synthetic ones ({method})",
            size=(8.0, 6.0),
        )
        distances = nearest_distances(real, synthetic)
        save_figure(
            context.output / "fidelity.png",
            lambda axes: plots.plot_fidelity(report, distances[0], distances[1], axes),
            plots.fidelity_numbers(report),
            title=f"Fidelity and privacy of the synthetic frauds ({method})",
            size=(11.0, 6.0),
            n_axes=2,
        )
