"""Trains an encoder on the training rows for the stages `autoencoder` and `vae`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from evaluation import plots
from features.splitting import TRAINING, VALIDATION
from models.encoders.training import TrainingDivergedError, TrainingSettings, train
from pipeline.errors import CounterfoilError
from pipeline.stages.figures import save_figure

if TYPE_CHECKING:
    import numpy as np

    from pipeline.params.sections import AutoencoderParams, VAEParams
    from pipeline.stages.context import StageContext


def train_encoder(
    context: StageContext,
    model: Any,
    rows: np.ndarray,
    params: AutoencoderParams | VAEParams,
    *,
    order_seed: int,
    title: str,
) -> dict[str, float]:
    """Train a TabularAutoencoder or TabularVAE in place; return the last epoch's losses.

    `rows` are all scaled rows; which of them are training rows is read from the split.

    Writes losses.csv and losses.png.

    **Fitted on:** training rows; validation rows are scored after each epoch.

    Raises
    ------
    CounterfoilError
        If the training diverges.
    """
    part = context.artifacts.split()["part"]
    settings = TrainingSettings(
        epochs=params.epochs,
        batch_size=params.batch_size,
        learning_rate=params.learning_rate,
        optimizer=params.optimizer,
        seed=order_seed,
    )
    try:
        history = train(
            model,
            rows[part == TRAINING],
            settings,
            x_validation=rows[part == VALIDATION],
            on_epoch=lambda epoch, losses: context.tracker.log_metrics(losses, step=epoch),
        )
    except TrainingDivergedError as error:
        raise CounterfoilError(str(error)) from error
    losses = pd.DataFrame(history).rename_axis("epoch").reset_index()
    losses = losses.rename(columns={"loss": "training_loss"})
    shown = [name for name in losses.columns if name.endswith("loss")]
    save_figure(
        context.output / "losses.png",
        lambda ax: plots.plot_losses(losses, ax, losses=shown),
        losses,
        title=title,
    )
    return history[-1]
