"""Saves a picture together with the numbers behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

DOTS_PER_INCH = 120


def save_figure(
    path: Path,
    draw: Callable[..., Any],
    numbers: pd.DataFrame,
    *,
    title: str,
    size: tuple[float, float] = (8.0, 5.0),
    n_axes: int = 1,
) -> None:
    """Write ``path`` (PNG) and, beside it, its numbers as CSV.

    Parameters
    ----------
    path : Path
        Ends in ``.png``.
    draw : callable
        Called with the axes: one, or a sequence of `n_axes` side by side.
    numbers : DataFrame
        What the picture shows.
    title : str
        Above the picture.
    size : tuple of float
        Width and height in inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, n_axes)
    draw(axes)
    figure.suptitle(title)
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
    numbers.to_csv(path.with_suffix(".csv"), index=False)
