"""The simulation of active learning: what is hidden stays hidden, and a stopped run goes on."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from benchmarks.active_learning import __main__ as command
from benchmarks.active_learning import page, simulation
from benchmarks.active_learning.page import as_markdown
from benchmarks.active_learning.simulation import Job, collect, make_fold, run_job

REPOSITORY = Path(__file__).resolve().parents[2]


class Committee:
    """Stands in for the SGAN: logistic regressions on halves of the columns."""

    fits = 0

    def __init__(self, random_state, **_):
        self._columns = np.random.default_rng(random_state).permuted(
            np.tile(np.arange(29), (3, 1)), axis=1
        )[:, :20]

    def fit(self, X, y):
        type(self).fits += 1
        self.seen_ = y[y >= 0]
        self._members = [LogisticRegression(C=0.1).fit(X[y >= 0][:, c], y[y >= 0])
                         for c in self._columns]  # fmt: skip
        return self

    def decision_function_members(self, X):
        return np.column_stack(
            [
                m.decision_function(X[:, c])
                for m, c in zip(self._members, self._columns, strict=True)
            ]
        )

    def decision_function(self, X):
        return self.decision_function_members(X).mean(axis=1)


@pytest.fixture
def simulated(transactions, tmp_path, monkeypatch):
    """Return a function that simulates two seeds with a stand-in; gives page and results."""
    pytest.importorskip("tensorflow")
    monkeypatch.setattr("models.classifier.SGANClassifier", Committee)
    monkeypatch.setattr("keras.backend.clear_session", lambda: None)
    monkeypatch.setattr(simulation, "COUNTS", (50, 70, 90))
    monkeypatch.setattr(simulation, "LATER_COUNTS", (120,))
    monkeypatch.setattr(simulation, "TARGET_COUNT", 120)
    monkeypatch.setattr(simulation, "TARGET_BUDGET", 90)
    Committee.fits = 0

    def simulated():
        places = {"--results": "r.jsonl", "--scores": "scores", "--out": "page.md",
                  "--picture": "picture.png"}  # fmt: skip
        options = [text for name, file in places.items() for text in (name, str(tmp_path / file))]
        command.main(["--data", str(transactions), "--seeds", "2", "--small", *options])
        lines = command.Ledger(tmp_path / "r.jsonl", tmp_path).lines()
        return (tmp_path / "page.md").read_text(), lines

    return simulated


# With two weights and two seeds: the start, two more counts for each strategy, a last for random.
N_JOBS = 2 * 2 * (1 + 6 * 2 + 1)


def test_every_strategy_on_every_seed_with_page_and_picture(simulated, tmp_path):
    page, lines = simulated()
    assert len(lines) == Committee.fits == N_JOBS
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    assert "![Average precision against labels](picture.png)" in page
    assert page.count("| 120 | - | - | - | - | - | 0.") == 2
    # An interval for each strategy with each weight, and for each but the later points.
    assert page.count(" to +") + page.count(" to -") == 2 * 6 + 3 * 6 + 1
    added = page.partition("## What pseudo-labels add")[2].splitlines()
    assert added[-1].startswith("| 120 | - | - | - | - | - | ")
    done = {
        (line["strategy"], line["n_labels"], line["pseudo_label_weight"], line["seed"]): line
        for line in lines
    }
    gain = np.mean([
        done["mixed", 90, 0.5, seed]["average_precision"]
        - done["mixed", 90, 0.0, seed]["average_precision"] for seed in (0, 1)
    ])  # fmt: skip
    assert added[-2].split("|")[3].split()[0] == f"{gain:+.3f}"
    starts = [line for line in lines if line["n_labels"] == 50]
    assert len(starts) == 4
    assert set(starts[0]["queried"]) == set(simulation.STRATEGIES)


def test_a_stopped_run_goes_on_and_ends_like_an_undisturbed_one(simulated, tmp_path):
    page, _ = simulated()
    path = tmp_path / "r.jsonl"
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join(text[:13]) + text[13][:40])  # killed while it wrote a line
    Committee.fits = 0
    again, _ = simulated()
    assert Committee.fits == N_JOBS - 13
    assert again == page


def test_an_unfinished_run_has_a_page_of_what_is_finished(simulated, tmp_path):
    simulated()
    ledger = command.Ledger(tmp_path / "r.jsonl", tmp_path)
    results = collect(ledger, range(2), small=True)
    with_one = results[results["pseudo_label_weight"] == 0.0]
    text = as_markdown(with_one, "command", "picture.png")
    assert "What pseudo-labels add" not in text
    lost = (results["pseudo_label_weight"] > 0) & (results["strategy"] == "highest_risk")
    text = as_markdown(results[~lost], "command", "picture.png")
    assert "left out: highest_risk." in text
    assert "highest_risk" not in text.partition("## What pseudo-labels add")[2]


def test_a_fit_that_failed_is_no_point_of_the_picture(simulated, tmp_path, monkeypatch):
    simulated()
    results = collect(command.Ledger(tmp_path / "r.jsonl", tmp_path), range(2), small=True)
    is_mixed = (results["strategy"] == "mixed") & (results["n_labels"] == 70)
    results.loc[is_mixed & (results["seed"] == 1), "average_precision"] = 0.0
    drawn = {}
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda self, *_, **__: drawn.update(
        {line.get_label(): list(line.get_xdata()) for line in self.axes[0].lines}))  # fmt: skip
    page.draw(results, tmp_path / "picture.png")
    assert drawn["mixed"] == [50, 90]
    assert drawn["boundary"] == [50, 70, 90]


def test_labels_are_uncovered_one_batch_after_the_other(simulated, table):
    _, lines = simulated()
    lines = [line for line in lines if line["seed"] == 1 and line["pseudo_label_weight"]]
    of_mixed = [line for line in lines if line["strategy"] == "mixed"]
    start = next(line for line in lines if line["n_labels"] == 50)
    batches = [start["queried"]["mixed"], *(line["queried"].get("mixed", []) for line in of_mixed)]
    assert [len(batch) for batch in batches] == [20, 20, 0]
    assert not set(batches[0]) & set(batches[1])
    fold = make_fold(table, 1)
    labelled = simulation.start_rows(fold, 1)
    assert fold.y[labelled].sum() == 3
    assert not set(labelled) & set(batches[0])
    assert of_mixed[0]["n_labelled_frauds"] == 3 + fold.y[batches[0]].sum()


def test_the_fit_sees_no_label_that_was_not_asked_for(table, monkeypatch):
    monkeypatch.setattr("models.classifier.SGANClassifier", Committee)
    fold = make_fold(table, 0)
    labelled = simulation.start_rows(fold, 0)
    job = Job("mixed", 0, 50, 0.5, True)
    figures, score = run_job(job, fold, labelled)
    hidden = np.setdiff1d(np.arange(len(fold.y)), labelled)
    other = fold.y.copy()
    other[hidden] = 1 - other[hidden]
    turned = simulation.Fold(fold.X, other, fold.X_test, 1 - fold.y_test, fold.weight)
    figures_turned, score_turned = run_job(job, turned, labelled)
    np.testing.assert_array_equal(score, score_turned)
    assert figures["queried"] == figures_turned["queried"]


def test_strategies_share_the_start_and_nothing_else():
    keys = {Job(name, 0, 50, 0.5, False).key for name in simulation.STRATEGIES}
    assert len(keys) == 1
    others = {Job(name, seed, 100, weight, small).key for name in simulation.STRATEGIES
              for seed in (0, 1) for weight in (0.0, 0.5) for small in (False, True)}  # fmt: skip
    assert len(others) == 48


@pytest.mark.slow
def test_one_fit_of_the_real_classifier(table):
    fold = make_fold(table, 0)
    figures, score = run_job(Job("random", 0, 50, 0.5, True), fold, simulation.start_rows(fold, 0))
    assert 0 < figures["average_precision"] <= 1
    assert np.isfinite(score).all()
    assert all(len(rows) == 50 for rows in figures["queried"].values())


def test_the_committed_page_is_that_of_the_committed_results():
    ledger = command.Ledger(REPOSITORY / command.RESULTS, REPOSITORY / command.SCORES)
    results = collect(ledger, range(5), small=False)
    picture = "../images/active_learning.png"
    expected = as_markdown(results, "python -m benchmarks.active_learning", picture)
    assert (REPOSITORY / command.PAGE).read_text(encoding="utf-8") == expected
