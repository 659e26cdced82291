"""Stage `vae`: learns a variational autoencoder of scaled transactions."""

from __future__ import annotations

import numpy as np

from features.splitting import TRAINING, VALIDATION
from models.saving import save_model
from models.training import TrainingSettings, apply_in_batches, train
from models.vae import TabularVAE
from pipeline.context import StageContext, StageResult
from pipeline.stages.autoencoder import save_losses


def vae(context: StageContext) -> StageResult:
    """Write vae.keras, codes (the means of the posteriors) and losses.

    **Fitted on:** training rows; validation rows are scored after each epoch.
    """
    params = context.params.vae
    rows = context.artifacts.scaled()
    part = context.artifacts.split()["part"]
    training = rows[part == TRAINING]
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
    save_model(model, context.output / "vae.keras")
    codes = apply_in_batches(model.encode_rows, rows)
    np.save(context.output / "codes.npy", codes, allow_pickle=False)
    save_losses(history, context.output, "VAE: losses by epoch (nats a row)")
    return StageResult(n_rows=len(training), metrics=history[-1])
