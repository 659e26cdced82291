"""Asks what keeps the models of docs/RESULTS.md from its targets: rows, thresholds or the models.

Run from the repository root: ``python -m benchmarks.limits``, after ``python -m benchmarks.quality
--scores --study few_labels --study full_labels``, whose test scores it looks at. It fits nothing
but a logistic regression, and writes ``docs/benchmarks/limits.md``.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.quality.__main__ import BAD_INPUT, CACHE, DATA, RESULTS
from benchmarks.quality.jobs import data_version
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.outcomes import Outcomes, with_scores
from benchmarks.quality.peers import CANDIDATES
from benchmarks.quality.rows import FEATURES, N_FOLDS, load
from benchmarks.quality.studies import plan
from benchmarks.quality.tables import markdown, spell
from evaluation.decisions import f1_at
from evaluation.ranking import average_precision, best_f1

PAGE = Path("docs/benchmarks/limits.md")
FULL_LABELS = ("sgan", "xgboost", "logistic_regression")
MIXED = ("sgan", "xgboost")
N_HIGHEST = 100  # genuine rows of a test part; a fraud below them all is as good as lost
SMALLEST = 1e-12  # of a score, so that its log odds are finite


def outlying_rows(table):
    """Genuine rows that look more like fraud than half of the frauds do.

    By a strongly regularised logistic regression that was fitted on all labels of the other four
    folds, which is next to the direction from the mean of genuine rows to that of frauds.

    Parameters
    ----------
    table : Table

    Returns
    -------
    int ndarray
        Their positions.
    """
    (settings,) = CANDIDATES["shrunken_logistic_regression"]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=settings["C"], max_iter=2000))
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0)
    score = cross_val_predict(model, table.X, table.y, cv=folds, method="decision_function")
    return np.flatnonzero((table.y == 0) & (score > np.median(score[table.y == 1])))


def mean_precision(cells, *, without=()):
    """Mean average precision over splits, of the test rows that are not left out.

    Parameters
    ----------
    cells : iterable of Scored
    without : int ndarray
        Positions of rows to leave out.

    Returns
    -------
    float
    """
    figures = []
    for one in cells:
        kept = ~np.isin(one.rows, without)
        figures.append(average_precision(one.y[kept], one.score[kept], one.weight[kept]))
    return float(np.mean(figures))


def lost_frauds(cells):
    """Share of the frauds that score below the `N_HIGHEST` highest genuine rows in all models.

    Parameters
    ----------
    cells : list of list of Scored
        By split, the models' scores of the same rows.

    Returns
    -------
    float
    """
    n_lost = n_frauds = 0
    for models in cells:
        is_fraud = models[0].y == 1
        is_lost = np.ones(is_fraud.sum(), bool)
        for one in models:
            genuine = np.sort(one.score[~is_fraud])
            is_lost &= one.score[is_fraud] < genuine[-min(N_HIGHEST, len(genuine))]
        n_lost, n_frauds = n_lost + is_lost.sum(), n_frauds + len(is_lost)
    return float(n_lost / n_frauds)


def mixed(models):
    """Mean log odds of models that scored the same rows, as a `Scored`."""
    log_odds = [logit(np.clip(one.score, SMALLEST, 1 - SMALLEST)) for one in models]
    return replace(models[0], score=expit(np.mean(log_odds, axis=0)), threshold=None)


def few_label_table(outcomes, outlying):
    """Every model of "few labels", with and without the outlying rows among its test rows."""
    rows = []
    for setting in outcomes.settings("few_labels"):
        for name, cells in outcomes.of("few_labels", setting).items():
            scored = _scored(name, cells)
            whole, without = mean_precision(scored), mean_precision(scored, without=outlying)
            rows.append([setting, spell(name), f"{whole:.3f}", f"{without:.3f}"])
    return markdown(["labels", "model", "all test rows", "without the outlying rows"], rows)


def full_label_table(outcomes, outlying):
    """Models of "full labels": what a better threshold, or no outlying row, would give."""
    gathered = outcomes.of("full_labels")
    scored = {name: _scored(name, gathered[name]) for name in FULL_LABELS}
    splits = {name: [[one] for one in cells] for name, cells in scored.items()}
    pairs = list(zip(*(scored[name] for name in MIXED), strict=True))
    mixture = " and ".join(map(spell, MIXED)) + ", mean log odds"
    scored[mixture], splits[mixture] = [mixed(pair) for pair in pairs], pairs
    rows = []
    for name, cells in scored.items():
        f1 = [f1_at(o.y, o.score, o.threshold, o.weight) for o in cells if o.threshold is not None]
        most = [best_f1(o.y, o.score, o.weight)[0] for o in cells]
        rows.append(
            [
                spell(name),
                f"{mean_precision(cells):.3f}",
                f"{mean_precision(cells, without=outlying):.3f}",
                f"{np.mean(f1):.3f}" if f1 else "-",
                f"{np.mean(most):.3f}",
                f"{lost_frauds(splits[name]):.1%}",
            ]
        )
    head = ["model", "average precision", "without the outlying rows",
            "F1 at the validation threshold", "F1 at the best threshold of the test rows",
            "frauds below a hundred genuine rows"]  # fmt: skip
    return markdown(head, rows)


def as_markdown(table, outcomes, command):
    """Return the page."""
    outlying = outlying_rows(table)
    amount = table.X[outlying, FEATURES.index("Amount")]
    listed = ", ".join(
        f"{seconds:.0f} ({money:.2f})"
        for seconds, money in zip(table.time[outlying], amount, strict=True)
    )
    return "\n\n".join(
        [
            "# What keeps the models from the targets",
            f"Made by `{command}` from the test scores behind [Results](../RESULTS.md). It uses "
            "labels of test rows to say what could be had at most; nothing here is a method.",
            "## Few labels",
            f"{len(outlying)} of {int(np.sum(table.y == 0)):,} genuine rows look more like fraud "
            "than half of the frauds do, to a logistic regression that knows all labels of the "
            "other folds. A fifth of them is in each test part, where every one weighs as much as "
            "4.358 frauds; with few labels hardly a draw has the label of one. Their `Time` (and "
            f"`Amount`): {listed}.",
            few_label_table(outcomes, outlying),
            "## Full labels",
            "The best threshold of the test rows is chosen on the rows that judge it, in every "
            "split by itself: no rule can do better with this ranking. The last column are frauds "
            f"that score below the {N_HIGHEST} highest genuine rows of their test part, of some "
            "9,750; in the last line, below them in both models.",
            full_label_table(outcomes, outlying),
        ]
    ) + "\n"  # fmt: skip


def _scored(name, cells):
    found = list(with_scores(cells).values())
    if not found or len(found) < len(cells):
        raise ValueError(
            f"{len(cells) - len(found)} of {len(cells)} fits of {name!r} have no test scores on "
            "this machine; make them with: python -m benchmarks.quality --scores "
            "--study few_labels --study full_labels"
        )
    return found


def main(arguments=None):
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--scores", type=Path, default=CACHE / "scores")
    parser.add_argument("--small", action="store_true", help="of a smoke test of the benchmark")
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    outcomes = Outcomes(
        plan(small=options.small, studies=("few_labels", "full_labels")),
        Ledger(options.results, options.scores),
        data_version(options.data, small=options.small),
    )
    try:
        page = as_markdown(
            load(options.data, small=options.small), outcomes, "python -m benchmarks.limits"
        )
    except ValueError as error:
        print(f"limits: {error}", file=sys.stderr)
        return BAD_INPUT
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
