"""Pictures of several models side by side: F1 by epoch, recall at low false-positive rates."""

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from evaluation.plots.style import REFERENCE, add_grid, legend_above, method_colour
from evaluation.ranking import rank_cuts

LOWEST_RATE = 1e-5
MARKERS = "os^Dv"


def plot_f1_curves(curves, ax):
    """F1 on validation rows by epoch: the ensemble as a line, its members as a band.

    Parameters
    ----------
    curves : dict of str to dict of str to sequence
        By model: `epoch`, `validation_f1` (ensemble), `low` and `high` (over members); None
        where there is no figure.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    for index, (name, curve) in enumerate(curves.items()):
        colour = method_colour(index)
        epoch = np.asarray(curve["epoch"])
        f1, low, high = (
            np.array(curve[key], dtype=float) for key in ("validation_f1", "low", "high")
        )
        ax.plot(epoch, f1, color=colour, label=name, linewidth=1.6,
                marker=MARKERS[index % len(MARKERS)], markersize=3)  # fmt: skip
        ax.fill_between(epoch, low, high, color=colour, alpha=0.15, linewidth=0)
    ax.set(xlabel="Epoch", ylabel="F1 on validation rows")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_grid(ax)
    return legend_above(ax)


def recall_by_false_positive_rate(y_true, score, sample_weight=None):
    """Corners of the recall-at-false-positive-rate curve.

    Parameters
    ----------
    y_true, score, sample_weight : array-like of shape (n_samples,)
        As in `evaluation.ranking.average_precision`.

    Returns
    -------
    rate, recall : ndarray of shape (n_points,), in [0, 1]
        By rising rate; recall is the highest at that rate.
    """
    cuts = rank_cuts(y_true, score, sample_weight)
    rate, recall = cuts.false_alarms / cuts.false_alarms[-1], cuts.recall
    corner = np.append(True, np.diff(recall) > 0)
    corner |= np.append(corner[1:], True)
    return rate[corner], recall[corner]


def plot_recall_at_fpr(curves, ax):
    """Recall against the false-positive rate, the latter in powers of ten.

    Parameters
    ----------
    curves : dict of str to (rate, recall)
        By model, as from `recall_by_false_positive_rate`.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    for index, (name, (rate, recall)) in enumerate(curves.items()):
        ax.step(np.maximum(rate, LOWEST_RATE), recall, where="post", label=name,
                color=method_colour(index), linewidth=1.6)  # fmt: skip
    ax.axvline(1e-3, color=REFERENCE, linestyle=":", linewidth=1)
    ax.set(xscale="log", xlim=(LOWEST_RATE, 1), ylim=(0, 1.02),
           xlabel="False-positive rate", ylabel="Recall")  # fmt: skip
    ax.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g} %"))
    add_grid(ax)
    return legend_above(ax)


def plot_differences(differences, ax, *, label):
    """Differences to the first model with their intervals, one line for each other model.

    Parameters
    ----------
    differences : dict of str to (estimate, low, high)
        By model.
    ax : matplotlib.axes.Axes
        Drawn into.
    label : str
        Of the axis.

    Returns
    -------
    matplotlib.axes.Axes
    """
    for index, (estimate, low, high) in enumerate(differences.values()):
        colour = method_colour(index + 1)
        ax.plot([low, high], [index, index], color=colour, linewidth=2)
        ax.plot([estimate], [index], "o", color=colour)
    ax.axvline(0, color=REFERENCE, linestyle=":", linewidth=1.5)
    ax.set_yticks(range(len(differences)), differences)
    ax.set_ylim(len(differences) - 0.5, -0.5)
    ax.set_xlabel(label)
    add_grid(ax, "x")
    return ax
