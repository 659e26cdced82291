"""Stage `autoencoder`: learns codes and reconstruction errors of scaled transactions."""

from __future__ import annotations

import numpy as np

from evaluation import plots
from evaluation.embedding import EmbeddingUnavailableError, tsne
from features.schema import TransactionSchema
from features.splitting import TRAINING
from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import apply_in_batches
from models.saving import save_model
from pipeline.errors import CounterfoilError
from pipeline.stages.context import StageContext, StageResult
from pipeline.stages.encoder_training import train_encoder
from pipeline.stages.figures import save_figure


def autoencoder(context: StageContext) -> StageResult:
    """Write autoencoder.keras, codes, reconstruction errors, losses and pictures.

    **Fitted on:** training rows; validation rows are scored after each epoch.
    """
    params = context.params.autoencoder
    rows = context.artifacts.scaled()
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
    losses = train_encoder(
        context,
        model,
        rows,
        params,
        order_seed=order_seed,
        title="Autoencoder: mean squared error by epoch",
    )
    save_model(model, context.output / "autoencoder.keras")
    latent = apply_in_batches(model.encode_rows, rows)
    np.save(context.output / "codes.npy", latent[:, :-1], allow_pickle=False)
    np.save(context.output / "reconstruction_error.npy", latent[:, -1], allow_pickle=False)
    _draw_rows(context, model, rows, latent[:, :-1])
    n_training = int((context.artifacts.split()["part"] == TRAINING).sum())
    return StageResult(n_rows=n_training, metrics=losses)


def _draw_rows(
    context: StageContext, model: TabularAutoencoder, rows: np.ndarray, codes: np.ndarray
) -> None:
    """Draw one fraud beside its reconstruction, and the codes of training rows by t-SNE."""
    split = context.artifacts.split()
    schema = TransactionSchema.from_dict(context.artifacts.data_summary()["schema"])
    is_fraud = context.artifacts.transactions([schema.label])[schema.label].to_numpy() == 1
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
    n_pictured = context.params.autoencoder.n_pictured_rows
    pictured = _pick(rng, known & is_fraud, known & ~is_fraud, n_pictured)
    embedding = _embedded(codes[pictured], seed=context.params.autoencoder.seed)
    save_figure(
        context.output / "codes_tsne.png",
        lambda ax: plots.plot_codes(embedding, is_fraud[pictured], ax),
        plots.codes_numbers(embedding, is_fraud[pictured]).assign(row_id=pictured),
        title="Autoencoder codes of training rows",
        size=(8.0, 6.0),
    )


def _embedded(codes: np.ndarray, *, seed: int) -> np.ndarray:
    """Return the picture of codes; of codes that are all the same, one place."""
    if not np.ptp(codes, axis=0).any():
        return np.zeros((len(codes), 2))
    try:
        embedding: np.ndarray = tsne(codes, seed=seed)
    except EmbeddingUnavailableError as error:
        raise CounterfoilError(str(error)) from error
    return embedding


def _pick(
    rng: np.random.Generator, frauds: np.ndarray, genuine: np.ndarray, n_rows: int
) -> np.ndarray:
    """Return row ids for a picture: frauds, at most half of it, and a sample of genuine rows."""
    chosen = [
        rng.permutation(np.flatnonzero(rows))[:n]
        for rows, n in ((frauds, n_rows // 2), (genuine, n_rows))
    ]
    return np.sort(np.concatenate(chosen)[:n_rows])
