"""Compares ways to choose the threshold of the highest F1, on real rows, as a Markdown page.

Run from the repository root: ``python -m benchmarks.thresholds``.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from xgboost import XGBClassifier

from evaluation.calibration import fit_logistic_calibration
from evaluation.decisions import f1_at
from evaluation.ranking import best_f1
from evaluation.thresholds import choose_threshold, expected_f1_threshold

DATA = Path("../shared/data/creditcard_dev.parquet")
GENUINE_WEIGHT = 4.358  # transactions of the full set that a genuine row of DATA stands for
INPUTS = [*(f"V{number}" for number in range(1, 29)), "Amount"]
VALIDATION_SHARE = 0.2
RULES = {
    "highest F1 on validation rows": lambda y, p, w: best_f1(y, p, w)[1],
    "highest expected F1": lambda _, p, w: expected_f1_threshold(p, w),
    "halfway (`evaluate.threshold: f1`)": lambda y, p, w: choose_threshold(y, p, sample_weight=w),
}
MODELS = {
    "logistic regression": lambda: LogisticRegression(C=0.3, max_iter=500),
    "dense net, 10 % frauds": lambda: MLPClassifier((64, 32), batch_size=512, max_iter=8),
    "HistGradientBoosting": lambda: HistGradientBoostingClassifier(
        max_iter=150, l2_regularization=1.0
    ),
    "XGBoost, 300 trees, depth 5": lambda: XGBClassifier(
        n_estimators=300, max_depth=5, learning_rate=0.1, subsample=0.8, colsample_bytree=0.8
    ),
}


def out_of_fold(name, X, y, weight, seed):
    """Scores of every row by a model of five that did not see it, calibrated on its fold."""
    score = np.empty(len(y))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    for train, test in folds.split(X, y):
        fit, validation = train_test_split(
            train, test_size=VALIDATION_SHARE, stratify=y[train], random_state=seed
        )
        scaled = np.arcsinh((X - X[fit].mean(axis=0)) / X[fit].std(axis=0))
        if "10 % frauds" in name:
            frauds, genuine = fit[y[fit] == 1], fit[y[fit] == 0]
            drawn = np.random.default_rng(seed).choice(frauds, len(genuine) // 9)
            fit = np.append(genuine, drawn)
        model = MODELS[name]().set_params(random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the dense net stops before it has converged
            model.fit(scaled[fit], y[fit])
        raw = model.predict_proba(scaled)[:, 1].astype(np.float64)
        calibration = fit_logistic_calibration(raw[validation], y[validation], weight[validation])
        score[test] = calibration.apply(raw[test])
    return score


def judge_rules(scores, y, weight, n_populations, n_splits):
    """F1 on other rows of shape (n_populations, n_splits, n_rules).

    A population repeats each row a Poisson number of times, as a bootstrap does. A split puts
    every distinct row either among the validation rows, where scores are calibrated again and
    the threshold is chosen, or among the others.
    """
    f1 = np.empty((n_populations, n_splits, len(RULES)))
    for population in range(n_populations):
        rng = np.random.default_rng([1, population])
        copies = rng.poisson(1, len(y))
        for split in range(n_splits):
            score = scores[rng.integers(len(scores))]
            is_validation = rng.random(len(y)) < VALIDATION_SHARE
            v, t = (
                np.repeat(np.flatnonzero(i), copies[i]) for i in (is_validation, ~is_validation)
            )
            calibration = fit_logistic_calibration(score[v], y[v], weight[v])
            on_validation, on_others = calibration.apply(score[v]), calibration.apply(score[t])
            for number, rule in enumerate(RULES.values()):
                threshold = rule(y[v], on_validation, weight[v])
                f1[population, split, number] = f1_at(y[t], on_others, threshold, weight[t])
    return f1


def as_markdown(command, f1, arguments):
    """Return the page."""
    lines = [
        "# Choosing the threshold of the highest F1",
        "",
        f"Made by `{command}`.",
        "",
        f"Real rows, genuine ones weighted {GENUINE_WEIGHT}; out-of-fold scores of "
        f"{arguments.seeds} five-fold splits. {arguments.populations} bootstrap populations, "
        f"{arguments.splits} splits of each into 20 % validation rows (about 71 frauds), where "
        "calibration and threshold are chosen, and the rest, where F1 is judged. Intervals: 95 % "
        "over populations of the mean difference from the first rule. The last column: standard "
        "deviation of F1 over the splits of one population.",
        "",
        "| model | rule | F1 | difference | standard deviation |",
        "|---|---|---|---|---|",
    ]
    for model, of_model in {**f1, "mean of the models": np.mean(list(f1.values()), axis=0)}.items():
        for number, rule in enumerate(RULES):
            by_population = (of_model[..., number] - of_model[..., 0]).mean(axis=1)
            low, high = np.quantile(by_population, [0.025, 0.975])
            cells = f"{by_population.mean():+.4f} ({low:+.4f} to {high:+.4f})" if number else "-"
            mean, spread = of_model[..., number].mean(), of_model[..., number].std(axis=1).mean()
            lines.append(f"| {model} | {rule} | {mean:.4f} | {cells} | {spread:.4f} |")
    return "\n".join(lines) + "\n"


def main():
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--populations", type=int, default=200)
    parser.add_argument("--splits", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/thresholds.md"))
    arguments = parser.parse_args()
    table = pd.read_parquet(arguments.data)
    X, y = table[INPUTS].to_numpy(), table["Class"].to_numpy()
    weight = np.where(y == 1, 1.0, GENUINE_WEIGHT)
    f1 = {}
    for name in MODELS:
        scores = [out_of_fold(name, X, y, weight, 100 + seed) for seed in range(arguments.seeds)]
        f1[name] = judge_rules(scores, y, weight, arguments.populations, arguments.splits)
        print(name, f1[name].mean(axis=(0, 1)), flush=True)
    page = as_markdown(" ".join(["python -m benchmarks.thresholds", *sys.argv[1:]]), f1, arguments)
    arguments.out.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
