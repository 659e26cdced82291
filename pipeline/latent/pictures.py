"""The picture of each latent space: codes, their embedding and their clusters."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from pipeline.errors import CounterfoilError, InputError

if TYPE_CHECKING:
    import numpy as np

    from pipeline.latent.rows import LatentRows
    from pipeline.model.folder import FraudModel

TITLES = {"autoencoder": "autoencoder", "vae": "VAE"}
# Below it a process of its own costs more than it saves.
ROWS_FOR_PROCESSES = 5_000


@dataclass(frozen=True)
class Picture:
    """One latent space.

    Attributes
    ----------
    encoder : {"autoencoder", "vae"}
    model : TabularAutoencoder or TabularVAE
    codes : float32 ndarray of shape (n_rows, latent_dim)
    embedding : float32 ndarray of shape (n_rows, 2)
    cluster : int ndarray of shape (n_rows,)
        -1 for none.
    """

    encoder: str
    model: Any
    codes: np.ndarray
    embedding: np.ndarray
    cluster: np.ndarray


def encoders_of(model: FraudModel) -> dict[str, Any]:
    """Return the encoders that a packaged model carries.

    Raises
    ------
    InputError
        If there is none.
    """
    inside = model.classifier.model_
    found = {name: getattr(inside, name, None) for name in TITLES}
    encoders = {name: encoder for name, encoder in found.items() if encoder is not None}
    if not encoders:
        raise InputError(
            "the model carries neither an autoencoder nor a VAE, so it has no latent space; run "
            "sgan with sgan.inputs: [autoencoder_code, reconstruction_error, vae_code]"
        )
    return encoders


def check_library() -> None:
    """Refuse at once where t-SNE cannot be computed, instead of after the rows are scored."""
    from evaluation.embedding import EmbeddingUnavailableError, check_available

    try:
        check_available()
    except EmbeddingUnavailableError as error:
        raise CounterfoilError(str(error)) from error


def make_pictures(
    rows: LatentRows,
    encoders: Mapping[str, Any],
    *,
    perplexity: float,
    min_cluster_size: int | None,
    seed: int,
) -> list[Picture]:
    """Return a picture of each encoder's codes.

    Raises
    ------
    InputError
        If codes cannot be drawn: too few rows, or an encoder that has collapsed.
    """
    from evaluation.clusters import find_clusters
    from features.latent_paths import latent_codes

    codes = {name: latent_codes(encoder, rows.scaled) for name, encoder in encoders.items()}
    try:
        embeddings = _embed(codes, perplexity=perplexity, seed=seed)
    except ValueError as error:
        raise InputError(f"{rows.name}: {error}") from error
    return [
        Picture(
            name,
            encoders[name],
            codes[name],
            embedding,
            find_clusters(embedding, min_cluster_size=min_cluster_size),
        )
        for name, embedding in embeddings.items()
    ]


def _embed(codes: Mapping[str, np.ndarray], **settings: Any) -> dict[str, np.ndarray]:
    """Return the embedding of each encoder's codes; side by side where there are processors."""
    from evaluation.embedding import tsne

    n_cores = _n_cores()
    n_rows = max(map(len, codes.values()))
    n_workers = min(len(codes), n_cores)
    if n_workers < 2 or n_rows < ROWS_FOR_PROCESSES:
        return {name: tsne(one, n_jobs=n_cores, **settings) for name, one in codes.items()}
    # A fork of a process that runs TensorFlow's threads can hang.
    with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as pool:
        running = {
            name: pool.submit(tsne, one, n_jobs=max(n_cores // n_workers, 1), **settings)
            for name, one in codes.items()
        }
        return {name: one.result() for name, one in running.items()}


def _n_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
