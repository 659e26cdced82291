"""Decoded codes: the path between two transactions, and draws of frauds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.latent.pictures import Picture
    from pipeline.latent.rows import LatentRows
    from pipeline.model.folder import FraudModel

N_STEPS = 9
N_DRAWS = 5
MAX_DRAWN = 1000  # frauds; what a page can carry


@dataclass(frozen=True)
class Draws:
    """Transactions that a VAE drew from the codes of frauds.

    Attributes
    ----------
    row : int ndarray of shape (n_frauds,)
        Positions of the frauds among the pictured rows, the highest score first.
    inputs : DataFrame of shape (n_frauds * N_DRAWS, n_inputs)
        In the columns' units, those of one fraud together.
    score : ndarray of shape (n_frauds, N_DRAWS)
    """

    row: np.ndarray
    inputs: pd.DataFrame
    score: np.ndarray


def example_pair(rows: LatentRows, picture: Picture) -> tuple[int, int]:
    """Return a typical genuine row and the fraud with the highest score, as positions.

    Typical is the row whose code is nearest to the mean code. Without labels any row may be
    typical, and the highest score stands for the fraud.
    """
    import numpy as np

    is_fraud = rows.is_fraud
    fraud = int(np.argmax(np.where(is_fraud, rows.score, -1.0) if is_fraud.any() else rows.score))
    centre = picture.codes[~is_fraud].mean(axis=0) if (~is_fraud).any() else 0.0
    distance = ((picture.codes - centre) ** 2).sum(axis=1)
    distance[is_fraud] = np.inf
    distance[fraud] = np.inf
    return int(np.argmin(distance)), fraud


def walk(
    rows: LatentRows, picture: Picture, model: FraudModel, pair: tuple[int, int]
) -> dict[str, Any]:
    """Return the path between two pictured rows, given by their positions.

    Every step is what the decoder makes of a code on the straight line, in the columns' units,
    with the model's score of it and the real transaction whose code is nearest.
    """
    from features.latent_paths import latent_path

    a, b = pair
    share, decoded = latent_path(picture.model, rows.scaled[a], rows.scaled[b], N_STEPS)
    table, score = _judged(model, decoded, rows)
    codes = picture.codes[a] + share[:, None] * (picture.codes[b] - picture.codes[a])
    distance = ((picture.codes[None] - codes[:, None]) ** 2).sum(axis=-1)
    nearest = rows.row_id[distance.argmin(axis=1)]
    return {
        "encoder": picture.encoder,
        "a": _end(rows, a),
        "b": _end(rows, b),
        "steps": [
            {
                "share": float(share[i]),
                "score": float(score[i]),
                "nearest": int(nearest[i]),
                "columns": {name: _plain(value) for name, value in table.iloc[i].items()},
            }
            for i in range(N_STEPS)
        ],
    }


def draw_frauds(rows: LatentRows, picture: Picture, model: FraudModel, *, seed: int) -> Draws:
    """Return draws of the frauds, or without labels of the alerts."""
    import numpy as np

    from features.latent_paths import posterior_draws

    wanted = rows.is_fraud if rows.label is not None else rows.score >= model.threshold
    positions = np.flatnonzero(wanted)
    positions = positions[np.argsort(-rows.score[positions], kind="stable")][:MAX_DRAWN]
    if not len(positions):
        return Draws(positions, rows.inputs.iloc[:0], np.empty((0, N_DRAWS)))
    drawn = posterior_draws(picture.model, rows.scaled[positions], N_DRAWS, seed=seed)
    table, score = _judged(model, drawn.reshape(-1, drawn.shape[-1]), rows)
    return Draws(positions, table, score.reshape(-1, N_DRAWS))


def draws_summary(rows: LatentRows, draws: Draws, model: FraudModel) -> dict[str, Any]:
    """Return how often draws are alerts, and those of the first fraud in full."""
    if not len(draws.row):
        return {"n_rows": 0, "n_draws": 0, "n_alerts": 0, "example": None}
    example = draws.inputs.iloc[:N_DRAWS]
    return {
        "n_rows": len(draws.row),
        "n_draws": int(draws.score.size),
        "n_alerts": int((draws.score >= model.threshold).sum()),
        "n_rows_alerts": int((rows.score[draws.row] >= model.threshold).sum()),
        "example": {
            "row": _end(rows, int(draws.row[0])),
            "draws": [
                {
                    "score": float(score),
                    "columns": {name: _plain(value) for name, value in example.iloc[i].items()},
                }
                for i, score in enumerate(draws.score[0])
            ],
        },
    }


def _judged(
    model: FraudModel, decoded: np.ndarray, rows: LatentRows
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return decoded rows in the columns' units, and their scores."""
    from features.unscaling import unscale

    table = unscale(model.scaler, decoded, list(rows.inputs.columns))
    return table, model.predict(table)["score"].to_numpy()


def _end(rows: LatentRows, position: int) -> dict[str, Any]:
    import numpy as np

    label = float("nan") if rows.label is None else float(rows.label[position])
    columns: Sequence[tuple[Any, Any]] = list(rows.inputs.iloc[position].items())
    return {
        "row": int(rows.row_id[position]),
        "label": None if np.isnan(label) else int(label),
        "score": float(rows.score[position]),
        "part": str(rows.part[position]),
        "columns": {str(name): _plain(value) for name, value in columns},
    }


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, (int, float)) or hasattr(value, "dtype") else value
