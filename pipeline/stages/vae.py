"""Stage `vae`: learns a variational autoencoder of scaled transactions."""

from __future__ import annotations

import numpy as np

from features.splitting import TRAINING
from models.encoders.training import apply_in_batches
from models.encoders.vae import TabularVAE
from models.saving import save_model
from pipeline.stages.context import StageContext, StageResult
from pipeline.stages.encoder_training import train_encoder


def vae(context: StageContext) -> StageResult:
    """Write vae.keras, codes (the means of the posteriors) and losses.

    **Fitted on:** training rows; validation rows are scored after each epoch.
    """
    params = context.params.vae
    rows = context.artifacts.scaled()
    model_seed, order_seed = map(int, np.random.SeedSequence(params.seed).generate_state(2))
    model = TabularVAE(
        rows.shape[1],
        hidden_units=params.hidden_units,
        latent_dim=params.latent_dim,
        hidden_activation=params.hidden_activation,
        output_activation=params.output_activation,
        reconstruction_loss=params.reconstruction_loss,
        beta=params.beta,
        beta_warmup_epochs=params.beta_warmup_epochs,
        seed=model_seed,
    )
    losses = train_encoder(
        context, model, rows, params, order_seed=order_seed,
        title="VAE: losses by epoch (nats a row)",
    )  # fmt: skip
    save_model(model, context.output / "vae.keras")
    codes = apply_in_batches(model.encode_rows, rows)
    np.save(context.output / "codes.npy", codes, allow_pickle=False)
    n_training = int((context.artifacts.split()["part"] == TRAINING).sum())
    return StageResult(n_rows=n_training, metrics=losses)
