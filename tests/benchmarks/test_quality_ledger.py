import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.quality import __main__ as command
from benchmarks.quality import running
from benchmarks.quality.fitted import Fitted
from benchmarks.quality.jobs import Job, code_version, fitting_version
from benchmarks.quality.kept import are_of_one_fit, stamp
from benchmarks.quality.ledger import Ledger
from benchmarks.quality.studies import plan
from benchmarks.quality.variants import network

ARRAYS = {"rows": np.arange(3), "score": np.array([0.1, 0.2, 0.3])}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "results" / "quality.jsonl", tmp_path / "scores")


@pytest.fixture
def fits(monkeypatch):
    """Count fits; they give the first column as a score."""
    counted = []

    def fit(variant, given, seed, folder):
        counted.append(variant.name)
        return Fitted(lambda X: 1 / (1 + np.exp(-X[:, 0])))

    monkeypatch.setattr(running, "fit", fit)
    return counted


def run(jobs, table, ledger, tmp_path, **options):
    return running.run_all(jobs, table, ledger, "data", folder=tmp_path, **options)


def test_a_second_run_fits_nothing(table, ledger, fits, tmp_path):
    jobs = plan(small=True, studies=["full_labels"])
    assert run(jobs, table, ledger, tmp_path) == 0
    assert len(fits) == len(jobs)
    before = ledger.path.read_bytes()
    run(jobs, table, ledger, tmp_path)
    assert len(fits) == len(jobs)
    assert ledger.path.read_bytes() == before


def test_new_figures_need_no_new_fits(table, ledger, fits, tmp_path, monkeypatch):
    jobs = plan(small=True, studies=["full_labels"], only=["xgboost"])
    run(jobs, table, ledger, tmp_path)
    before = ledger.by_key()
    monkeypatch.setattr(running, "figures_version", lambda: "later")
    monkeypatch.setattr(running, "judge", lambda y, *_, **__: ({"average_precision": 0.5}, y))
    run(jobs, table, ledger, tmp_path)
    assert len(fits) == len(jobs)
    after = ledger.by_key()
    assert len(ledger.lines()) == 2 * len(jobs)
    for key, line in after.items():
        assert line["average_precision"] == 0.5 != before[key]["average_precision"]
        assert line["judged_by"] == "later"
        assert line["seconds"] == before[key]["seconds"]


def test_a_run_stopped_in_a_fit_is_taken_up_there(table, ledger, fits, tmp_path, monkeypatch):
    jobs = plan(small=True, studies=["full_labels"])
    fit = running.fit

    def stop_at_the_third(*arguments):
        if len(fits) == 2:
            raise KeyboardInterrupt
        return fit(*arguments)

    monkeypatch.setattr(running, "fit", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run(jobs, table, ledger, tmp_path)
    assert len(ledger.lines()) == 2
    monkeypatch.setattr(running, "fit", fit)
    run(jobs, table, ledger, tmp_path)
    assert fits == [job.variant.name for job in jobs]


def test_a_cut_line_is_passed_over_and_does_not_spoil_the_next(ledger, caplog):
    ledger.add({"key": "a", "value": 1}, ARRAYS)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + whole[: len(whole) // 2])
    assert [line["key"] for line in ledger.lines()] == ["a"]
    assert "cut short" in caplog.text
    ledger.add({"key": "b", "value": 2}, ARRAYS)
    assert [line["key"] for line in ledger.lines()] == ["a", "b"]


def test_scores_are_there_before_their_line(ledger, monkeypatch):
    def no_disk(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez_compressed", no_disk)
    with pytest.raises(OSError, match="no space"):
        ledger.add({"key": "a"}, ARRAYS)
    assert ledger.lines() == []


def test_a_line_that_is_no_json_is_never_written(ledger):
    with pytest.raises(ValueError, match="Out of range float"):
        ledger.add({"key": "a", "value": float("nan")}, ARRAYS)
    assert ledger.lines() == []


def test_scores_that_are_missing_are_made_again_if_they_are_wanted(
    table, ledger, fits, tmp_path, monkeypatch, caplog
):
    jobs = plan(small=True, studies=["full_labels"])
    run(jobs, table, ledger, tmp_path)
    before, key = ledger.path.read_bytes(), jobs[3].key("data")
    scores = ledger.scores(ledger.by_key()[key])
    (ledger.scores_folder / f"{key}.npz").unlink()
    run(jobs, table, ledger, tmp_path)
    assert ledger.scores(ledger.by_key()[key]) is None
    run(jobs, table, ledger, tmp_path, wants_scores=True)
    assert fits[len(jobs) :] == [jobs[3].variant.name]
    assert ledger.path.read_bytes() == before
    for name, kept in scores.items():
        np.testing.assert_array_equal(ledger.scores(ledger.by_key()[key])[name], kept)
    # Another outcome is a new line, and said.
    (ledger.scores_folder / f"{key}.npz").unlink()
    monkeypatch.setattr(running, "fit", lambda *_: Fitted(lambda X: 1 / (1 + np.exp(X[:, 0]))))
    run(jobs, table, ledger, tmp_path, wants_scores=True)
    assert len(ledger.lines()) == len(jobs) + 1
    assert ledger.by_key()[key]["average_precision"] < 0.5
    assert "another outcome than before" in caplog.text


def test_no_job_starts_when_time_is_out(table, ledger, fits, tmp_path):
    run(plan(small=True, studies=["full_labels"]), table, ledger, tmp_path, seconds=-1)
    assert fits == []


def test_a_failed_fit_is_not_recorded_and_the_others_go_on(
    table, ledger, fits, tmp_path, monkeypatch
):
    fit = running.fit

    def fail_once(variant, *rest):
        if variant.name == "xgboost":
            raise RuntimeError("diverged")
        return fit(variant, *rest)

    monkeypatch.setattr(running, "fit", fail_once)
    jobs = plan(small=True, studies=["full_labels"])
    assert run(jobs, table, ledger, tmp_path) == 2  # one for each of two folds
    assert len(ledger.lines()) == len(jobs) - 2


def test_keys_tell_every_difference_and_equal_fits_share_one():
    jobs = plan()
    by_key = {}
    for job in jobs:
        by_key.setdefault(job.key("data"), []).append(job)
    assert all(job.key("other") not in by_key for job in jobs[:50])
    names = [job.name for job in jobs]
    assert len(set(names)) == len(names)
    shared = [group for group in by_key.values() if len(group) > 1]
    # The default SGAN on fold 0 serves several studies.
    assert {"full_labels", "habits", "steady"} <= {job.study for job in max(shared, key=len)}
    for group in shared:
        assert len({json.dumps(job.variant.settings, sort_keys=True) for job in group}) == 1
        assert len({(str(job.split), job.fit_seed) for job in group}) == 1


def test_code_versions_see_code_and_no_comments(tmp_path):
    file = tmp_path / "module.py"

    def version(text):
        file.write_text(text)
        code_version.cache_clear()
        return code_version(("module.py",), tmp_path)

    first = version('"""One."""\n\n\ndef f(x):\n    """Two."""\n    return x + 1  # why\n')
    assert version('"""Other."""\ndef f(x):\n    """2."""\n    return x + 1\n') == first
    assert version('"""One."""\n\n\ndef f(x):\n    """Two."""\n    return x - 1  # why\n') != first
    code_version.cache_clear()


def test_a_fit_depends_on_what_its_code_imports_and_on_no_other_file(tmp_path):
    for folder in ("benchmarks", "features", "models"):
        (tmp_path / folder).mkdir()
    (tmp_path / "benchmarks/fits.py").write_text("from models import net\n")
    (tmp_path / "models/net.py").write_text("def f():\n    from features.rows import g\n")
    (tmp_path / "models/beside.py").write_text("x = 1\n")
    (tmp_path / "features/rows.py").write_text("def g():\n    return 1\n")

    def version():
        for function in (code_version, fitting_version):
            function.cache_clear()
        return fitting_version(("benchmarks/fits.py",), tmp_path)

    first = version()
    (tmp_path / "models/beside.py").write_text("x = 2\n")
    assert version() == first
    (tmp_path / "features/rows.py").write_text("def g():\n    return 2\n")
    assert version() != first
    for function in (code_version, fitting_version):
        function.cache_clear()


def test_the_first_split_of_every_variant_comes_before_the_second():
    jobs = [job for job in plan() if job.study == "full_labels"]
    n_variants = len({job.variant.name for job in jobs})
    assert len({job.variant.name for job in jobs[:n_variants]}) == n_variants
    assert {job.cell for job in jobs[:n_variants]} == {jobs[0].cell}


def test_missing_rows_are_said_and_end_with_2(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command.main(["--data", "nowhere/rows.parquet"]) == 2
    message = capsys.readouterr().err
    assert "rows.parquet" in message
    assert "--data" in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--study", "--variant"])
def test_unknown_names_are_said_and_end_with_2(option, transactions, capsys):
    assert command.main([option, "xgbost", "--data", str(transactions)]) == 2
    assert "xgboost" in capsys.readouterr().err or option == "--study"


def test_the_command_line_runs_and_reports(transactions, tmp_path, monkeypatch, fits, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["--small", "--data", str(transactions), "--study", "full_labels"]
    assert command.main(arguments) == 0
    page = (tmp_path / ".cache/quality/small/RESULTS.md").read_text()
    assert "| XGBoost | 2 of 2 |" in page
    assert "**not measured**" in page
    assert str(tmp_path) not in page
    n_fits = len(fits)
    assert command.main([*arguments, "--list"]) == 0
    assert "to do" not in capsys.readouterr().out
    assert command.main([*arguments, "--report"]) == 0
    assert len(fits) == n_fits


def test_a_parameter_that_came_later_leaves_keys_as_they_were_where_it_is_off():
    job = next(job for job in plan(studies=["full_labels"]) if job.variant.name == "sgan")

    def key(change=None, *, without=()):
        section = {**job.variant.settings["sections"]["sgan"], **(change or {})}
        section = {name: value for name, value in section.items() if name not in without}
        settings = {"sections": {**job.variant.settings["sections"], "sgan": section}}
        return replace(job, variant=replace(job.variant, settings=settings)).key("data")

    assert key(without=["diversity_weight"]) == key() == job.key("data")
    assert key({"diversity_weight": 1.0}) != key()
    assert key(without=["dropout"]) != key()


def test_how_codes_are_drawn_is_asked_only_where_they_are():
    split = {"function": "stratified_fold", "seed": 0, "fold": 0}
    for method, n in (("vae", 2), ("gan", 1), ("none", 1)):
        variants = [
            network("one", small=True,
                    overrides={"augment.method": method, "augment.generation": generation})
            for generation in ("prior", "posterior")
        ]  # fmt: skip
        jobs = [Job("study", "", variant, split, fit_seed=0, round=0) for variant in variants]
        assert len({job.question("data") for job in jobs}) == n
        assert len({job.key("data") for job in jobs}) == n


def test_the_stamp_of_a_fit_stays_what_it_is():
    """Intervals whose scores are lost are found by it: another one would lose them too."""
    line = {"average_precision": 0.857142, "f1": 0.8, "n_test": 9821, "frauds_came": 71}
    assert stamp(line) == "75f39b8d296f3795"
    assert stamp({**line, "average_precision": 0.857138, "job": "another"}) == stamp(line)
    assert stamp({**line, "average_precision": 0.8573}) != stamp(line)


def test_fits_are_told_apart_by_more_than_machines_differ_by():
    line = {"average_precision": 0.85, "calibration_slope": 1.00005}
    assert are_of_one_fit(line, {**line, "calibration_slope": 1.000049})  # rounds otherwise
    assert not are_of_one_fit(line, {**line, "average_precision": 0.8502})
    assert not are_of_one_fit(line, {**line, "f1": 0.8})
