"""Difficulty and speed of the simulator, written as Markdown tables.

Run from the repository root: ``python -m benchmarks.simulator``.
"""

import argparse
import os
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from xgboost import XGBClassifier

from features.simulation import simulate_transactions


def models():
    """Return the judges by name; XGBoost as in the data folder's table of real results."""
    return {
        "XGBoost, 400 trees, depth 5, rate 0.1": XGBClassifier(
            n_estimators=400, max_depth=5, learning_rate=0.1, n_jobs=2
        ),
        "HistGradientBoosting, 200 trees, 15 leaves, rate 0.05": HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=200,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=0,
        ),
        "HistGradientBoosting, defaults": HistGradientBoostingClassifier(random_state=0),
        "logistic regression, standardised": make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1_000)
        ),
        "logistic regression, arcsinh": make_pipeline(
            StandardScaler(), FunctionTransformer(np.arcsinh), LogisticRegression(max_iter=1_000)
        ),
    }


def split_columns(table):
    """Return V1..V28 and Amount as a matrix, and the labels."""
    return table.drop(columns=["Time", "Class"]).to_numpy(), table["Class"].to_numpy()


def best_single_column(X, y):
    """Return the highest average precision of one column, read up, down or by its distance."""
    return max(
        average_precision_score(y, score)
        for x in X.T
        for score in (x, -x, np.abs(x - np.median(x)))
    )


def measure_difficulty(n_seeds, n_train, n_test):
    """Return average precisions per judge, one per seed."""
    achieved = {}
    for seed in range(n_seeds):
        X, y = split_columns(simulate_transactions(n_train, seed=seed))
        X_test, y_test = split_columns(simulate_transactions(n_test, seed=1_000 + seed))
        for name, model in models().items():
            score = model.fit(X, y).predict_proba(X_test)[:, 1]
            achieved.setdefault(name, []).append(average_precision_score(y_test, score))
        forest = IsolationForest(n_estimators=200, max_samples=1_000, random_state=0).fit(X)
        score = -forest.score_samples(X_test)
        achieved.setdefault("isolation forest (no labels)", []).append(
            average_precision_score(y_test, score)
        )
        achieved.setdefault("best single column", []).append(best_single_column(X_test, y_test))
    return achieved


def measure_speed(sizes, n_repeats=3):
    """Return rows, median wall seconds, median CPU seconds and peak MiB of the process so far.

    CPU seconds stand beside wall seconds because other work on the machine inflates the latter.
    """
    simulate_transactions(1_000)  # the world is built once per process
    results = []
    for n_rows in sizes:
        wall, cpu = [], []
        for _ in range(n_repeats):
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            simulate_transactions(n_rows)
            wall.append(time.perf_counter() - wall_start)
            cpu.append(time.process_time() - cpu_start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        results.append((n_rows, np.median(wall), np.median(cpu), peak))
    return results


def as_markdown(command, arguments, difficulty, speed):
    """Return the page of results."""
    seeds = range(arguments.seeds)
    lines = [
        "# The simulator: difficulty and speed",
        "",
        f"Made by `{command}` on {platform.machine()}, Python {platform.python_version()}.",
        "",
        f"Average precision on {arguments.test_rows:,} other rows (seed 1000 + s) after training "
        f"on {arguments.train_rows:,} rows (seed s), both with 0.167 % frauds; `V1..V28` and "
        "`Amount`, without `Time`.",
        "",
        "| judge | mean | " + " | ".join(f"seed {seed}" for seed in seeds) + " |",
        "|---|---|" + "---|" * len(seeds),
    ]
    for name, values in difficulty.items():
        cells = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {name} | **{np.mean(values):.3f}** | {cells} |")
    load = ", ".join(f"{value:.1f}" for value in arguments.load)
    lines += [
        "",
        f"Median of three calls; {os.cpu_count()} processors, load average {load} at the start.",
        "",
        "| rows | wall seconds | CPU seconds | peak memory of the process (MiB) |",
        "|---|---|---|---|",
    ]
    lines += [f"| {n:,} | {wall:.2f} | {cpu:.2f} | {peak:,.0f} |" for n, wall, cpu, peak in speed]
    return "\n".join(lines) + "\n"


def main():
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train-rows", type=int, default=50_000)
    parser.add_argument("--test-rows", type=int, default=200_000)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/simulator.md"))
    arguments = parser.parse_args()
    arguments.load = os.getloadavg()
    speed = measure_speed((100_000, 1_000_000))
    difficulty = measure_difficulty(arguments.seeds, arguments.train_rows, arguments.test_rows)
    command = " ".join(["python -m benchmarks.simulator", *sys.argv[1:]])
    page = as_markdown(command, arguments, difficulty, speed)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
