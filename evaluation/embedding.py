"""Pictures of codes in two dimensions by t-SNE, and how far they can be trusted."""

import numpy as np
from scipy.spatial import cKDTree

PERPLEXITY = 30.0
MIN_ROWS = 4  # at a perplexity of 1
N_NEIGHBOURS = 15
TREE_ROWS = 10_000  # below it the tree code is faster than the Fourier transform
# Width of a cell of the grid. With 1, openTSNE's own, a step on 49,104 rows takes three times as
# long; the repulsion then differs by 3 % from the tree code at an angle of 0.2, here by 6 %.
GRID_CELL = 1.25
EXAGGERATION = 12.0
N_EARLY, N_LATE = 250, 500  # steps; as in openTSNE
MISSING = (
    "openTSNE is not installed, which draws the pictures of codes; install what Counterfoil needs "
    'again (pip install -e .), or it alone: pip install "openTSNE>=1.0.2"'
)


class EmbeddingUnavailableError(ImportError):
    """The library that computes t-SNE is not there; the message says how to get it."""


def tsne(codes, *, perplexity=PERPLEXITY, seed=0, n_jobs=1):
    """Codes brought to two dimensions, so that near rows stay near.

    t-SNE (van der Maaten and Hinton 2008) from the first two principal components (Kobak and
    Berens 2019), with repulsion interpolated on a grid (Linderman et al. 2019). Neighbours are
    found exactly: approximate search gives other neighbours with another number of threads, and
    t-SNE then another picture. The same codes and seed give the same picture on one machine.

    **Fitted on:** the codes given; a picture, no feature of a model.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_dimensions), n_samples >= 4
        Finite.
    perplexity : float, >= 1
        Effective number of neighbours; at most ``(n_samples - 1) / 3`` is used.
    seed : int, >= 0
        Of the small differences from which rows with equal codes start.
    n_jobs : int, >= 1
        Threads; they change the time and not the picture.

    Returns
    -------
    float32 ndarray of shape (n_samples, 2)

    Raises
    ------
    EmbeddingUnavailableError
        Without openTSNE.
    ValueError
        If there are fewer than 4 rows, a code is not finite, or all rows have the same code.
    """
    codes = _checked(codes)
    openTSNE = check_available()
    from threadpoolctl import threadpool_limits

    n_rows = len(codes)
    # Several threads of the linear algebra would add up in an order of their own.
    with threadpool_limits(1, user_api="blas"):
        affinities = openTSNE.affinity.PerplexityBasedNN(
            codes,
            perplexity=min(float(perplexity), (n_rows - 1) / 3),
            method="exact",
            n_jobs=n_jobs,
            random_state=seed,
        )
        embedding = openTSNE.TSNEEmbedding(
            _start(codes, seed),
            affinities,
            negative_gradient_method="bh" if n_rows < TREE_ROWS else "fft",
            ints_in_interval=GRID_CELL,
            n_jobs=n_jobs,
            random_state=seed,
        )
        embedding.optimize(N_EARLY, exaggeration=EXAGGERATION, momentum=0.5, inplace=True)
        embedding.optimize(N_LATE, momentum=0.8, inplace=True)
    return np.asarray(embedding, dtype=np.float32)


def check_available():
    """Return openTSNE, or raise `EmbeddingUnavailableError`."""
    try:
        import openTSNE
    except ImportError as error:
        raise EmbeddingUnavailableError(MISSING) from error
    return openTSNE


def _checked(codes):
    codes = np.asarray(codes, dtype=np.float64)
    if codes.ndim != 2 or len(codes) < MIN_ROWS:
        raise ValueError(
            f"t-SNE needs codes of shape (n_samples, n_dimensions) with at least {MIN_ROWS} rows, "
            f"got shape {codes.shape}"
        )
    if not np.isfinite(codes).all():
        row = int(np.argmin(np.isfinite(codes).all(axis=1)))
        raise ValueError(f"codes must be finite, got {codes[row]} in row {row}")
    if not np.ptp(codes, axis=0).any():
        raise ValueError(
            "all rows have the same code, so there is nothing to draw: the encoder has collapsed "
            "(for a VAE lower vae.beta in params.yaml)"
        )
    return codes


def _start(codes, seed):
    """Principal components of the codes, small and with no two rows at one place."""
    centred = codes - codes.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :2]
    # An eigenvector's sign is arbitrary; the largest weight of each is made positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    start = np.zeros((len(codes), 2))
    start[:, : axes.shape[1]] = centred @ axes
    start *= 1e-4 / start[:, 0].std()
    return start + np.random.default_rng(seed).normal(0, 1e-6, start.shape)


def neighbour_agreement(codes, embedding, *, n_neighbours=N_NEIGHBOURS, n_rows=2000, rng):
    """Share of a row's nearest rows by code that are also among its nearest in the picture.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_dimensions)
    embedding : array-like of shape (n_samples, 2)
    n_neighbours : int, >= 1
        Nearest rows that are compared; at most ``n_samples - 1`` are.
    n_rows : int, >= 1
        Rows that are looked at, drawn evenly.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    float in [0, 1]
        1 keeps all neighbours; a picture that has nothing to do with the codes keeps
        ``n_neighbours / (n_samples - 1)`` of them.

    Examples
    --------
    >>> codes = np.random.default_rng(0).normal(size=(200, 2))
    >>> neighbour_agreement(codes, codes * 3, rng=np.random.default_rng(0))
    1.0
    """
    codes, embedding = np.asarray(codes, np.float64), np.asarray(embedding, np.float64)
    k = min(n_neighbours, len(codes) - 1)
    looked_at = rng.permutation(len(codes))[:n_rows]
    near = [
        cKDTree(space).query(space[looked_at], k=k + 1)[1].reshape(-1, k + 1)
        for space in (codes, embedding)
    ]
    kept = [
        len((set(by_code) & set(in_picture)) - {row})
        for row, by_code, in_picture in zip(
            looked_at.tolist(), *map(np.ndarray.tolist, near), strict=True
        )
    ]
    return float(min(np.mean(kept) / k, 1.0))
