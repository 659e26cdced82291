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
    """Average precision less that of the start, which has the same seed and test rows."""
    start = results[results["n_labels"] == simulation.COUNTS[0]]
    level = start.drop_duplicates("seed").set_index("seed")["average_precision"]
    return results["average_precision"] - results["seed"].map(level)


def draw(results, path):
    """Draw means and bands (one standard deviation over seeds), and the same for the gains."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
    titles = {
        "average_precision": "average precision on test rows",
        "gain": "gain over the start, same test rows",
    }
    table = results.assign(gain=gains(results))
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        _draw_curves(table, name, ax)
        ax.set(xlabel="labels", ylabel=title, ylim=_limits(table, name))
        ax.grid(alpha=0.25)
    axes[1].legend(loc="lower right")
    n_seeds = results["seed"].nunique()
    figure.suptitle(f"What labels teach, by how they are chosen ({n_seeds} seeds)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _draw_curves(table, name, ax):
    colours = {"mixed": "#0072b2", "boundary": "#d55e00", "disagreement": "#009e73",
               "diversity": "#cc79a7", "random": "0.25"}  # fmt: skip
    markers = dict(zip(STRATEGIES, "os^Dv", strict=True))
    for strategy in simulation.finished(table):
        by_count = table[table["strategy"] == strategy].groupby("n_labels")[name]
        mean, spread = by_count.mean(), by_count.std()
        line = {"color": colours[strategy], "linestyle": "--" if strategy == "random" else "-"}
        ax.plot(mean.index, mean, marker=markers[strategy], label=strategy, **line)
        ax.fill_between(mean.index, mean - spread, mean + spread, alpha=0.13,
                        color=colours[strategy], linewidth=0)  # fmt: skip
        if strategy == "random":
            count = simulation.TARGET_COUNT
            text = f"{count:,} random labels"
            ax.axhline(mean[count], color="0.45", linewidth=1, linestyle=":")
            ax.annotate(text, (count, mean[count]), (0, 6), ha="right",
                        textcoords="offset points", color="0.3", fontsize=9)  # fmt: skip


def _limits(table, name):
    """Of the axis: around the bands of all points without a fit that failed."""
    sound = table.groupby(["strategy", "n_labels"])[name].agg(["mean", "std"])
    sound = sound[~sound.index.isin(failed(table).set_index(["strategy", "n_labels"]).index)]
    low, high = (sound["mean"] - sound["std"]).min(), (sound["mean"] + sound["std"]).max()
    return low - 0.02, high + 0.02


def failed(results):
    """Rows of fits that lost more than half of the average precision of their start."""
    start = results["average_precision"] - gains(results)
    return results[results["average_precision"] < FAILED_SHARE * start]


def as_markdown(results, command, picture):
    """Return the page."""
    seeds, strategies = sorted(results["seed"].unique()), simulation.finished(results)
    counts, start = simulation.COUNTS, simulation.START
    missing = [name for name in STRATEGIES if name not in strategies]
    table = results.pivot_table(index="n_labels", columns="strategy", values="average_precision",
                                aggfunc=["mean", "std"])  # fmt: skip
    frauds = results.pivot_table(index="n_labels", columns="strategy", values="n_labelled_frauds")
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
        "figures compare strategies; they are not those of the full model.",
        "",
        f"![Average precision against labels]({picture})",
        "",
        "Bands: one standard deviation over seeds. Left, most of it is the difference between the "
        "test rows of the folds; right, each seed is compared with its own start.",
        "",
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
    lines += ["", *_target(results), ""]
    return "\n".join(lines)


def _target(results):
    """Say whether a strategy reaches the figure of random labels with its smaller budget."""
    indexed = results.set_index(["strategy", "n_labels", "seed"])["average_precision"].sort_index()
    count, budget = simulation.TARGET_COUNT, simulation.TARGET_BUDGET
    yardstick = indexed["random", count]
    lines = [
        "## Against 1,000 random labels",
        "",
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
