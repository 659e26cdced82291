"""Stage `autoencoder`: learns codes and reconstruction errors of scaled transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evaluation import plots
from features.schema import TransactionSchema
from features.splitting import TRAINING, VALIDATION
from models.autoencoder import TabularAutoencoder
from models.saving import save_model
from models.training import TrainingSettings, apply_in_batches, train
from pipeline.context import StageContext, StageResult
from pipeline.figures import save_figure

if TYPE_CHECKING:
    from pathlib import Path

N_PICTURED_ROWS = 1500
TSNE_PERPLEXITY = 30


def autoencoder(context: StageContext) -> StageResult:
    """Write autoencoder.keras, codes, reconstruction errors, losses and pictures.

    **Fitted on:** training rows; validation rows are scored after each epoch.
    """
    params = context.params.autoencoder
    rows = context.artifacts.scaled()
    part = context.artifacts.split()["part"]
    training = rows[part == TRAINING]
    model_seed, order_seed = map(int, np.random.SeedSequence(params.seed).generate_state(2))
    model = TabularAutoencoder(
        rows.shape[1],
        hidden_units=params.hidden_units,
        latent_dim=params.latent_dim,
        code_activation=params.code_activation,
        output_activation=params.output_activation,
        input_noise=params.input_noise,
        seed=model_seed,
    )
    history = train(
        model,
        training,
        TrainingSettings(
            epochs=params.epochs,
            batch_size=params.batch_size,
            learning_rate=params.learning_rate,
            optimizer=params.optimizer,
            seed=order_seed,
        ),
        x_validation=rows[part == VALIDATION],
        on_epoch=lambda epoch, losses: context.tracker.log_metrics(losses, step=epoch),
    )
    save_model(model, context.output / "autoencoder.keras")
    latent = apply_in_batches(model.encode_rows, rows)
    np.save(context.output / "codes.npy", latent[:, :-1], allow_pickle=False)
    np.save(context.output / "reconstruction_error.npy", latent[:, -1], allow_pickle=False)
    save_losses(history, context.output, "Autoencoder: mean squared error by epoch")
    _draw_rows(context, model, rows, latent[:, :-1])
    return StageResult(n_rows=len(training), metrics=history[-1])


def save_losses(history: list[dict[str, float]], folder: Path, title: str) -> None:
    """Write losses.csv and losses.png of one model's training."""
    losses = pd.DataFrame(history).rename_axis("epoch").reset_index()
    names = {name: "training_loss" for name in ("loss",) if "validation_loss" in losses}
    losses = losses.rename(columns=names)
    shown = [name for name in losses.columns if name.endswith("loss")]
    save_figure(
        folder / "losses.png",
        lambda ax: plots.plot_losses(losses, ax, losses=shown),
        losses,
        title=title,
    )


def _draw_rows(
    context: StageContext, model: TabularAutoencoder, rows: np.ndarray, codes: np.ndarray
) -> None:
    """Draw one fraud beside its reconstruction, and the codes of training rows by t-SNE."""
    from sklearn.manifold import TSNE

    split = context.artifacts.split()
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    is_fraud = context.artifacts.transactions()[schema.label].to_numpy() == 1
    known = ((split["part"] == TRAINING) & split["is_labelled"]).to_numpy()
    fraud = int(np.flatnonzero(known & is_fraud)[0])
    columns = context.artifacts.input_names()
    shown = (rows[fraud], np.asarray(model(rows[fraud : fraud + 1]))[0], columns)
    save_figure(
        context.output / "reconstruction.png",
        lambda ax: plots.plot_reconstruction(*shown, ax),
        plots.reconstruction_numbers(*shown),
        title=f"A training fraud (row {fraud}) beside its reconstruction",
        size=(10.0, 5.0),
    )
    rng = np.random.default_rng(context.params.autoencoder.seed)
    pictured = _pick(rng, known & is_fraud, known & ~is_fraud)
    embedding = TSNE(
        perplexity=min(TSNE_PERPLEXITY, (len(pictured) - 1) / 3),
        init="pca",
        random_state=context.params.autoencoder.seed,
    ).fit_transform(codes[pictured])
    save_figure(
        context.output / "codes_tsne.png",
        lambda ax: plots.plot_codes(embedding, is_fraud[pictured], ax),
        plots.codes_numbers(embedding, is_fraud[pictured]).assign(row_id=pictured),
        title="Autoencoder codes of training rows",
        size=(8.0, 6.0),
    )


def _pick(rng: np.random.Generator, frauds: np.ndarray, genuine: np.ndarray) -> np.ndarray:
    """Return row ids for a picture: frauds, at most half of it, and a sample of genuine rows."""
    chosen = [
        rng.permutation(np.flatnonzero(rows))[:n]
        for rows, n in ((frauds, N_PICTURED_ROWS // 2), (genuine, N_PICTURED_ROWS))
    ]
    return np.sort(np.concatenate(chosen)[:N_PICTURED_ROWS])
