"""Pictures of new data beside old: drift by column, and where the scores lie."""

import numpy as np
from matplotlib.ticker import FuncFormatter

from evaluation.plots.style import REFERENCE, add_grid, method_colour

SMALLEST_SHARE = 1e-5


def plot_indices(indices, ax, *, bound=None):
    """Population stability index of columns with intervals, the first on top.

    Parameters
    ----------
    indices : dict of str to (value, low, high)
        By column.
    ax : matplotlib.axes.Axes
        Drawn into.
    bound : float or None
        A limit, drawn as a dotted line; columns wholly beyond it get another colour.

    Returns
    -------
    matplotlib.axes.Axes
    """
    for row, (value, low, high) in enumerate(indices.values()):
        colour = method_colour(1 if bound is not None and low > bound else 0)
        ax.plot([low, high], [row, row], color=colour, linewidth=2)
        ax.plot([value], [row], "o", color=colour, markersize=5)
    if bound is not None:
        ax.axvline(bound, color=REFERENCE, linestyle=":", linewidth=1.5)
    ax.set_yticks(range(len(indices)), indices)
    ax.set_ylim(len(indices) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("Population stability index")
    add_grid(ax, "x")
    return ax


def plot_score_shares(shares, edges, ax):
    """Share of the rows in each band of the score, in powers of ten.

    Parameters
    ----------
    shares : dict of str to array-like of shape (n_edges + 1,)
        By sample.
    edges : sequence of float of shape (n_edges,)
        Rising, in (0, 1).
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    for index, (name, of_bands) in enumerate(shares.items()):
        share = np.asarray(of_bands, dtype=np.float64)
        seen = np.where(share > 0, np.maximum(share, SMALLEST_SHARE), np.nan)
        ax.plot(seen, color=method_colour(index), label=name, marker="os"[index % 2],
                markersize=5, linewidth=1.4)  # fmt: skip
    names = ["0", *(f"{edge:.5f}".rstrip("0") for edge in edges)]
    ax.set_xticks(range(len(names)), names, fontsize="small")
    ax.set(yscale="log", ylim=(SMALLEST_SHARE / 2, 2), xlabel="Score from", ylabel="Share of rows")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    add_grid(ax)
    return ax
