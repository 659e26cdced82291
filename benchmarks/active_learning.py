"""Simulates active learning on real rows: average precision against the number of labels.

Run from the repository root: ``python -m benchmarks.active_learning``. A stopped run continues
where it was: finished fits are lines of ``benchmarks/results/active_learning.jsonl``.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import t as student_t
from sklearn.model_selection import StratifiedKFold

from benchmarks.quality.ledger import Ledger
from benchmarks.quality.rows import FEATURES, N_FOLDS, UNLABELLED, Table, load
from evaluation.ranking import average_precision
from models.active_learning import STRATEGIES, choose_queries

DATA = Path("../shared/data/creditcard_dev.parquet")
RESULTS = Path("benchmarks/results/active_learning.jsonl")
SCORES = Path(".cache/benchmarks/active_learning")
PAGE = Path("docs/benchmarks/active_learning.md")
PICTURE = Path("docs/images/active_learning.png")
START = {1: 3, 0: 47}  # labels of each class that every strategy starts from
COUNTS = (50, 100, 200, 300, 400)  # labels at which every strategy is judged
LATER_COUNTS = (700, 1000)  # and random alone
TARGET_COUNT, TARGET_BUDGET = 1000, 400
# Of presets/few_labels.yaml, with fewer members and epochs and without encoders.
SETTINGS = {
    "n_members": 4, "epochs": 6, "steps_per_epoch": 100, "batch_size": 128,
    "unsupervised_batch_size": 64, "column_encoding": "none", "column_share": 1.0,
    "dropout": 0.5, "input_noise": 1.0, "final_input_noise": 1.0,
}  # fmt: skip
SMALL = {"n_members": 2, "epochs": 1, "steps_per_epoch": 5}


@dataclass(frozen=True)
class Fold:
    """The rows of one seed: a pool that labels are asked for, and test rows.

    Attributes
    ----------
    X, y : float32 (n_pool, n_features), int8 (n_pool,)
        Training rows, scaled by all of them.
    X_test, y_test, weight
        The fifth of the rows that nothing is chosen by.
    """

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Job:
    """One fit: so many labels, chosen by a strategy from a start of its seed."""

    strategy: str
    seed: int
    n_labels: int
    small: bool

    @property
    def key(self):
        """Name of the job, the same for the start of every strategy."""
        settings = SETTINGS | (SMALL if self.small else {})
        content = asdict(self) | {"settings": settings, "start": list(START.items())}
        if self.n_labels == COUNTS[0]:
            content["strategy"] = "start"
        content["counts"] = [n for n in (*COUNTS, *LATER_COUNTS) if n <= self.n_labels]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_fold(table: Table, seed):
    """Fold number `seed` of five."""
    from features.scaling import TransactionScaler

    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    train, test = list(folds.split(table.y, table.y))[seed % N_FOLDS]
    frame = pd.DataFrame(table.X, columns=list(FEATURES))
    scaler = TransactionScaler(method="arcsinh").fit(frame.iloc[train])
    X = scaler.transform(frame).astype(np.float32)
    return Fold(X[train], table.y[train], X[test], table.y[test], table.weight[test])


def start_rows(fold, seed):
    """Positions of the rows that are labelled from the start, the same for all strategies."""
    rng = np.random.default_rng([seed, 1])
    drawn = [rng.permutation(np.flatnonzero(fold.y == label))[:n] for label, n in START.items()]
    return np.sort(np.concatenate(drawn))


def run_job(job, fold, labelled):
    """Fit with those labels, judge on the test rows; return the figures and the test scores.

    The figures hold what the strategy asks for next, `queried`, for the size of its next batch.
    """
    import keras

    from models.classifier import SGANClassifier

    started = time.perf_counter()
    y = np.full(len(fold.y), UNLABELLED)
    y[labelled] = fold.y[labelled]
    settings = SETTINGS | (SMALL if job.small else {})
    classifier = SGANClassifier(**settings, random_state=1000 * job.seed + job.n_labels)
    classifier.fit(fold.X, y)
    score = classifier.decision_function(fold.X_test)
    pool = np.flatnonzero(y == UNLABELLED)
    log_odds = classifier.decision_function_members(fold.X[pool])
    keras.backend.clear_session()
    later = [n for n in counts_of(job.strategy) if n > job.n_labels]
    queried = {}
    # The start is fitted once, and asked by every strategy.
    for strategy in STRATEGIES if job.n_labels == COUNTS[0] else [job.strategy]:
        if later:
            rng = np.random.default_rng([job.seed, job.n_labels, 2])
            chosen = choose_queries(
                strategy, later[0] - job.n_labels, fold.X[pool], expit(log_odds),
                score=expit(log_odds.mean(axis=1)), known=fold.X[labelled], rng=rng,
            )  # fmt: skip
            queried[strategy] = np.sort(pool[chosen]).tolist()
    figures = {
        "key": job.key, **asdict(job),
        "average_precision": float(average_precision(fold.y_test, score, fold.weight)),
        "n_labelled_frauds": int(fold.y[labelled].sum()),
        "queried": queried,
        "seconds": round(time.perf_counter() - started, 2),
    }  # fmt: skip
    return figures, score


def counts_of(strategy):
    """Numbers of labels at which a strategy is judged."""
    return COUNTS + (LATER_COUNTS if strategy == "random" else ())


def simulate(table, ledger, seeds, *, small):
    """Run what the results file lacks, the strategies one after the other."""
    done = ledger.by_key()
    folds = {}
    for strategy in ("random", *(name for name in STRATEGIES if name != "random")):
        for seed in seeds:
            fold = folds[seed] = folds.get(seed) or make_fold(table, seed)
            labelled = start_rows(fold, seed)
            for n_labels in counts_of(strategy):
                job = Job(strategy, seed, n_labels, small)
                if job.key not in done:
                    figures, score = run_job(job, fold, labelled)
                    ledger.add(figures, {"score": score})
                    done[job.key] = figures
                    print(*asdict(job).values(), figures["average_precision"], flush=True)
                queried = done[job.key]["queried"].get(strategy, [])
                labelled = np.sort(np.append(labelled, queried)).astype(int)


def collect(ledger, seeds, *, small):
    """Figures of all jobs: strategy, seed, n_labels, average_precision, n_labelled_frauds."""
    done = ledger.by_key()
    rows = [
        {"strategy": strategy, "seed": seed, "n_labels": n_labels}
        | {name: line[name] for name in ("average_precision", "n_labelled_frauds", "seconds")}
        for strategy in STRATEGIES
        for seed in seeds
        for n_labels in counts_of(strategy)
        if (line := done.get(Job(strategy, seed, n_labels, small).key))
    ]
    return pd.DataFrame(rows)


def interval(values):
    """Mean, and its 95 % interval by Student's t over seeds."""
    values = np.asarray(values, float)
    half = student_t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def draw(results, path):
    """Draw mean and band (mean plus or minus one standard deviation over seeds)."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    of_random = results[results["strategy"] == "random"]
    target = of_random.loc[of_random["n_labels"] == TARGET_COUNT, "average_precision"].mean()
    ax.axhline(target, color="0.45", linewidth=1, linestyle=":")
    ax.annotate(f"{TARGET_COUNT:,} random labels: {target:.3f}", (1000, target), (0, 5),
                textcoords="offset points", ha="right", color="0.3", fontsize=9)  # fmt: skip
    colours = {"mixed": "#0072b2", "boundary": "#d55e00", "disagreement": "#009e73",
               "diversity": "#cc79a7", "random": "0.25"}  # fmt: skip
    markers = dict(zip(STRATEGIES, "os^Dv", strict=True))
    for strategy in STRATEGIES:
        by_count = results[results["strategy"] == strategy].groupby("n_labels")
        mean, spread = by_count["average_precision"].mean(), by_count["average_precision"].std()
        line = {"color": colours[strategy], "linestyle": "--" if strategy == "random" else "-"}
        ax.plot(mean.index, mean, marker=markers[strategy], label=strategy, **line)
        ax.fill_between(mean.index, mean - spread, mean + spread, alpha=0.12,
                        color=colours[strategy], linewidth=0)  # fmt: skip
    n_seeds = results["seed"].nunique()
    ax.set(xlabel="labels", ylabel="average precision on test rows",
           title=f"What labels teach, by how they are chosen ({n_seeds} seeds)")  # fmt: skip
    ax.grid(alpha=0.25)
    ax.legend(loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def as_markdown(results, command, picture):
    """Return the page."""
    seeds = sorted(results["seed"].unique())
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
        f"{COUNTS[0]} labels ({START[1]} frauds, {START[0]} genuine rows at random), the network "
        "is trained, a strategy names the next rows, their labels are uncovered, and the network "
        f"is trained anew: at {', '.join(map(str, COUNTS))} labels, random also at "
        f"{', '.join(map(str, LATER_COUNTS))}. The first batch holds {COUNTS[1] - COUNTS[0]} rows, "
        f"the later ones {COUNTS[2] - COUNTS[1]}. Average precision is weighted to the fraud rate "
        "of the public set, 0.167 %; in the pool frauds are 4.4 times as frequent (0.72 %), which "
        "helps the random control to find some.",
        "",
        "To make hundreds of fits affordable the classifier is a small one: "
        + ", ".join(f"`{name}: {value}`" for name, value in SETTINGS.items())
        + ", no encoders, no synthetic frauds, no validation rows (the last epoch scores). Every "
        "figure here is below what the full model reaches with the same labels.",
        "",
        f"![Average precision against labels]({picture})",
        "",
        "Average precision, mean and standard deviation over seeds; in brackets the frauds among "
        "the labels, on average:",
        "",
        "| labels | " + " | ".join(STRATEGIES) + " |",
        "|---" * (1 + len(STRATEGIES)) + "|",
    ]
    for n_labels in table.index:
        cells = [
            "-" if np.isnan(mean := table["mean"].get(name, {}).get(n_labels, np.nan)) else
            f"{mean:.3f} ± {table['std'][name][n_labels]:.3f} ({frauds[name][n_labels]:.0f})"
            for name in STRATEGIES
        ]  # fmt: skip
        lines.append(f"| {n_labels} | " + " | ".join(cells) + " |")
    lines += ["", *_target(results), ""]
    return "\n".join(lines)


def _target(results):
    """Say whether a strategy reaches the figure of random labels with its smaller budget."""
    indexed = results.set_index(["strategy", "n_labels", "seed"])["average_precision"].sort_index()
    yardstick = indexed["random", TARGET_COUNT]
    lines = [
        "## Against 1,000 random labels",
        "",
        f"Target: the best strategy reaches the figure of {TARGET_COUNT:,} random labels with at "
        f"most {TARGET_BUDGET}. Random labels give {yardstick.mean():.3f} there. Differences are "
        "paired by seed, with 95 % intervals (Student's t over the seeds).",
        "",
        f"| strategy | fewest labels whose mean reaches it | at {TARGET_BUDGET} labels, difference "
        f"to {TARGET_COUNT:,} random ones |",
        "|---|---|---|",
    ]
    for strategy in STRATEGIES:
        of_strategy = indexed[strategy]
        reached = [n for n in counts_of(strategy)
                   if of_strategy[n].mean() >= yardstick.mean()]  # fmt: skip
        mean, low, high = interval(of_strategy[TARGET_BUDGET] - yardstick)
        fewest = str(reached[0]) if reached else f"none up to {counts_of(strategy)[-1]}"
        lines.append(f"| {strategy} | {fewest} | {mean:+.3f} ({low:+.3f} to {high:+.3f}) |")
    return lines


def main(arguments=None):
    """Simulate what is missing, and write page and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="a smoke test on a few rows")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--scores", type=Path, default=SCORES)
    parser.add_argument("--out", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    ledger = Ledger(options.results, options.scores)
    seeds = range(options.seeds)
    simulate(load(options.data, small=options.small), ledger, seeds, small=options.small)
    results = collect(ledger, seeds, small=options.small)
    draw(results, options.picture)
    given = sys.argv[1:] if arguments is None else arguments
    command = " ".join(["python -m benchmarks.active_learning", *given])
    picture = Path(os.path.relpath(options.picture, options.out.parent)).as_posix()
    options.out.write_text(as_markdown(results, command, picture), encoding="utf-8")


if __name__ == "__main__":
    main()
