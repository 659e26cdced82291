"""All drawn rows as data of the page: typed arrays in base64, and the decoders in plain numbers.

A page that held them as JSON numbers would be three times as large. Positions and codes take two
bytes, a few hundredths of what the screen or a reader could tell apart; columns and scores are
kept to float32's seven digits.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.latent.rows import PARTS
from pipeline.latent.walks import N_DRAWS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipeline.latent.pictures import Picture
    from pipeline.latent.rows import LatentRows
    from pipeline.latent.walks import Draws
    from pipeline.model.folder import FraudModel

UNKNOWN_LABEL = 255
STEPS_16 = 65_535
TIME_TEXT_ROWS = 100_000  # above it a column of texts would fill the page


def page_data(
    content: Mapping[str, Any],
    model: FraudModel,
    rows: LatentRows,
    pictures: Sequence[Picture],
    draws: Draws | None,
) -> str:
    """Return what the page's script reads, as JSON that may stand in a script element."""
    import numpy as np

    label = np.full(len(rows.row_id), UNKNOWN_LABEL, dtype=np.uint8)
    if rows.label is not None:
        known = ~np.isnan(rows.label)
        label[known] = rows.label[known].astype(np.uint8)
    data = {
        "n": len(rows.row_id),
        "threshold": model.threshold,
        "row_id": _packed(rows.row_id, "<u4"),
        "label": _packed(label, "<u1"),
        "score": _packed(rows.score, "<f4"),
        "part": _packed([PARTS.index(part) for part in rows.part], "<u1"),
        "parts": PARTS,
        "time": _time(rows.time),
        "columns": [_column(str(name), rows.inputs[name]) for name in rows.inputs],
        "scaled": _scaled(model),
        "pictures": {picture.encoder: _picture(picture) for picture in pictures},
        "path_scores": _path_scores(content["paths"]),
        "example": _example(content["paths"]),
        "draws": None if draws is None else _draws(draws, rows),
    }
    # No text of a column may end the script element.
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _packed(values: Any, dtype: str) -> dict[str, str]:
    import numpy as np

    array = np.ascontiguousarray(values, dtype=np.dtype(dtype))
    return {"dtype": dtype[1:], "data": base64.b64encode(array.tobytes()).decode("ascii")}


def _steps(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> dict[str, str]:
    """Return values as 65,536 even steps from `low` to `high`."""
    import numpy as np

    span = np.where(high > low, high - low, 1.0)
    return _packed(np.rint((values - low) / span * STEPS_16), "<u2")


def _picture(picture: Picture) -> dict[str, Any]:
    from models.decoder_layers import decoder_layers

    codes, places = picture.codes.astype("f8"), picture.embedding.astype("f8")
    low, high = codes.min(axis=0), codes.max(axis=0)
    corner = places.min(axis=0)
    side = float((places.max(axis=0) - corner).max())  # one scale for both axes
    return {
        "places": _steps(places, corner, corner + side),
        "cluster": _packed(picture.cluster, "<i2"),
        "codes": _steps(codes, low, high),
        "low": low.tolist(),
        "high": high.tolist(),
        "decoder": [
            {
                "kernel": _packed(layer.kernel, "<f4"),
                "bias": _packed(layer.bias, "<f4"),
                "activation": layer.activation,
            }
            for layer in decoder_layers(picture.model)
        ],
    }


def _column(name: str, values: pd.Series) -> dict[str, Any]:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(values):
        return {"name": name, "values": _packed(values, "<f4")}
    codes, categories = pd.factorize(values, sort=True)
    names = [str(category) for category in categories]
    return {"name": name, "values": _packed(codes, "<u2"), "categories": names}


def _time(time: pd.Series | None) -> dict[str, Any] | None:
    import pandas as pd

    if time is None:
        return None
    if pd.api.types.is_numeric_dtype(time):
        return {"name": str(time.name), "values": _packed(time, "<f8")}
    if len(time) > TIME_TEXT_ROWS:
        return None
    return {"name": str(time.name), "texts": [str(value) for value in time]}


def _scaled(model: FraudModel) -> list[dict[str, Any]]:
    """Return how scaled columns become those of a transaction, as `features.unscaling` does it."""
    from features.unscaling import scaler_columns

    found = []
    for column in scaler_columns(model.scaler):
        one = {"name": column["name"], "start": column["start"], "width": column["width"]}
        if column["categories"] is not None:
            found.append(one | {"categories": [str(name) for name in column["categories"]]})
            continue
        scaler = column["scaler"]
        numbers = {
            key: float(getattr(scaler, f"{key}_")[0]) for key in ("offset", "scale", "bound")
        }
        found.append(one | numbers | {"is_bent": scaler.methods_[0] == "arcsinh"})
    return found


def _path_scores(paths: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return the model's scores along the paths that were walked, by encoder and rows."""
    return {
        f"{path['encoder']}:{path['a']['row']}:{path['b']['row']}": [
            step["score"] for step in path["steps"]
        ]
        for path in paths
    }


def _example(paths: Sequence[Mapping[str, Any]]) -> list[int] | None:
    return [paths[0]["a"]["row"], paths[0]["b"]["row"]] if paths else None


def _draws(draws: Draws, rows: LatentRows) -> dict[str, Any]:
    return {
        "n": N_DRAWS,
        "row": [int(rows.row_id[position]) for position in draws.row],
        "score": _packed(draws.score, "<f4"),
        "columns": [_column(str(name), draws.inputs[name]) for name in draws.inputs],
    }
