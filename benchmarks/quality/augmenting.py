"""Synthetic frauds for the training rows of a job, made as the stage `augment` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from features.oversampling import REAL, make_sampler, resample_with_source
from models.encoders.training import TrainingSettings, repeat_rows, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.encoders.vae import TabularVAE
    from pipeline.params.sections import AugmentParams, VAEParams


class TrainingRows(NamedTuple):
    """Scaled rows, labels (-1 unlabelled) and which rows are synthetic."""

    X: np.ndarray
    y: np.ndarray
    synthetic: np.ndarray


def augmented(
    X: np.ndarray,
    y: np.ndarray,
    params: AugmentParams,
    *,
    vae: Callable[[], TabularVAE],
    vae_params: VAEParams,
    synthetic_per_fraud: float | None,
    seed: int,
) -> TrainingRows:
    """Training rows with synthetic frauds put behind them.

    **Fitted on:** labelled training rows.

    Parameters
    ----------
    X, y : ndarray
        Scaled training rows, y -1 where the label is hidden.
    params : AugmentParams
        Method and its settings.
    vae : callable
        Returns the VAE trained on the training rows; called only if the method needs it.
    vae_params : VAEParams
        Of the VAE of frauds alone, which `generation: prior` needs.
    synthetic_per_fraud : float or None
        Synthetic frauds for each real one; None leaves the number to `sampling_strategy`.
    seed : int
        Of the new rows.
    """
    labelled = np.flatnonzero(y >= 0)
    real_X, real_y = X[labelled], y[labelled]
    n_frauds = int(np.sum(real_y == 1))
    n_genuine = len(real_y) - n_frauds
    wanted = params.sampling_strategy
    if synthetic_per_fraud is not None:
        wanted = (1.0 + synthetic_per_fraud) * n_frauds / n_genuine
    if params.method == "none" or int(wanted * n_genuine) <= n_frauds:
        return TrainingRows(X, y, np.zeros(len(X), dtype=bool))
    model = _vae(params, vae, vae_params, real_X[real_y == 1], len(X)) if (
        params.method == "vae"
    ) else None  # fmt: skip
    sampler = make_sampler(
        params.method, sampling_strategy=wanted, n_neighbors=params.n_neighbors,
        random_state=seed, vae=model, generation=params.generation,
    )  # fmt: skip
    new_X, new_y, source, _ = resample_with_source(sampler, params.method, real_X, real_y)
    made = source != REAL
    return TrainingRows(
        np.concatenate([X, new_X[made].astype(X.dtype)]),
        np.concatenate([y, new_y[made].astype(y.dtype)]),
        np.concatenate([np.zeros(len(X), dtype=bool), np.ones(int(made.sum()), dtype=bool)]),
    )


def _vae(params, vae, vae_params, frauds, n_rows):
    """The VAE of all rows; for the prior one of the frauds, with as many row visits."""
    if params.generation != "prior":
        return vae()
    fresh = type(vae()).from_config(vae().get_config())
    settings = TrainingSettings(
        epochs=vae_params.epochs,
        batch_size=min(vae_params.batch_size, len(frauds)),  # none of them twice
        learning_rate=vae_params.learning_rate,
        optimizer=vae_params.optimizer,
        seed=vae_params.seed,
    )
    train(fresh, repeat_rows(frauds, n_rows), settings)
    return fresh
