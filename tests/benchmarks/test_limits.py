"""Which rows are outlying, what is lost, and what the page says without scores."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import limits
from benchmarks.limits import lost_frauds, main, mixed, outlying_rows, precision_of
from benchmarks.quality.bootstrap import Scored
from benchmarks.quality.jobs import data_version
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.studies import plan


def scored(y, score, **changes):
    y, score = np.asarray(y), np.asarray(score, float)
    one = Scored(rows=np.arange(len(y)), y=y, score=score, weight=np.ones(len(y)), threshold=0.5)
    return replace(one, **changes)


def test_outlying_rows_are_genuine_and_where_the_frauds_are(table):
    X = table.X.copy()
    planted = np.flatnonzero(table.y == 0)[[5, 300]]
    X[planted, 0] += 8.0  # V1, in which frauds lie 2.5 higher
    assert set(outlying_rows(replace(table, X=X))) >= set(planted)
    assert np.all(table.y[outlying_rows(table)] == 0)
    # Whoever is called a fraud is none of them.
    y = table.y.copy()
    y[planted] = 1
    assert not set(outlying_rows(replace(table, X=X, y=y))) & set(planted)


def test_precision_without_a_row_is_that_of_the_others():
    one = scored([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])
    assert precision_of(one) == pytest.approx((1 + 2 / 3) / 2)
    assert precision_of(one, without=[1]) == 1.0
    assert precision_of(replace(one, rows=one.rows + 4), without=[1]) == precision_of(one)


def test_a_fraud_is_lost_below_the_highest_genuine_rows_of_every_model(monkeypatch):
    monkeypatch.setattr(limits, "N_HIGHEST", 2)
    y = [1, 1, 1, 0, 0, 0]
    first = scored(y, [0.9, 0.5, 0.1, 0.8, 0.4, 0.2])  # the third is below 0.4
    second = scored(y, [0.9, 0.1, 0.2, 0.8, 0.4, 0.3])  # the second and the third are
    assert lost_frauds([[first]]) == pytest.approx(1 / 3)
    assert lost_frauds([[second]]) == pytest.approx(2 / 3)
    assert lost_frauds([[first, second]]) == pytest.approx(1 / 3)


def test_mixed_scores_are_means_of_log_odds():
    y = [1, 0, 0]
    one = mixed([scored(y, [0.8, 0.5, 0.0]), scored(y, [0.2, 0.5, 1.0])])
    np.testing.assert_allclose(one.score, 0.5, atol=1e-4)
    assert one.threshold is None


@pytest.fixture
def results(transactions, table, tmp_path, monkeypatch):
    """Return a ledger of made-up scores, and the arguments that name it.

    Scores are right but for the row that counts as outlying, which every model takes for fraud.
    """
    outlying = np.flatnonzero(table.y == 0)[[0]]
    monkeypatch.setattr(limits, "outlying_rows", lambda _: outlying)
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    data = data_version(transactions, small=True)
    n_rows = len(limits.load(transactions, small=True).y)
    for job in plan(small=True, studies=("few_labels", "full_labels")):
        rows = np.flatnonzero(np.arange(n_rows) % 2 == job.split["fold"])
        y = table.y[rows]
        score = np.where(rows == outlying[0], 0.9, 0.1 + 0.7 * y)
        if job.variant.name == "logistic_regression":
            score[y == 1] = 0.1
        line = {"key": job.key(data), "job": job.name, "data": data, "average_precision": 0.5}
        if job.study == "full_labels":
            line["threshold"] = 0.95
        ledger.add(line, {"rows": rows, "y": y, "score": score, "weight": np.ones(len(y))})
    options = {
        "--data": transactions,
        "--results": ledger.path,
        "--scores-folder": ledger.scores_folder,
        "--out": tmp_path / "page.md",
    }
    return ledger, ["--small", *(str(part) for pair in options.items() for part in pair)]


def lines_of(page, name):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if f"| {name} |" in line
    ]


def test_the_page_tells_rows_thresholds_and_ranking_apart(results, tmp_path):
    _, arguments = results
    assert main(arguments) == 0
    page = (tmp_path / "page.md").read_text()
    assert str(tmp_path) not in page
    *few, full = lines_of(page, "SGAN")
    assert len(few) == 3
    for line in few:
        assert line[3] == "1.000 ± 0.000" != line[2]  # what it lacks is due to the outlying row
        assert line[4] == "1 of 1"
    # No fraud reaches the threshold, and a better one would find nearly all of them.
    assert full[3] == "0.000 ± 0.000"
    assert full[4].startswith("0.99")
    assert full[5] == "0.0%"
    (mixture,) = lines_of(page, "SGAN and XGBoost, mean log odds")
    assert [mixture[index] for index in (1, 2, 4)] == [full[index] for index in (1, 2, 4)]
    assert mixture[3] == "-"
    # A ranking that does not know the frauds is helped by neither.
    blind = lines_of(page, "logistic regression")[-1]
    assert float(blind[2].split()[0]) < 0.3


@pytest.mark.parametrize("study", ["few_labels", "full_labels"])
def test_missing_scores_are_said_with_the_cure(results, tmp_path, capsys, study):
    ledger, arguments = results
    line = next(one for one in ledger.lines() if one["job"].startswith(f"{study}: sgan"))
    (ledger.scores_folder / f"{line['key']}.npz").unlink()
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert "1 of 2 fits of 'sgan'" in message
    assert "python -m benchmarks.quality --scores" in message
    assert not (tmp_path / "page.md").exists()


def test_a_smoke_test_of_the_benchmark_is_read_where_it_is(results, tmp_path, monkeypatch):
    """`benchmarks.quality --small` has places of its own, which need not be named."""
    ledger, arguments = results
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache/quality").mkdir(parents=True)
    ledger.path.rename(".cache/quality/small.jsonl")
    ledger.scores_folder.rename(".cache/quality/scores")
    data = arguments[arguments.index("--data") + 1]
    assert main(["--small", "--data", data]) == 0
    assert (tmp_path / ".cache/quality/small/limits.md").exists()
    assert not (tmp_path / "docs").exists()


def test_missing_rows_are_said(tmp_path, capsys):
    assert main(["--data", str(tmp_path / "rows.parquet"), "--out", str(tmp_path / "p.md")]) == 2
    assert "rows.parquet" in capsys.readouterr().err
