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
from benchmarks.quality.running import parts_of
from benchmarks.quality.studies import plan
from benchmarks.quality.tables import markdown, spell, spread
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


def precision_of(one, *, without=()):
    """Average precision of the test rows of one split that are not left out.

    Parameters
    ----------
    one : Scored
    without : int ndarray
        Positions of rows to leave out.

    Returns
    -------
    float
    """
    kept = ~np.isin(one.rows, without)
    return average_precision(one.y[kept], one.score[kept], one.weight[kept])


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
            scored = list(_scored(outcomes, "few_labels", name, cells, setting).values())
            rows.append([setting, spell(name), *_with_and_without(scored, outlying),
                         f"{_own_outliers(scored, outlying)} of {len(outlying)}"])  # fmt: skip
    head = ["labels", "model", "all test rows", "without the outlying rows",
            "outlying rows among as many of its highest genuine ones"]  # fmt: skip
    return markdown(head, rows)


def full_label_table(outcomes, outlying):
    """Models of "full labels": what a better threshold, or no outlying row, would give."""
    gathered = outcomes.of("full_labels")
    scored = {name: _scored(outcomes, "full_labels", name, gathered[name]) for name in FULL_LABELS}
    models = {name: [[one] for one in cells.values()] for name, cells in scored.items()}
    pairs = [[scored[name][cell] for name in MIXED] for cell in scored[MIXED[0]]]
    mixture = " and ".join(map(spell, MIXED)) + ", mean log odds"
    models[mixture] = pairs
    rows = []
    for name, splits in models.items():
        cells = [split[0] if len(split) == 1 else mixed(split) for split in splits]
        f1 = [f1_at(o.y, o.score, o.threshold, o.weight) for o in cells if o.threshold is not None]
        most = [best_f1(o.y, o.score, o.weight)[0] for o in cells]
        rows.append([spell(name), *_with_and_without(cells, outlying), spread(f1), spread(most),
                     f"{lost_frauds(splits):.1%}"])  # fmt: skip
    head = ["model", "average precision", "without the outlying rows",
            "F1 at the validation threshold", "F1 at the best threshold of the test rows",
            f"frauds below {N_HIGHEST} genuine rows"]  # fmt: skip
    return markdown(head, rows)


def _with_and_without(cells, outlying):
    return [spread([precision_of(one) for one in cells]),
            spread([precision_of(one, without=outlying) for one in cells])]  # fmt: skip


def _own_outliers(cells, outlying):
    """How many outlying rows are among as many of the highest genuine rows of a model."""
    rows, score = (
        np.concatenate([getattr(one, name)[one.y == 0] for one in cells])
        for name in ("rows", "score")
    )
    return int(np.isin(rows[np.argsort(-score, kind="stable")[: len(outlying)]], outlying).sum())


def as_markdown(table, outcomes, command):
    """Return the page."""
    outlying = outlying_rows(table)
    amount = table.X[outlying, FEATURES.index("Amount")]
    listed = ", ".join(
        f"{seconds:.0f} ({money:.2f})"
        for seconds, money in zip(table.time[outlying], amount, strict=True)
    )
    draws = [
        parts_of(job, table)
        for job in outcomes.plan
        if job.study == "few_labels" and job.variant.name == "sgan"
    ]
    n_known = sum(np.isin(outlying, one.train[one.y_train == 0]).any() for one in draws)
    return "\n\n".join(
        [
            "# What keeps the models from the targets",
            f"Made by `{command}` from the test scores behind [Results](../RESULTS.md). It uses "
            "labels of test rows to say what could be had at most; nothing here is a method. "
            '"±" is the standard deviation over splits.',
            "## Few labels",
            "[Targets](../RESULTS.md#targets): an average precision of 0.80, 0.82 and 0.84. "
            f"{len(outlying)} of {int(np.sum(table.y == 0)):,} genuine rows look more like fraud "
            "than half of the frauds do, to a strongly regularised logistic regression that knows "
            "all labels of the other folds. In a test part each weighs as much as "
            f"{table.weight[table.y == 0][0]:.3f} frauds. {n_known} of {len(draws)} draws of few "
            f"labels have the label of one. Their `Time` (and `Amount`): {listed}.",
            "Leaving out what a model finds hardest makes any model better; the last column tells "
            "whether these rows are what it finds hardest.",
            few_label_table(outcomes, outlying),
            "## Full labels",
            "[Targets](../RESULTS.md#targets): an average precision of XGBoost's + 0.02, and an F1 "
            "of 0.86 at the validation threshold. The best threshold of the test rows is chosen on "
            "the rows that judge it, in every split by itself: no rule can do better with this "
            "ranking. The last column are frauds that score below the "
            f"{N_HIGHEST} highest genuine rows of their test part (there are "
            f"{int(np.sum(table.y == 0)) // N_FOLDS:,} or one more); in the last line, below them "
            "in both models.",
            full_label_table(outcomes, outlying),
        ]
    ) + "\n"  # fmt: skip


def _scored(outcomes, study, name, cells, setting=None):
    """Scores of a variant by split; all that are planned must be there."""
    found = with_scores(cells)
    n_planned = outcomes.n_planned(study, name, setting)
    if len(found) < n_planned:
        raise ValueError(
            f"{n_planned - len(found)} of {n_planned} fits of {name!r} have no test scores on "
            "this machine; make them with: python -m benchmarks.quality --scores "
            "--study few_labels --study full_labels (and --small, if it was given here)"
        )
    return found


def main(arguments=None):
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the development rows (Parquet)")
    parser.add_argument("--results", type=Path, help=f"results file (default {RESULTS})")
    parser.add_argument("--scores-folder", type=Path, default=CACHE / "scores",
                        help="where the quality benchmark keeps test scores")  # fmt: skip
    parser.add_argument("--small", action="store_true",
                        help="read what `python -m benchmarks.quality --small` made")  # fmt: skip
    parser.add_argument("--out", type=Path, help=f"where the page goes (default {PAGE})")
    options = parser.parse_args(arguments)
    if not options.data.is_file():
        print(f"limits: there is no {options.data.name} where --data points", file=sys.stderr)
        return BAD_INPUT
    results = options.results or (CACHE / "small.jsonl" if options.small else RESULTS)
    outcomes = Outcomes(
        plan(small=options.small, studies=("few_labels", "full_labels")),
        Ledger(results, options.scores_folder),
        data_version(options.data, small=options.small),
    )
    table = load(options.data, small=options.small)
    try:
        page = as_markdown(table, outcomes, "python -m benchmarks.limits")
    except ValueError as error:
        print(f"limits: {error}", file=sys.stderr)
        return BAD_INPUT
    out = options.out or (CACHE / "small" / "limits.md" if options.small else PAGE)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
