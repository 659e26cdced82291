from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.quality import peers, rows, running
from benchmarks.quality.fitted import Fitted
from benchmarks.quality.rows import PREVALENCE
from benchmarks.quality.studies import plan
from benchmarks.quality.variants import HABITS, habit_variants

TREES = {
    "full_labels": "random_forest", "out_of_time": "random_forest",
    "few_labels": "random_forest", "new_patterns": "hist_gradient_boosting",
}  # fmt: skip
JOBS = {str(sorted(job.split.items())): job for job in plan()}


@pytest.mark.parametrize("job", JOBS.values(), ids=lambda job: job.name)
def test_no_row_is_in_two_parts(job, table):
    parts = running.parts_of(job, table)
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert len(np.unique(together)) == len(together)
    known = parts.y_train != rows.UNLABELLED
    assert np.array_equal(parts.y_train[known], table.y[parts.train][known])
    assert set(parts.y_train[known]) == {0, 1}


def test_the_five_folds_test_every_row_once(table):
    tested = [rows.stratified_fold(table, seed=3, fold=fold).test for fold in range(5)]
    assert np.array_equal(np.sort(np.concatenate(tested)), np.arange(len(table.y)))


def test_variants_of_a_study_are_given_the_same_rows(monkeypatch, table, tmp_path):
    seen = {}

    def spy(variant, given, seed, folder):
        seen.setdefault(job.cell, {})[variant.name] = given
        return Fitted(lambda X: np.full(len(X), 0.5))

    monkeypatch.setattr(running, "fit", spy)
    for job in plan(small=True, studies=["full_labels", "out_of_time", "few_labels"]):
        running.run_job(job, table, tmp_path)
    assert len(seen) == 2 + 1 + 3 * 2
    for by_variant in seen.values():
        first, *others = by_variant.values()
        assert len(others) >= 4
        for given in others:
            for name in ("X", "y", "X_validation", "y_validation", "validation_weight"):
                assert np.array_equal(getattr(given, name), getattr(first, name))


# A peer that scales and one that does not.
@pytest.mark.parametrize(
    ("study", "kind"),
    [(study, kind) for study, trees in TREES.items() for kind in ("logistic_regression", trees)],
)
def test_no_test_row_reaches_a_fit(study, kind, table, monkeypatch, tmp_path):
    fitted_on, scaled_on = [], []
    make = peers.make_estimator

    def spying(kind, settings, seed):
        estimator = make(kind, settings, seed)
        fit = estimator.fit
        monkeypatch.setattr(
            type(estimator),
            "fit",
            lambda self, X, y, **k: (fitted_on.append(X), REAL_FIT[type(self)](self, X, y, **k))[1],
        )
        REAL_FIT.setdefault(type(estimator), fit.__func__)
        return estimator

    REAL_FIT = {}
    monkeypatch.setattr(peers, "make_estimator", spying)
    # Scaling is undone, so that rows can be told by their values.
    for scaler in (peers.TransactionScaler, peers.StandardScaler):
        monkeypatch.setattr(
            scaler,
            "fit",
            lambda self, X, y=None, *, really=scaler.fit: (scaled_on.append(X), really(self, X))[1],
        )
        monkeypatch.setattr(scaler, "transform", lambda _, X: np.asarray(X))
    job = plan(small=True, studies=[study], only=[kind])[0]
    running.run_job(job, table, tmp_path)
    test_rows = {row.tobytes() for row in table.X[running.parts_of(job, table).test]}
    assert fitted_on
    assert bool(scaled_on) == (kind == "logistic_regression")
    for X in fitted_on + scaled_on:
        assert not test_rows & {np.asarray(row, np.float64).tobytes() for row in X}


@pytest.mark.parametrize("kind", ["xgboost", "xgboost_unlabelled_as_genuine"])
def test_few_labels_are_tuned_on_rows_held_out(kind, table, monkeypatch):
    # One neighbour knows every row it was fitted on, and labels drawn at random cannot be learned.
    monkeypatch.setattr(peers, "make_estimator", lambda *_: KNeighborsClassifier(1))
    parts = rows.few_labels(table, n_frauds=40, n_genuine=200, seed=0, fold=0)
    rng = np.random.default_rng(0)
    known = parts.y_train != rows.UNLABELLED
    parts.y_train[known] = rng.permutation(parts.y_train[known])
    given = rows.fit_rows(table, parts)
    chosen = peers.fit_peer(kind, [{}], given, seed=0).notes["chosen"]
    assert chosen["tuning_average_precision"] < 0.5


@pytest.mark.parametrize("kind", ["logistic_regression", "smote_xgboost"])
def test_scaling_is_of_all_training_rows_and_each_peer_s_own(kind, table):
    candidates = peers.candidates_of(kind, small=False)
    scalers = peers._scalers(kind, candidates, table.X)
    deviation = {name: one.transform(table.X).std(axis=0) for name, one in scalers.items()}
    is_standardised = np.allclose(deviation["arcsinh"], 1.0)
    assert is_standardised == (kind == "logistic_regression")


def test_out_of_time_tests_on_the_latest_rows(table):
    parts = rows.out_of_time(table, share=0.7)
    assert table.time[parts.train].max() <= table.time[parts.validation].min()
    assert table.time[parts.validation].max() <= table.time[parts.test].min()
    assert len(parts.test) == round(0.3 * len(table.y))
    assert len(parts.validation) == pytest.approx(0.14 * len(table.y), abs=1)


def test_a_label_budget_hides_all_other_labels(table):
    parts = rows.few_labels(table, n_frauds=20, n_genuine=480, seed=0, fold=1)
    assert [(parts.y_train == label).sum() for label in (1, 0)] == [20, 480]
    assert len(parts.validation) == 0
    larger = rows.few_labels(table, n_frauds=50, n_genuine=490, seed=0, fold=1)
    assert np.all(larger.y_train[parts.y_train >= 0] >= 0)
    everything = rows.few_labels(table, n_frauds=None, n_genuine=480, seed=0, fold=1)
    assert (everything.y_train == 1).sum() == table.y[parts.train].sum()


def test_weights_bring_the_rows_to_the_prevalence(table):
    assert np.average(table.y, weights=table.weight) == pytest.approx(PREVALENCE)


def test_few_frauds_leaves_the_others_out(table):
    whole = rows.stratified_fold(table, seed=0, fold=2)
    few = rows.few_frauds(table, n_frauds=20, seed=0, fold=2)
    assert (few.y_train == 1).sum() == 20
    assert (few.y_train == 0).sum() == (whole.y_train == 0).sum()
    assert np.array_equal(few.test, whole.test)
    assert np.array_equal(few.validation, whole.validation)


def test_a_new_pattern_is_tested_and_never_trained_on(table):
    patterns = rows.fraud_patterns(table, rows.N_FOLDS)
    assert [len(one) for one in patterns] == sorted(map(len, patterns), reverse=True)
    everything = np.sort(np.concatenate(patterns))
    assert np.array_equal(everything, np.flatnonzero(table.y == 1))
    for fold, pattern in enumerate(patterns):
        whole = rows.stratified_fold(table, seed=1, fold=fold)
        parts = rows.new_pattern(table, seed=1, fold=fold)
        given = np.concatenate([parts.train, parts.validation])
        assert not set(given) & set(pattern)
        assert np.array_equal(parts.test[table.y[parts.test] == 1], pattern)
        # Genuine rows stay where the fold has them, and so do the other frauds it may learn from.
        for name in ("train", "validation", "test"):
            kept, of_fold = getattr(parts, name), getattr(whole, name)
            assert set(of_fold[table.y[of_fold] == 0]) == set(kept[table.y[kept] == 0])
        assert set(whole.train) - set(parts.train) == set(pattern) & set(whole.train)


def test_frauds_of_one_kind_are_one_pattern(table):
    X = table.X.copy()
    frauds = np.flatnonzero(table.y == 1)
    for number in range(rows.N_FOLDS):
        X[frauds[number :: rows.N_FOLDS], number + 3] += 40.0
    found = {tuple(one) for one in rows.fraud_patterns(replace(table, X=X), rows.N_FOLDS)}
    assert found == {tuple(frauds[number :: rows.N_FOLDS]) for number in range(rows.N_FOLDS)}


def test_every_habit_differs_from_the_default_in_its_own_way():
    default, *others = habit_variants(small=False)
    base = default.settings["sections"]
    changed = {}
    for variant in others:
        sections = variant.settings["sections"]
        assert {k: v for k, v in sections.items() if k != "sgan"} == {
            k: v for k, v in base.items() if k != "sgan"
        }
        difference = {k: v for k, v in sections["sgan"].items() if v != base["sgan"][k]}
        assert len(difference) == 1, variant.name
        changed[variant.name] = difference
    assert len({str(change) for change in changed.values()}) == len(changed)
    # A habit whose parameter is gone drops out; most of them must be there.
    assert len(changed) >= len(HABITS) - 4
