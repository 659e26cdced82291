"""Stage `sgan`: trains the classifier, all members at once, and chooses its epoch."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation import plots
from evaluation.metrics import prevalence_weights
from features.schema import TransactionSchema
from features.splitting import VALIDATION
from models.classifier import SGANClassifier
from models.encoders.training import TrainingDivergedError
from models.saving import load_model
from pipeline.errors import CounterfoilError
from pipeline.files.atomic import write_json
from pipeline.stages.artifacts import REAL
from pipeline.stages.context import NoTracker, StageContext, StageResult, StageTracker
from pipeline.stages.figures import save_figure

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

# Keys of the section that are not arguments of SGANClassifier.
NOT_ARGUMENTS = {"seed", "challenge_augmentation"}


def sgan(context: StageContext) -> StageResult:
    """Write the classifier, its history, the chosen epoch and pictures.

    With `sgan.challenge_augmentation`, the same networks trained without the synthetic frauds lie
    in ``without_augmentation/``, as a challenger for `evaluate`.

    **Fitted on:** training.parquet of `augment`; validation rows choose the epoch. Test rows are
    not read.
    """
    training = context.artifacts.training_set()
    classifier = _train(context, training, context.output, context.workspace, context.tracker)
    is_synthetic = (training["source"] != REAL).to_numpy()
    if context.params.sgan.challenge_augmentation and is_synthetic.any():
        logger.info("sgan: training the challenger without synthetic frauds")
        _train(
            context,
            training[~is_synthetic],
            context.output / "without_augmentation",
            context.workspace / "without_augmentation",
            NoTracker(),
        )
    chosen = classifier.ensemble_history_.iloc[classifier.chosen_epoch_]
    context.tracker.set_tags({"chosen_epoch": str(classifier.chosen_epoch_)})
    return StageResult(
        n_rows=len(training),
        n_frauds=int((training["label"] == 1).sum()),
        metrics={
            "chosen_epoch": float(classifier.chosen_epoch_),
            "chosen_validation_average_precision": float(chosen["validation_average_precision"]),
            "chosen_validation_f1": float(chosen["validation_f1"]),
            "n_collapses": float(len(classifier.collapses_)),
            "n_pseudo_label_warnings": float(len(classifier.pseudo_label_warnings_)),
        },
    )


def _train(
    context: StageContext,
    training: pd.DataFrame,
    folder: Path,
    workspace: Path,
    tracker: StageTracker,
) -> SGANClassifier:
    """Train one classifier and write all that belongs to it."""
    params = context.params.sgan
    columns = context.artifacts.input_names()
    classifier = SGANClassifier(
        autoencoder=load_model(context.artifacts.folder("autoencoder") / "autoencoder.keras"),
        vae=load_model(context.artifacts.folder("vae") / "vae.keras"),
        random_state=params.seed,
        **params.model_dump(exclude=NOT_ARGUMENTS),
    )
    try:
        classifier.fit(
            training[columns].to_numpy(),
            training["label"].to_numpy(),
            synthetic=(training["source"] != REAL).to_numpy(),
            validation=_validation_rows(context),
            on_epoch=lambda *figures: _report(tracker, *figures),
            checkpoint_folder=workspace,
        )
    except TrainingDivergedError as error:
        raise CounterfoilError(f"sgan: {error}") from error
    folder.mkdir(exist_ok=True)
    classifier.save(folder / "classifier", with_last=True)
    _write_history(classifier, folder)
    return classifier


def _validation_rows(context: StageContext) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scaled rows, labels and weights of the validation part."""
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    is_validation = (context.artifacts.split()["part"] == VALIDATION).to_numpy()
    label = context.artifacts.transactions([schema.label])[schema.label].to_numpy()[is_validation]
    weight = prevalence_weights(label, context.params.evaluate.prevalence)
    return context.artifacts.scaled()[is_validation], label, weight


def _report(
    tracker: StageTracker,
    epoch: int,
    members: dict[str, np.ndarray],
    ensemble: dict[str, float],
) -> None:
    """Send the figures of an epoch: the ensemble's where it has one, else the members' mean."""
    metrics = {name: float(np.mean(values)) for name, values in members.items()}
    spread = {f"{name}_std": float(np.std(values)) for name, values in members.items()}
    tracker.log_metrics({**metrics, **spread, **ensemble}, step=epoch)


def _write_history(classifier: SGANClassifier, folder: Path) -> None:
    history = classifier.history_
    history.to_parquet(folder / "history.parquet", index=False)
    classifier.ensemble_history_.to_csv(folder / "ensemble.csv", index=False)
    chosen = classifier.chosen_epoch_
    write_json(
        {
            "chosen_epoch": chosen,
            "chosen_by": "last epoch with validation_average_precision at most 0.02 below the best",
            "figures": classifier.ensemble_history_.iloc[chosen].dropna().to_dict(),
            "active_members": classifier.active_members_.tolist(),
            "collapses": classifier.collapses_,
            "pseudo_label_warnings": classifier.pseudo_label_warnings_,
        },
        folder / "chosen.json",
    )
    save_figure(
        folder / "f1_by_epoch.png",
        lambda ax: plots.plot_metric_by_epoch(
            history, "validation_f1", ax, chosen_epoch=chosen, label="F1 on validation rows"
        ),
        plots.metric_by_epoch_numbers(history, "validation_f1"),
        title="SGAN: F1 by epoch, at each epoch's best threshold",
    )
    save_figure(
        folder / "losses.png",
        lambda ax: plots.plot_losses(history, ax, chosen_epoch=chosen),
        plots.losses_numbers(history),
        title="SGAN: losses by epoch",
    )
