"""Pictures of judged scores: precision-recall curves and reliability."""

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from evaluation.inputs import check_both_classes, check_scored_rows
from evaluation.plots.style import REFERENCE, add_grid, legend_above, method_colour
from evaluation.ranking import rank_cuts

SMALLEST_SHOWN = 1e-6  # probabilities outside [1e-6, 1 - 1e-6] are drawn at the edge


def precision_recall_numbers(curves):
    """Curves in long form.

    Parameters
    ----------
    curves : dict of str to (recall, precision)
        Per method, by rising recall from 0, as `evaluation.metrics.precision_recall_points`.

    Returns
    -------
    pandas.DataFrame
        Columns `method`, `recall`, `precision`.
    """
    return pd.concat(
        [
            pd.DataFrame({"method": method, "recall": recall, "precision": precision})
            for method, (recall, precision) in curves.items()
        ],
        ignore_index=True,
    )


def plot_precision_recall(curves, ax, *, chosen=None, prevalence=None):
    """Precision-recall curves, average precision in the legend, chosen thresholds as dots.

    Parameters
    ----------
    curves : dict of str to (recall, precision)
        As in `precision_recall_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.
    chosen : dict of str to (recall, precision), or None
        The point of a method's chosen threshold.
    prevalence : float or None
        Fraud rate, the precision of a random order.

    Returns
    -------
    matplotlib.axes.Axes
    """
    for index, (method, (recall, precision)) in enumerate(curves.items()):
        colour = method_colour(index)
        area = np.sum(np.diff(recall) * np.asarray(precision)[1:])
        # "pre": a rise in recall happens at the precision of the cut that brings it.
        ax.step(
            recall,
            precision,
            where="pre",
            color=colour,
            linewidth=2 if index == 0 else 1.3,
            zorder=3 if index == 0 else 2,
            label=f"{method} (AP {area:.3f})",
        )
        if chosen and method in chosen:
            ax.plot(
                *chosen[method],
                "o",
                color=colour,
                markeredgecolor="white",
                markersize=9,
                zorder=4,
                clip_on=False,
            )
    if chosen:
        ax.plot([], [], "o", color=REFERENCE, markersize=7, label="chosen threshold")
    if prevalence is not None:
        label = f"random order (prevalence {prevalence:.3g})"
        ax.axhline(prevalence, color=REFERENCE, linestyle=":", linewidth=1.5, label=label)
    ax.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1), ylim=(-0.01, 1.01))
    add_grid(ax)
    return legend_above(ax)


def calibration_numbers(y_true, score, sample_weight=None, *, n_bins=8):
    """Predicted and observed fraud rates in bins that hold frauds and genuine rows.

    Bins of equal rows would put every fraud into the last one. From the highest score down, a
    bin is closed when it holds its share of the frauds (all / n_bins, at least 5) and a genuine
    row. The observed odds are (frauds + 1/2) / (genuine rows + 1/2) over the mean weight of a
    genuine row, and the range is two standard errors of the log odds,
    (1 / (frauds + 1/2) + 1 / (genuine rows + 1/2))^(1/2), to either side.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), values in {0, 1}
        1 marks fraud; both classes must be there.
    score : array-like of shape (n_samples,), in [0, 1]
        Probability of fraud.
    sample_weight : array-like of shape (n_samples,) or None
        Transactions that a row stands for.
    n_bins : int, at least 1
        Closed bins at most; what is left below them is one more.

    Returns
    -------
    pandas.DataFrame
        Columns `predicted` (mean score), `observed`, `low`, `high`, `n_frauds`, `n_genuine`
        (raw rows), by rising score.
    """
    y_true, score, weight = check_scored_rows(y_true, score, sample_weight)
    check_both_classes(y_true)
    bins = _bins_from_the_top(y_true, score, quota=max(5, y_true.sum() / n_bins))
    rows = []
    for number in np.unique(bins)[::-1]:
        inside = bins == number
        fraud, genuine = inside & (y_true == 1), inside & (y_true == 0)
        n_frauds, n_genuine = int(fraud.sum()), int(genuine.sum())
        each = weight[genuine].mean() if n_genuine else weight[y_true == 0].mean()
        fraud_each = weight[fraud].mean() if n_frauds else weight[y_true == 1].mean()
        log_odds = np.log((n_frauds + 0.5) * fraud_each / ((n_genuine + 0.5) * each))
        error = np.sqrt(1 / (n_frauds + 0.5) + 1 / (n_genuine + 0.5))
        observed, low, high = 1 / (1 + np.exp(-(log_odds + error * np.array([0, -2, 2]))))
        predicted = np.average(score[inside], weights=weight[inside])
        rows.append((predicted, observed, low, high, n_frauds, n_genuine))
    names = ["predicted", "observed", "low", "high", "n_frauds", "n_genuine"]
    return pd.DataFrame(rows, columns=names)


def _bins_from_the_top(y_true, score, quota):
    """Number of the bin of each row, 0 for the highest scores; equal scores share a bin."""
    cuts = rank_cuts(y_true, score)
    numbers = np.zeros(len(cuts.score), dtype=int)
    frauds = genuine = number = 0
    for index in range(len(cuts.score)):
        numbers[index] = number
        if cuts.caught[index] - frauds >= quota and cuts.false_alarms[index] > genuine:
            frauds, genuine = cuts.caught[index], cuts.false_alarms[index]
            number += 1
    return numbers[np.searchsorted(-cuts.score, -score)]


def plot_calibration(calibrations, ax):
    """Observed against predicted fraud rate, both in log odds.

    Parameters
    ----------
    calibrations : dict of str to pandas.DataFrame
        Per method (or "raw", "calibrated"), as from `calibration_numbers`.
    ax : matplotlib.axes.Axes
        Drawn into.

    Returns
    -------
    matplotlib.axes.Axes
    """
    shown = []
    for index, (method, numbers) in enumerate(calibrations.items()):
        inside = numbers[["predicted", "observed", "low", "high"]].clip(
            SMALLEST_SHOWN, 1 - SMALLEST_SHOWN
        )
        below, above = inside["observed"] - inside["low"], inside["high"] - inside["observed"]
        ax.errorbar(
            inside["predicted"],
            inside["observed"],
            yerr=[below, above],
            fmt="os^Dv"[index % 5] + "-",
            color=method_colour(index),
            linewidth=1.2,
            elinewidth=1,
            capsize=3,
            label=method,
        )
        shown.append(inside.to_numpy().ravel())
    limits = _log_odds_limits(np.concatenate(shown))
    ax.plot(
        limits, limits, color=REFERENCE, linestyle=":", linewidth=1.5, label="perfectly calibrated"
    )
    for axis, scale, set_limits in (
        (ax.xaxis, ax.set_xscale, ax.set_xlim),
        (ax.yaxis, ax.set_yscale, ax.set_ylim),
    ):
        scale("logit")
        set_limits(*limits)
        ticks = np.concatenate([10.0 ** np.arange(-6, 0), [0.5], 1 - 10.0 ** np.arange(-1, -7, -1)])
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
    ax.tick_params(axis="x", rotation=45)
    ax.set(xlabel="Predicted probability of fraud (log odds)", ylabel="Observed fraud rate")
    add_grid(ax)
    ax.legend(loc="upper left", frameon=True, framealpha=0.9)
    return ax


def _log_odds_limits(values):
    odds = values / (1 - values)
    odds = np.array([odds.min() / 2, odds.max() * 2])
    return odds / (1 + odds)


def _percent(value):
    digits = max(0, int(np.ceil(-np.log10(min(value, 1 - value)) - 1e-9)) - 2)
    return f"{100 * value:.{digits}f} %"
