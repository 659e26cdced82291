"""Which results of earlier code may stand for present ones."""

import numpy as np
import pytest

from benchmarks.quality import jobs as keys
from benchmarks.quality import running
from benchmarks.quality.confirming import confirm
from benchmarks.quality.fitted import Fitted
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.studies import plan

DATA = "data"


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "quality.jsonl", tmp_path / "scores")


@pytest.fixture
def done(table, ledger, tmp_path, monkeypatch):
    """A plan whose jobs are done; then the code changes, and fits answer `answer`."""
    fits, answer = [], {}

    def fit(variant, given, seed, folder):
        fits.append(variant.name)
        shift = answer.get(variant.name, 0.0)
        return Fitted(lambda X: 1 / (1 + np.exp(-X[:, 0] - shift * X[:, 1])))

    monkeypatch.setattr(running, "fit", fit)
    jobs = plan(small=True, studies=["full_labels"])
    assert running.run_all(jobs, table, ledger, DATA, folder=tmp_path) == 0
    monkeypatch.setattr(keys, "fitting_version", lambda names: "later")
    fits.clear()

    def confirmed(some=jobs, n_refits=2):
        return confirm(some, table, ledger, DATA, folder=tmp_path, n_refits=n_refits)

    confirmed.jobs, confirmed.fits, confirmed.answer = jobs, fits, answer
    confirmed.table = table
    confirmed.n_done = lambda: sum(job.key(DATA) in ledger.by_key() for job in jobs)
    return confirmed


def test_equal_refits_renew_all(done, ledger):
    assert done.n_done() == 0
    assert done() == len(done.jobs)
    assert done.n_done() == len(done.jobs)
    assert len(done.fits) == len(done.jobs)  # two of each kind, of which there are two
    line = ledger.by_key()[done.jobs[0].key(DATA)]
    assert set(line["confirmed_by"]) <= {job.name for job in done.jobs}
    assert line["confirmed_to"] == "bits"
    assert ledger.scores(line)["rows"].ndim == 1
    assert done() == 0  # nothing is left to confirm


def test_one_score_that_differs_renews_nothing_of_its_kind(done, caplog):
    done.answer["smote_xgboost"] = 1e-9
    n_others = sum(job.variant.kind != "smote_xgboost" for job in done.jobs)
    assert done(n_refits=1) == n_others == done.n_done()
    assert "nothing is renewed" in caplog.text


def test_a_refit_speaks_for_its_kind_of_split_only(table, ledger, tmp_path, monkeypatch):
    """A model that fits few labels otherwise than before, and full labels as before."""
    shift = {False: 0.0}

    def fit(variant, given, seed, folder):
        change = shift.get(not given.has_validation, 0.0)
        return Fitted(lambda X: 1 / (1 + np.exp(-X[:, 0] - change * X[:, 1])))

    monkeypatch.setattr(running, "fit", fit)
    jobs = plan(small=True, studies=["full_labels", "few_labels"], only=["xgboost"])
    running.run_all(jobs, table, ledger, DATA, folder=tmp_path)
    monkeypatch.setattr(keys, "fitting_version", lambda names: "later")
    shift[True] = 0.1
    n_renewed = confirm(jobs, table, ledger, DATA, folder=tmp_path, n_refits=1)
    renewed = [job for job in jobs if job.key(DATA) in ledger.by_key()]
    assert n_renewed == len(renewed) == 2
    assert {job.study for job in renewed} == {"full_labels"}


def test_a_later_confirmation_makes_an_earlier_one_no_stronger(done, ledger, monkeypatch):
    scores = {path: path.read_bytes() for path in ledger.scores_folder.iterdir()}
    for path in scores:
        path.unlink()
    done()
    run = {"folder": ledger.scores_folder, "wants_scores": True}
    running.run_all(done.jobs, done.table, ledger, DATA, **run)
    monkeypatch.setattr(keys, "fitting_version", lambda names: "later still")
    done(n_refits=1)
    for job in done.jobs:
        line = ledger.by_key()[job.key(DATA)]
        assert line["confirmed_to"] == "figures"
        assert len(line["confirmed_by"]) == 2


def test_where_scores_are_elsewhere_the_figures_decide(done, ledger, caplog):
    for path in ledger.scores_folder.iterdir():
        path.unlink()
    done.answer["smote_xgboost"] = 0.1
    n_others = sum(job.variant.kind != "smote_xgboost" for job in done.jobs)
    assert done() == n_others == done.n_done()
    assert "a refit has other figures" in caplog.text
    done.answer.clear()
    assert done() == len(done.jobs) - n_others
    line = ledger.by_key()[done.jobs[0].key(DATA)]
    assert line["confirmed_to"] == "figures"


def test_other_settings_are_no_question_of_code(done):
    changed = plan(small=True, studies=["full_labels"])
    for job in changed:
        job.variant.settings["new"] = 1
    assert done(changed) == 0
    assert done.fits == []
