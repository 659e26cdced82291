"""Pictures of training: a metric and the losses by epoch, with a band over members."""

import pandas as pd
from matplotlib.ticker import MaxNLocator

from evaluation.plots.style import FRAUD, add_grid, method_colour, metric_label


def metric_by_epoch_numbers(history, metric):
    """A metric by epoch over the members of an ensemble.

    Parameters
    ----------
    history : pandas.DataFrame
        One row per epoch, or per epoch and member: columns `epoch` and `metric`.
    metric : str
        Column of `history`.

    Returns
    -------
    pandas.DataFrame
        Columns `epoch`, `mean`, `std` (0 for one member), `low`, `high`, `n_members`.

    Raises
    ------
    KeyError
        If a column is missing.
    """
    missing = {"epoch", metric} - set(history.columns)
    if missing:
        raise KeyError(f"history has no column {sorted(missing)}; it has {list(history.columns)}")
    by_epoch = history.groupby("epoch")[metric]
    numbers = by_epoch.agg(["mean", "std", "min", "max", "count"]).reset_index()
    numbers.columns = pd.Index(["epoch", "mean", "std", "low", "high", "n_members"])
    return numbers.fillna({"std": 0.0})


def plot_metric_by_epoch(history, metric, ax, *, chosen_epoch=None, label=None):
    """Mean of a metric by epoch, the range over members as a band, the chosen epoch marked.

    Parameters
    ----------
    history, metric
        As in `metric_by_epoch_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.
    chosen_epoch : int or None
        Epoch to mark.
    label : str or None
        Name of the metric on the axis; None makes one from `metric`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    label = label or metric_label(metric)
    numbers = metric_by_epoch_numbers(history, metric)
    _mean_and_band(numbers, ax, method_colour(0), "mean")
    if chosen_epoch is not None:
        ax.axvline(chosen_epoch, color=FRAUD, linestyle="--", linewidth=1)
        chosen = numbers.loc[numbers["epoch"] == chosen_epoch, "mean"]
        if len(chosen):
            value = float(chosen.iloc[0])
            text = f"chosen epoch {chosen_epoch}: {value:.3f}"
            ax.plot(chosen_epoch, value, "o", color=FRAUD, label=text)
    ax.set(xlabel="Epoch", ylabel=label)
    return _finish(ax, len(numbers))


def losses_numbers(history, losses=None):
    """Losses by epoch over the members, in long form.

    Parameters
    ----------
    history : pandas.DataFrame
        As in `metric_by_epoch_numbers`.
    losses : sequence of str or None
        Columns; None takes every one that is `loss` or ends in `_loss`.

    Returns
    -------
    pandas.DataFrame
        Columns `loss` (its name) and those of `metric_by_epoch_numbers`.

    Raises
    ------
    KeyError
        If a column is missing, or `history` has no loss.
    """
    if losses is None:
        losses = [name for name in history.columns if name == "loss" or name.endswith("_loss")]
    if not losses:
        raise KeyError(f"history has no column that ends in '_loss'; it has {list(history)}")
    parts = [metric_by_epoch_numbers(history, loss).assign(loss=loss) for loss in losses]
    numbers = pd.concat(parts, ignore_index=True)
    return numbers[["loss", *[name for name in numbers.columns if name != "loss"]]]


def plot_losses(history, ax, *, losses=None, chosen_epoch=None):
    """Losses by epoch, each with its band over members.

    Parameters
    ----------
    history, losses
        As in `losses_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.
    chosen_epoch : int or None
        Epoch to mark.

    Returns
    -------
    matplotlib.axes.Axes
    """
    numbers = losses_numbers(history, losses)
    for index, (loss, part) in enumerate(numbers.groupby("loss", sort=False)):
        _mean_and_band(part, ax, method_colour(index), metric_label(loss))
    if chosen_epoch is not None:
        text = f"chosen epoch {chosen_epoch}"
        ax.axvline(chosen_epoch, color=FRAUD, linestyle="--", linewidth=1, label=text)
    ax.set(xlabel="Epoch", ylabel="Loss")
    return _finish(ax, numbers["epoch"].nunique())


def _mean_and_band(numbers, ax, colour, label):
    n_members = int(numbers["n_members"].max())
    if n_members > 1:
        ax.fill_between(
            numbers["epoch"], numbers["low"], numbers["high"], color=colour, alpha=0.2, linewidth=0
        )
        label = f"{label}, range of {n_members} members"
    marker = "o" if len(numbers) == 1 else None
    ax.plot(numbers["epoch"], numbers["mean"], color=colour, marker=marker, label=label)


def _finish(ax, n_epochs):
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if n_epochs > 1:
        ax.margins(x=0.01)
    add_grid(ax)
    ax.legend(loc="best", frameon=True, framealpha=0.9)
    return ax
