"""The page and the picture of the simulation."""

import numpy as np
from scipy.stats import t as student_t

from benchmarks.active_learning import simulation
from models.active_learning import STRATEGIES

FAILED_SHARE = 0.5  # of the start's average precision


def interval(values):
    """Mean, and its 95 % interval by Student's t over seeds."""
    values = np.asarray(values, float)
    half = student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def gains(results):
    """Average precision less that of the start, which has the same seed and test rows.

    `results` are those of one weight of pseudo-labels.
    """
    start = results[results["n_labels"] == simulation.COUNTS[0]]
    level = start.drop_duplicates("seed").set_index("seed")["average_precision"]
    return results["average_precision"] - results["seed"].map(level)


def by_weight(results):
    """Weight of pseudo-labels and the results with it, one weight after the other."""
    return list(results.groupby("pseudo_label_weight"))


def draw(results, path):
    """Draw mean average precision against labels, a panel for each weight of pseudo-labels.

    Without bands: most of the deviation is the difference between the test rows of the folds, which
    the strategies share.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    panels = by_weight(results)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(11, 4.8), layout="constrained", sharey=True, squeeze=False
    )
    for ax, (weight, table) in zip(axes[0], panels, strict=True):
        _draw_curves(table, ax)
        ax.set(xlabel="Labels", title=_title(weight))
        ax.grid(alpha=0.25)
    low, high = zip(*(_limits(table) for _, table in panels), strict=True)
    axes[0][0].set(ylabel="Average precision on test rows", ylim=(min(low), max(high)))
    axes[0][-1].legend(loc="lower right")
    n_seeds = results["seed"].nunique()
    figure.suptitle(f"What labels teach, by how they are chosen ({n_seeds} seeds)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _title(weight):
    return f"With pseudo-labels (weight {weight:g})" if weight else "Without pseudo-labels"


def _draw_curves(table, ax):
    colours = {"highest_risk": "#e69f00", "mixed": "#0072b2", "boundary": "#d55e00",
               "disagreement": "#009e73", "diversity": "#cc79a7", "random": "0.25"}  # fmt: skip
    markers = dict(zip(STRATEGIES, "Pos^Dv", strict=True))
    for strategy in simulation.finished(table):
        of_strategy = table[table["strategy"] == strategy]
        by_count = of_strategy.groupby("n_labels")["average_precision"]
        lost = failed(table).query("strategy == @strategy")["n_labels"]
        mean = by_count.mean().drop(lost.unique())
        line = {"color": colours[strategy], "linestyle": "--" if strategy == "random" else "-"}
        ax.plot(mean.index, mean, marker=markers[strategy], label=strategy, **line)
        if strategy == "random":
            count = simulation.TARGET_COUNT
            text = f"{count:,} random labels"
            ax.axhline(mean[count], color="0.45", linewidth=1, linestyle=":")
            ax.annotate(text, (count, mean[count]), (0, 6), ha="right",
                        textcoords="offset points", color="0.3", fontsize=9)  # fmt: skip


def _limits(table):
    """Of the axis: around all points without a fit that failed."""
    mean = table.groupby(["strategy", "n_labels"])["average_precision"].mean()
    sound = mean[~mean.index.isin(failed(table).set_index(["strategy", "n_labels"]).index)]
    return sound.min() - 0.02, sound.max() + 0.02


def failed(results):
    """Rows of fits that lost more than half of the average precision of their start."""
    start = results["average_precision"] - gains(results)
    return results[results["average_precision"] < FAILED_SHARE * start]


def as_markdown(results, command, picture):
    """Return the page."""
    seeds = sorted(results["seed"].unique())
    counts, start = simulation.COUNTS, simulation.START
    lines = [
        "# Active learning",
        "",
        f"Made by `{command}`.",
        "",
        f"Simulated on the real development rows: in each of {len(seeds)} folds (one a seed) four "
        "fifths of the rows are a pool whose labels are hidden, the last fifth are test rows, the "
        f"same for every strategy and number of labels. All strategies start from the same "
        f"{counts[0]} labels ({start[1]} frauds, {start[0]} genuine rows at random), the network "
        "is trained, a strategy names the next rows, their labels are uncovered, and the network "
        f"is trained anew: at {', '.join(map(str, counts))} labels, random also at "
        f"{', '.join(map(str, simulation.LATER_COUNTS))}. The first batch holds "
        f"{counts[1] - counts[0]} rows, "
        f"the later ones {counts[2] - counts[1]}. Average precision is weighted to the fraud "
        "rate of the public set, 0.167 %; in the pool frauds are 4.4 times as frequent (0.72 %), "
        "which helps the random control to find some.",
        "",
        "To make hundreds of fits affordable the classifier is a small one: "
        + ", ".join(f"`{name}: {value}`" for name, value in simulation.SETTINGS.items())
        + ", no encoders, no synthetic frauds, no validation rows (the last epoch scores). The "
        "figures compare strategies; they are not those of the full model. All is simulated with "
        "each of "
        + " and ".join(
            f"`pseudo_label_weight: {weight:g}`" for weight in simulation.PSEUDO_LABEL_WEIGHTS
        )
        + ": pseudo-labels count on labelled rows that are a fair sample, which those of a "
        "strategy are not.",
        "",
        f"![Average precision against labels]({picture})",
        "",
        "Means over the seeds.",
    ]
    for weight, table in by_weight(results):
        lines += ["", f"## {_title(weight)}", "", *_table(table), "", *_target(table)]
    return "\n".join([*lines, *_what_pseudo_labels_add(results), ""])


def _what_pseudo_labels_add(results):
    """Compare the weights of pseudo-labels, strategy by strategy, each with its own choices."""
    without, with_them = simulation.PSEUDO_LABEL_WEIGHTS
    done = [simulation.finished(table) for _, table in by_weight(results)]
    strategies = [name for name in STRATEGIES if all(name in names for names in done)]
    if len(done) < len(simulation.PSEUDO_LABEL_WEIGHTS) or not strategies:
        return []
    indexed = results.set_index(["strategy", "n_labels", "pseudo_label_weight", "seed"])
    figures = indexed["average_precision"].sort_index()
    lines = [
        "",
        "## What pseudo-labels add",
        "",
        "Average precision with them minus without, paired by seed, with 95 % intervals. Each side "
        "has asked for its own labels; both start from the same ones.",
        "",
        "| labels | " + " | ".join(strategies) + " |",
        "|---" * (1 + len(strategies)) + "|",
    ]
    for n_labels in sorted(results["n_labels"].unique()):
        cells = []
        for strategy in strategies:
            if (strategy, n_labels) not in figures.index.droplevel([2, 3]):
                cells.append("-")
                continue
            here = figures[strategy, n_labels]
            mean, low, high = interval(here[with_them] - here[without])
            cells.append(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {n_labels} | " + " | ".join(cells) + " |")
    return lines


def _table(results):
    """Average precision by labels and strategy, and what went wrong or is missing."""
    strategies = simulation.finished(results)
    missing = [name for name in STRATEGIES if name not in strategies]
    table = results.pivot_table(index="n_labels", columns="strategy", values="average_precision",
                                aggfunc=["mean", "std"])  # fmt: skip
    frauds = results.pivot_table(index="n_labels", columns="strategy", values="n_labelled_frauds")
    lines = [
        "Average precision, mean and standard deviation over seeds; in brackets the frauds among "
        "the labels, on average:",
        "",
        "| labels | " + " | ".join(strategies) + " |",
        "|---" * (1 + len(strategies)) + "|",
    ]
    for n_labels in table.index:
        cells = [
            "-" if np.isnan(mean := table["mean"].get(name, {}).get(n_labels, np.nan)) else
            f"{mean:.3f} ± {table['std'][name][n_labels]:.3f} ({frauds[name][n_labels]:.0f})"
            for name in strategies
        ]  # fmt: skip
        lines.append(f"| {n_labels} | " + " | ".join(cells) + " |")
    fits = [
        f"{row.strategy}, seed {row.seed}, {row.n_labels} labels: {row.average_precision:.3f}"
        for row in failed(results).itertuples()
    ]
    if fits:
        lines += [
            "",
            "Fits that lost more than half of the average precision of their start, in the table "
            f"and outside the picture: {'; '.join(fits)}.",
        ]
    if missing:
        lines += ["", f"Not finished on all seeds, and left out: {', '.join(missing)}."]
    return lines


def _target(results):
    """Say whether a strategy reaches the figure of random labels with its smaller budget."""
    indexed = results.set_index(["strategy", "n_labels", "seed"])["average_precision"].sort_index()
    count, budget = simulation.TARGET_COUNT, simulation.TARGET_BUDGET
    yardstick = indexed["random", count]
    lines = [
        f"Target: the best strategy reaches the figure of {count:,} random labels with at "
        f"most {budget}. Random labels give {yardstick.mean():.3f} there. Differences are "
        "paired by seed, with 95 % intervals (Student's t over the seeds).",
        "",
        f"| strategy | fewest labels whose mean reaches it | at {budget} labels, difference "
        f"to {count:,} random ones |",
        "|---|---|---|",
    ]
    for strategy in simulation.finished(results):
        of_strategy = indexed[strategy]
        reached = [n for n in simulation.counts_of(strategy)
                   if of_strategy[n].mean() >= yardstick.mean()]  # fmt: skip
        mean, low, high = interval(of_strategy[budget] - yardstick)
        fewest = str(reached[0]) if reached else f"none up to {simulation.counts_of(strategy)[-1]}"
        lines.append(f"| {strategy} | {fewest} | {mean:+.3f} ({low:+.3f} to {high:+.3f}) |")
    return lines
