"""Which errors of pseudo-labels cost most: what is corrected, what is left out, what is judged."""

import numpy as np
import pytest

from benchmarks import pseudo_label_errors
from benchmarks.pseudo_label_errors import judge, main
from benchmarks.quality.fitted import Fitted


@pytest.fixture
def says(table, monkeypatch):
    """Return a function that makes the SGAN say frauds of all real ones but those and others."""
    truth = {row.tobytes(): label for row, label in zip(table.X, table.y, strict=True)}

    def says(*, missed=0, wrong=0):
        def fit_network(kind, settings, rows, seed, folder):
            hidden = rows.X[rows.y == -1]
            is_fraud = np.array([truth[row.tobytes()] for row in hidden]) == 1
            turned = [*hidden[is_fraud][:missed], *hidden[~is_fraud][:wrong]]
            said = {row.tobytes(): 1.0 - truth[row.tobytes()] for row in turned}
            return Fitted(
                lambda X: np.array([said.get(r.tobytes(), truth[r.tobytes()]) for r in X]), {}, {}
            )

        monkeypatch.setattr(pseudo_label_errors, "fit_network", fit_network)
        monkeypatch.setattr(pseudo_label_errors, "forget_graphs", lambda: None)
        return judge(table, 20, 480, 0, small=True)

    return says


def test_without_errors_there_is_nothing_to_correct(says):
    figures = says()
    assert figures["pass for fraud"] == figures["hidden frauds"] > 50
    assert figures["of them genuine"] == 0
    assert figures["SGAN"] == 1.0
    names = ("student", "missed frauds left out", "wrong frauds corrected")
    assert [figures[name] for name in names] == [figures["all labels"]] * 3


def test_each_correction_mends_its_own_errors(says):
    wrong = says(wrong=40)
    assert (wrong["pass for fraud"], wrong["of them genuine"]) == (wrong["hidden frauds"] + 40, 40)
    assert wrong["wrong frauds corrected"] == wrong["all labels"] != wrong["student"]
    assert wrong["missed frauds left out"] == wrong["student"]  # none is missed
    missed = says(missed=30)
    assert missed["pass for fraud"] == missed["hidden frauds"] - 30
    assert missed["wrong frauds corrected"] == missed["student"]  # none is wrong
    assert missed["missed frauds left out"] != missed["student"]


def test_the_page_has_a_line_for_each_budget(says, transactions, tmp_path):
    says(wrong=5)
    main(["--data", str(transactions), "--folds", "1", "--small", "--out", str(tmp_path / "p.md")])
    lines = (tmp_path / "p.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["| 20 + 480", "| 50 + 450"]
    assert lines[-2].split(" | ")[3] == "5"
