"""Measures reason codes: how many alerts a second, whether they add up, and whether they matter.

Run from the repository root: ``python -m benchmarks.reasons artifacts/evaluate/model``.
"""

import argparse
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.stats import wilcoxon

from features.baseline import typical_row
from models.attributions import integrated_gradients
from pipeline.model import folder as model_folder
from pipeline.model.reasons import N_REASONS, contributions, explain, model_baseline

DATA = Path("../shared/data/creditcard_dev.parquet")
N_TIMED = 20_000  # alerts that are explained in one call; the alerts there are, repeated
N_DRAWS = 20  # random sets of inputs for each alert
N_BASELINES = 5
POINTS = (4, 8, 16, 32, 64)


def main():
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="a folder with a packaged model")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/reasons.md"))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    model = model_folder.load(arguments.model)
    table = pd.read_parquet(arguments.data)
    alerts = table[model.predict(table)["decision"] == 1].reset_index(drop=True)
    command = " ".join(["python -m benchmarks.reasons", *sys.argv[1:]])
    sections = [
        f"# Reason codes\n\nMade by `{command}`.\n\n{_setting(model, table, alerts)}",
        _speed(model, alerts),
        _completeness(model, alerts),
        _removal(model, alerts),
        _baselines(model, table, alerts),
    ]
    page = "\n\n".join(sections) + "\n"
    arguments.out.write_text(page, encoding="utf-8")
    print(page)


def _setting(model, table, alerts):
    label = model.schema.label
    return (
        f"{len(table):,} real rows, {int(table[label].sum())} of them frauds; {len(alerts)} are "
        f"alerts, {int(alerts[label].sum())} of those frauds. "
        f"{int(model.classifier.active_members_.sum())} members, {len(model.schema.inputs)} "
        "columns. Contributions and differences are in calibrated log odds."
    )


def _speed(model, alerts):
    many = pd.concat([alerts] * -(-N_TIMED // len(alerts)), ignore_index=True).head(N_TIMED)
    seconds, load = [], []
    for _ in range(3):
        load.append(os.getloadavg()[0])
        start = time.perf_counter()
        explain(model, many)
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    explain(model, alerts.head(1))
    one = time.perf_counter() - start
    rates = ", ".join(f"{N_TIMED / s:,.0f}" for s in seconds)
    return (
        "## Speed\n\n"
        f"{N_TIMED:,} alerts in one call of `explain`, from raw columns to named reasons, "
        f"compiling included, three times: **{rates} alerts a second**, on {os.cpu_count()} cores "
        "on which other work was running (load "
        f"{', '.join(f'{x:.1f}' for x in load)} at the start of each). A single alert takes "
        f"{one:.2f} s, nearly all of it compiling."
    )


def _completeness(model, alerts):
    found = contributions(model, alerts)
    share = np.abs(found.of_inputs.sum(axis=1) - found.difference) / np.abs(found.difference)
    quantiles = ", ".join(f"{100 * np.quantile(share, q):.2f} %" for q in (0.5, 0.9, 0.99, 1))
    rows, baseline = model.scaled(alerts), model.scaled(model_baseline(model))[0]
    lines = []
    for n_points in POINTS:
        ours = integrated_gradients(
            model.classifier.model_, rows, baseline, model.classifier.active_members_,
            n_points=n_points, most_points=n_points,
        )  # fmt: skip
        plain = _straight_in_scaled_values(model.classifier, rows, baseline, n_points)
        errors = [np.abs(c - ours.difference) for c in (ours.contributions.sum(axis=1), plain)]
        cells = [
            f"{100 * np.median(e / np.abs(ours.difference)):.2f} % | "
            f"{100 * np.mean(e <= 0.01 * np.abs(ours.difference)):.1f} %"
            for e in errors
        ]
        lines.append(f"| {n_points} | {' | '.join(cells)} |")
    return "\n".join(
        [
            "## Whether they add up",
            "",
            "Error of the sum of an alert's contributions, as a share of the score difference, as "
            f"`score` computes them (median, 90 %, 99 %, largest): **{quantiles}**. Differences "
            f"are {found.difference.min():.1f} to {found.difference.max():.1f}.",
            "",
            "With a fixed number of points (without going over the rows that are off again), and "
            "for comparison along the path that is straight in scaled values alone:",
            "",
            "| points | median error | within 1 % | scaled values alone: median | within 1 % |",
            "|---|---|---|---|---|",
            *lines,
        ]
    )


def _straight_in_scaled_values(classifier, rows, baseline, n_points):
    """Sum of the contributions along the plain path; (n_rows,)."""
    weight = tf.constant(classifier.active_members_ / classifier.active_members_.sum(), tf.float32)
    total = np.zeros(len(rows))
    for share in (np.arange(n_points, dtype=np.float32) + 0.5) / n_points:
        at = tf.constant(baseline + share * (rows - baseline))
        with tf.GradientTape() as tape:
            tape.watch(at)
            log_odds = tf.linalg.matvec(classifier.model_(at), weight)
        gradient = tape.gradient(log_odds, at).numpy()
        total += (gradient * (rows - baseline)).sum(axis=1) / n_points
    return total


def _removal(model, alerts):
    """Fall of the log odds when inputs are set to the baseline."""
    inputs = np.array(model.schema.inputs)
    baseline = model_baseline(model)[inputs].iloc[0]
    rng = np.random.default_rng(0)
    reasons = explain(model, alerts)
    names = reasons[[f"reason_{i + 1}" for i in range(N_REASONS)]].to_numpy(dtype=object)
    is_named = (names[:, :, None] == inputs).any(axis=1)

    def fall(is_removed):
        values = alerts[inputs].mask(is_removed, baseline, axis=1)
        before, after = (model.classifier.decision_function(model.scaled(t)) for t in
                         (alerts, values))  # fmt: skip
        below = model.predict(values)["decision"].to_numpy() == 0
        return model.calibration.slope * (before - after), below

    of_named, below_named = fall(is_named)
    draws = []
    for _ in range(N_DRAWS):
        order = rng.random(is_named.shape).argsort(axis=1).argsort(axis=1)
        draws.append(fall(order < is_named.sum(axis=1, keepdims=True)))
    of_random = np.array([draw[0] for draw in draws])
    below_random = np.mean([draw[1] for draw in draws])
    p = wilcoxon(of_named, of_random[0], alternative="greater").pvalue
    return (
        "## Whether they matter\n\n"
        f"Setting the named inputs of an alert ({is_named.sum(axis=1).mean():.2f} on average) to "
        f"the baseline lowers its log odds by **{of_named.mean():.2f}** on average, setting as "
        f"many random ones by **{of_random.mean():.2f}** ({N_DRAWS} draws). The named ones lower "
        f"it more in {100 * np.mean(of_named > of_random):.1f} % of the pairs (Wilcoxon's signed "
        f"ranks, one draw: p = {p:.1g}). Without the named inputs {100 * below_named.mean():.1f} % "
        "of the alerts fall below the threshold, without random ones "
        f"{100 * below_random:.1f} %."
    )


def _baselines(model, table, alerts):
    """How typical the baseline is, and what depends on it."""
    inputs = list(model.schema.inputs)
    genuine = table.loc[table[model.schema.label] == 0, inputs]

    def log_odds(rows):
        return model.classifier.decision_function(model.scaled(rows))

    of_genuine = log_odds(genuine)
    medians = log_odds(genuine.median().to_frame().T)[0]
    own = log_odds(model_baseline(model))[0]
    low, middle, high = np.quantile(of_genuine, [0.05, 0.5, 0.95])
    first = contributions(model, alerts).of_inputs
    same, same_first, most_alike = [], [], _top(first)
    for seed in range(N_BASELINES):
        other = typical_row(genuine, log_odds, rng=np.random.default_rng(1000 + seed))
        theirs = _top(contributions(model, alerts, other).of_inputs)
        pairs = list(zip(most_alike, theirs, strict=True))
        same.append(np.mean([len(set(a) & set(b)) / N_REASONS for a, b in pairs]))
        same_first.append(np.mean([a[0] in b for a, b in pairs]))
    return (
        "## What they are compared with\n\n"
        f"Log odds of the classifier, before calibration: genuine rows {middle:.1f} (5 % below "
        f"{low:.1f}, 5 % above {high:.1f}), the model's baseline {own:.1f}, the medians of all "
        f"columns taken as one row {medians:.1f}. With {N_BASELINES} other baselines, made up in "
        f"the same way from other draws and all genuine rows, {100 * np.mean(same):.0f} % of the "
        "named inputs are the same, and the first reason is among the three in "
        f"{100 * np.mean(same_first):.0f} % of the alerts."
    )


def _top(of_inputs):
    return np.argsort(-of_inputs.to_numpy(), axis=1)[:, :N_REASONS]


if __name__ == "__main__":
    main()
