"""Which rows are outlying, what is lost, and what the page says without scores."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import limits
from benchmarks.limits import lost_frauds, main, mean_precision, mixed, outlying_rows
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
    assert mean_precision([one]) == pytest.approx((1 + 2 / 3) / 2)
    assert mean_precision([one], without=[1]) == 1.0
    assert mean_precision([one, replace(one, rows=one.rows + 4)], without=[1]) == pytest.approx(
        (1 + (1 + 2 / 3) / 2) / 2
    )


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
def results(transactions, table, tmp_path):
    """Return a ledger of made-up scores, and the arguments that name it."""
    ledger = Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")
    data = data_version(transactions, small=True)
    rng = np.random.default_rng(0)
    for job in plan(small=True, studies=("few_labels", "full_labels")):
        key = job.key(data)
        rows = np.flatnonzero(np.arange(len(table.y)) % 2 == job.split["fold"])
        y = table.y[rows]
        noise = 0.0 if job.variant.name == "sgan" else 3.0
        score = 1 / (1 + np.exp(-(4.0 * y - 2.0 + noise * rng.normal(size=len(y)))))
        line = {"key": key, "job": job.name, "data": data, "average_precision": 0.5}
        if job.study == "full_labels":
            line["threshold"] = 0.99
        ledger.add(line, {"rows": rows, "y": y, "score": score, "weight": np.ones(len(y))})
    options = {"--data": transactions, "--results": ledger.path, "--scores": ledger.scores_folder,
               "--out": tmp_path / "page.md"}  # fmt: skip
    return ledger, ["--small", *(str(part) for pair in options.items() for part in pair)]


def test_the_page_tells_threshold_from_ranking(results, tmp_path):
    _, arguments = results
    assert main(arguments) == 0
    page = (tmp_path / "page.md").read_text()
    assert str(tmp_path) not in page
    of_sgan = next(line for line in page.splitlines() if line.startswith("| SGAN | "))
    # Frauds and genuine rows are apart, but no fraud reaches the threshold.
    assert of_sgan == "| SGAN | 1.000 | 1.000 | 0.000 | 1.000 | 0.0% |"
    assert page.count("\n| all + 500 |") == page.count("\n| 20 + 480 |") == 7


def test_missing_scores_are_said_with_the_cure(results, tmp_path, capsys):
    ledger, arguments = results
    next(iter(ledger.scores_folder.glob("*.npz"))).unlink()
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert "python -m benchmarks.quality --scores" in message
    assert not (tmp_path / "page.md").exists()
