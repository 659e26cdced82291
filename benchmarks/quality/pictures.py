"""Pictures of the report; each has its numbers beside it as CSV."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from benchmarks.quality.bootstrap import PooledBootstrap
from benchmarks.quality.outcomes import Outcome, Outcomes, from_scores, values
from benchmarks.quality.tables import XGBOOST, difference, spell
from evaluation import plots
from evaluation.plots.style import REFERENCE, add_grid, method_colour
from pipeline.stages.figures import save_figure

SHOWN_IN_RELIABILITY = ("sgan", "xgboost")
CODE_OF_BINS = ("evaluation/plots/results.py",)


def draw_all(outcomes: Outcomes, bootstrap: PooledBootstrap, folder: Path) -> dict[str, str]:
    """Draw what there are results for; return the text under each picture by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {
        "full_labels.png": _full_labels(outcomes, bootstrap, folder / "full_labels.png"),
        "steady.png": _steady(outcomes, folder / "steady.png"),
        "reliability.png": _reliability(outcomes, folder / "reliability.png"),
    }
    return {name: text for name, text in drawn.items() if text}


def _full_labels(outcomes: Outcomes, bootstrap: PooledBootstrap, path: Path) -> str:
    gathered = outcomes.of("full_labels")
    rows = []
    for name, cells in gathered.items():
        one = difference(gathered, XGBOOST, name, bootstrap).get("average_precision")
        if not cells:
            continue
        mean = values(cells.values(), "average_precision").mean()
        limits = (one.estimate, one.low, one.high) if one else (np.nan,) * 3
        rows.append((spell(name), mean, *limits))
    columns = ["variant", "average_precision", "difference", "low", "high"]
    numbers = pd.DataFrame(rows, columns=columns)
    if numbers["difference"].notna().sum() == 0:
        return ""
    save_figure(
        path,
        lambda axes: draw_comparison(numbers, axes),
        numbers,
        title="Full labels: average precision, and its difference to XGBoost",
        size=(11.0, 5.0),
        n_axes=2,
    )
    return (
        "Left: mean average precision over folds and seeds. Right: difference to XGBoost on the "
        "same rows with its 95 % interval."
    )


def draw_comparison(numbers: pd.DataFrame, axes) -> None:
    """Dots of each variant, and its difference to XGBoost with the interval."""
    ordered = numbers.sort_values("average_precision").reset_index(drop=True)
    height = np.arange(len(ordered))
    left, right = axes
    left.plot(ordered["average_precision"], height, "o", color=method_colour(0))
    left.set_yticks(height, ordered["variant"])
    left.set(xlabel="Average precision")
    known = ordered["difference"].notna()
    shown = ordered[known]
    errors = [shown["difference"] - shown["low"], shown["high"] - shown["difference"]]
    right.errorbar(
        shown["difference"], height[known], xerr=errors, fmt="o", color=method_colour(1), capsize=3
    )
    right.axvline(0.0, color=REFERENCE, linestyle=":")
    right.set_yticks(height, [""] * len(height))
    right.set(xlabel="Difference to XGBoost", ylim=left.get_ylim())
    for ax in axes:
        add_grid(ax)


def _steady(outcomes: Outcomes, path: Path) -> str:
    gathered = outcomes.of("steady")
    curves = {
        "default": [o.line["curve"] for o in gathered["sgan"].values() if "curve" in o.line],
        "reference": [
            curve
            for o in gathered["reference"].values()
            for curve in o.line.get("member_curves", [])
        ],
    }
    if not any(curves.values()):
        return ""
    numbers = pd.DataFrame(
        [
            (name, number, share, f1)
            for name, found in curves.items()
            for number, curve in enumerate(found)
            for share, f1 in zip(np.linspace(0, 1, len(curve) + 1)[1:], curve, strict=True)
        ],
        columns=["configuration", "seed", "share_of_training", "validation_f1"],
    )
    save_figure(
        path,
        lambda axes: draw_curves(numbers, axes),
        numbers,
        title="Every seed's F1 on validation rows",
        size=(11.0, 4.5),
        n_axes=2,
    )
    return (
        f"Left: {len(curves['default'])} seeds of the default (ensembles). Right: "
        f"{len(curves['reference'])} GANs of the reference configuration, each curve thinned to "
        "100 points."
    )


def draw_curves(numbers: pd.DataFrame, axes) -> None:
    """One line a seed: the default on the left, the reference on the right."""
    for index, (ax, name) in enumerate(zip(axes, ("default", "reference"), strict=True)):
        for _, curve in numbers[numbers["configuration"] == name].groupby("seed"):
            ax.plot(
                curve["share_of_training"],
                curve["validation_f1"],
                color=method_colour(index),
                linewidth=0.8,
                alpha=0.5,
            )
        ax.set(xlabel="Share of the training", xlim=(0, 1), ylim=(-0.02, 1.0), title=name)
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
        add_grid(ax)
    axes[0].set(ylabel="F1 at the epoch's best threshold")


def _reliability(outcomes: Outcomes, path: Path) -> str:
    gathered = outcomes.of("full_labels")
    found = {}
    for name in SHOWN_IN_RELIABILITY:
        done = list(gathered.get(name, {}).values())
        numbers = (
            from_scores("reliability", CODE_OF_BINS, [done], lambda d=done: _bins(d))
            if done
            else None
        )
        if numbers is not None:
            found[spell(name)] = pd.DataFrame(numbers)
    if not found:
        return ""
    numbers = pd.concat([table.assign(variant=name) for name, table in found.items()])
    save_figure(
        path,
        lambda ax: plots.plot_calibration(found, ax),
        numbers,
        title="Predicted and observed fraud rate on test rows, full labels",
        size=(7.5, 6.5),
    )
    return (
        "Pooled test scores of all folds and seeds, in log odds; a row is there once for each "
        "seed, so the bars are narrower than the rows justify."
    )


def _bins(done: list[Outcome]) -> list[dict[str, float]]:
    """Return the numbers of a reliability picture, as JSON can hold them."""
    scored = [one for outcome in done if (one := outcome.scored) is not None]
    y, score, weight = (
        np.concatenate([getattr(one, part) for one in scored]) for part in ("y", "score", "weight")
    )
    return plots.calibration_numbers(y, score, weight).to_dict("records")
