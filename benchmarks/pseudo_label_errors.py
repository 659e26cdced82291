"""Asks which errors of pseudo-labels cost most: what passes for fraud, or what is missed.

Run from the repository root: ``python -m benchmarks.pseudo_label_errors``. It writes
``docs/benchmarks/pseudo_label_errors.md``.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.quality.networks import fit_network, forget_graphs
from benchmarks.quality.peers import candidates_of, make_estimator
from benchmarks.quality.rows import N_FOLDS, UNLABELLED, few_labels, fit_rows, load
from benchmarks.quality.variants import network
from evaluation.ranking import average_precision

DATA = Path("../shared/data/creditcard_dev.parquet")
PAGE = Path("docs/benchmarks/pseudo_label_errors.md")
ENCODERS = Path(".cache/benchmarks/encoders")
BUDGETS = ((20, 480), (50, 450))
STUDENT = "hist_gradient_boosting"


def judge(table, n_frauds, n_genuine, fold, *, small):
    """Fit the SGAN with few labels, and students on what it says of the other rows.

    **Fitted on:** training rows. The corrections use labels that nobody has; they show what an
    error costs and are no method.

    Parameters
    ----------
    table : Table
    n_frauds, n_genuine : int
        Labels.
    fold : int
        Of the split of "few labels" in docs/RESULTS.md.
    small : bool
        A smoke test.

    Returns
    -------
    dict of str to float
        Counts of pseudo-frauds, and average precision on test rows.
    """
    parts = few_labels(table, n_frauds=n_frauds, n_genuine=n_genuine, seed=0, fold=fold)
    settings = network("sgan", presets=("few_labels",), small=small).settings
    sgan = fit_network("sgan", settings, fit_rows(table, parts), 0, ENCODERS)
    truth, is_hidden = table.y[parts.train], parts.y_train == UNLABELLED
    passes = is_hidden & (sgan.score(table.X[parts.train]) > 0.5)
    forget_graphs()
    is_missed = is_hidden & ~passes & (truth == 1)
    labels = np.where(is_hidden, passes, parts.y_train)
    corrected = np.where(passes, truth, labels)

    def precision_of(score):
        return average_precision(table.y[parts.test], score, table.weight[parts.test])

    def taught(labels, rows=slice(None)):
        student = make_estimator(STUDENT, candidates_of(STUDENT, small=small)[0], fold)
        student.fit(table.X[parts.train][rows], labels[rows])
        return precision_of(student.predict_proba(table.X[parts.test])[:, 1])

    return {
        "hidden frauds": int((is_hidden & (truth == 1)).sum()),
        "pass for fraud": int(passes.sum()),
        "of them genuine": int((passes & (truth == 0)).sum()),
        "SGAN": precision_of(sgan.score(table.X[parts.test])),
        "student": taught(labels),
        "missed frauds left out": taught(labels, ~is_missed),
        "wrong frauds corrected": taught(corrected),
        "all labels": taught(truth),
    }


def as_markdown(results, command):
    """Return the page: `results` has a row for each budget and fold."""
    by_budget = results.groupby("labels", sort=False)
    figures = [name for name in results.columns if name not in ("labels", "fold")]
    counts = by_budget[figures].mean()
    lines = [
        "# Errors of pseudo-labels",
        "",
        f"Made by `{command}`.",
        "",
        'The SGAN with the preset `few_labels` on the draws of "few labels" in '
        "[Results](../RESULTS.md#few-labels) says which unlabelled training rows are frauds (more "
        "likely than not). A student, HistGradientBoosting, learns from the few labels and from "
        "that; then with the missed frauds left out, with the genuine rows that passed for fraud "
        "corrected, and with all labels. The corrections use labels that nobody has: they show "
        "what an error costs. Average precision on test rows, and counts, as means over "
        f"{results['fold'].nunique()} draws.",
        "",
        "| labels | " + " | ".join(figures) + " |",
        "|---|" + " --: |" * len(figures),
    ]
    for labels, row in counts.iterrows():
        cells = [f"{row[name]:.3f}" if row[name] <= 1 else f"{row[name]:.0f}" for name in figures]
        lines.append(f"| {labels} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def main(arguments=None):
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--folds", type=int, default=N_FOLDS)
    parser.add_argument("--small", action="store_true", help="a smoke test on a few rows")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    table = load(options.data, small=options.small)
    results = []
    for n_frauds, n_genuine in BUDGETS:
        for fold in range(options.folds):
            figures = judge(table, n_frauds, n_genuine, fold, small=options.small)
            results.append({"labels": f"{n_frauds} + {n_genuine}", "fold": fold, **figures})
            print(results[-1], flush=True)
    given = sys.argv[1:] if arguments is None else arguments
    command = " ".join(["python -m benchmarks.pseudo_label_errors", *given])
    options.out.write_text(as_markdown(pd.DataFrame(results), command), encoding="utf-8")


if __name__ == "__main__":
    main()
