"""The command line: what it prints, how it ends, and what it does not import."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

import pipeline.__main__

REPOSITORY = Path(__file__).resolve().parents[3]
AS_MODULE = "import runpy; runpy.run_module('pipeline', run_name='__main__', alter_sys=True)"


def counterfoil(*arguments, cwd=REPOSITORY):
    """Run the real command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], cwd=cwd, text=True, check=False,
        capture_output=True, timeout=120, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip


def test_help_is_quick_and_imports_nothing_heavy(in_fresh_process):
    in_fresh_process(AS_MODULE, "--help")
    started = time.perf_counter()
    result = counterfoil("--help")
    assert time.perf_counter() - started < 5  # well under a second on a machine at rest
    for command in ("run", "simulate", "score", "threshold", "monitor"):
        assert f"\n  {command} " in result.stdout


def test_parameter_errors_are_quick_and_import_nothing_heavy(in_fresh_process):
    error = in_fresh_process(AS_MODULE, "run", "-S", "sgan.lerning_rate=1", exit_code=2).stderr
    assert error == (
        "Error: params.yaml has no key sgan.lerning_rate; did you mean sgan.learning_rate?\n"
    )


def test_a_run_with_nothing_to_do_imports_nothing_heavy(project, in_fresh_process):
    result = in_fresh_process(AS_MODULE, "run", cwd=project.folder)
    assert "nothing to do: every stage is up to date" in result.stderr


def test_version_is_that_of_the_project():
    assert counterfoil("--version").stdout == "counterfoil 0.1.0\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "-S", "sgan.epochs=0"], "params.yaml: sgan.epochs: .*, got 0"),
        (["run", "-S", "sgan.epochs"], "-S sgan.epochs: expected section.key=value"),
        (["run", "--preset", "nosuch"], "--preset nosuch: neither a file nor a preset; "),
        (["run", "--params", "no.yaml"], "no.yaml does not exist"),
        (["run", "train"], "there is no stage train; the stages are ingest, split, "),
        (["run", "--workdir", "elsewhere"], "--workdir needs --no-cache"),
        (["run", "-S", "data.source=file", "-S", "data.path=no.csv"], "data.path: no.csv does not"),
        (["run", "--bogus"], "No such option"),
        (["stage", "train"], "there is no stage train"),
        (["simulate", "--rows", "0", "--out", "x.csv"], "0 is not in the range"),
        (["simulate", "--rows", "500", "--out", "x.txt"], "ends in .csv or .parquet"),
        (["simulate", "--rows", "500", "--out", "no/x.csv"], "the folder no does not exist"),
        (["threshold", "no/model"], "no/model is no folder, no run id and no model URI"),
        (["threshold", "data", "--f1"], "data holds no packaged model"),
        (["threshold", "data", "--f1", "--value", "0.5"], "--value, --f1: each is a rule of its"),
        (["threshold", "data", "--alerts-per-day", "0"], "0.0 is not in the range x>0"),
        (["threshold", "data", "--alerts-per-day", "inf"], "inf is not a finite number"),
        (["threshold", "data", "--value", "nan"], "nan is not a finite number"),
        (["threshold", "data", "--value", "1.5"], "1.5 is not in the range 0<=x<=1"),
        (["threshold", "data", "--cost-per-missed-unit", "1"], "needs --cost-per-false-alarm"),
        (["monitor"], "Missing option '--data'"),
        (["monitor", "--data", "data", "--model", "data"], "data holds no packaged model"),
        (["monitor", "--data", "data", "-S", "monitor.pis=1"], "did you mean monitor.psi"),
        (["monitor", "--data", "data", "--html", "no/x.html"], "the folder no does not exist"),
        (["monitor", "--data", "data"], "counterfoil@champion is no folder, no run id"),
        (["monitor", "--data", "data", "--model", "champion"], "counterfoil@champion is no folder"),
        (["threshold", "data", "--reason", "x"], "--reason and --out need a rule, such as"),
    ],
)
def test_bad_arguments_end_with_one_message_and_code_2(project, cli, arguments, message):
    before = project.content()
    result = cli(*arguments)
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert "Traceback" not in result.stderr
    assert project.content() == before
    assert project.ran() == []


def test_dry_run_names_the_stages_and_why(project, cli):
    assert cli("run", "--dry-run").stdout == "nothing to do: every stage is up to date\n"
    assert cli("run", "--dry-run", "-S", "sgan.learning_rate=2.0e-3").stdout == (
        "stage        why\n"
        "sgan         sgan.learning_rate: 0.001 -> 0.002\n"
        "evaluate     sgan reruns\n"
    )
    assert project.ran() == []


def test_run_logs_each_stage_and_ends_with_the_summary(project, cli):
    result = cli("run", "-S", "evaluate.seed=62")
    assert "evaluate: started" in result.stderr
    assert "evaluate: done in 0.0 s (100 rows, 3 frauds)" in result.stderr
    assert "0.800 (0.700-0.900)" in result.stdout
    assert "artifacts/evaluate" in result.stdout
    assert cli("run", "--quiet").stderr == ""


def test_unexpected_errors_show_a_traceback_and_end_with_code_1(cli, monkeypatch):
    import pipeline.run.running

    def fail(request):
        raise ZeroDivisionError("one over nothing")

    monkeypatch.setattr(pipeline.run.running, "run", fail)
    result = cli("run")
    assert result.exit_code == 1
    assert "ZeroDivisionError: one over nothing" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["history"], ["withdraw", "week1.csv", "--reason", "wrong export"]]
)
def test_a_state_folder_that_does_not_exist_is_named_and_not_made(cli, project, arguments):
    ended = cli(*arguments, "--state", "nowhere")
    assert ended.exit_code == 2
    assert "--state nowhere does not exist" in ended.stderr
    assert not project.path("nowhere").exists()


def test_an_interrupt_that_comes_up_as_another_error_is_one(monkeypatch, capsys):
    """TensorFlow makes a SystemError of it now and then while it compiles."""

    def compile_and_be_interrupted(**_):
        with suppress(KeyboardInterrupt):
            pipeline.__main__._note_interrupt(signal.SIGINT, None)
        raise SystemError("bad argument to internal function")

    monkeypatch.setattr(pipeline.__main__, "_interrupted", threading.Event())
    monkeypatch.setattr(pipeline.__main__.cli, "main", compile_and_be_interrupted)
    assert pipeline.__main__._exit_code() == 130
    assert capsys.readouterr().err == "Interrupted; whatever had finished before is kept.\n"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
@pytest.mark.slow
def test_interrupts_end_with_their_code_and_leave_nothing_half_written(project, number, code):
    before = project.content()
    # A test run in the background ignores SIGINT and hands that down; a terminal does not.
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = project.start("run", "--from", "sgan", FAKE_PAUSE="sgan")
    signal.signal(signal.SIGINT, former)
    for _ in range(600):
        if project.path("paused").exists():
            break
        time.sleep(0.1)
    process.send_signal(number)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == code, error
    assert "Traceback" not in error
    assert project.content() == before


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_simulate_writes_the_file_that_is_asked_for(cli, project, suffix):
    out = project.path(f"made.{suffix}")
    options = ["--rows", "3000", "--fraud-rate", "0.02", "--out", str(out)]
    done = cli("simulate", *options, "--seed", "5")
    assert (done.exit_code, done.stdout) == (0, f"3,000 transactions: {out}\n")
    table = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    assert list(table.columns) == ["Time", *(f"V{i}" for i in range(1, 29)), "Amount", "Class"]
    assert len(table) == 3000
    first = out.read_bytes()
    cli("simulate", *options, "--seed", "5")
    assert out.read_bytes() == first
    cli("simulate", *options, "--seed", "6")
    assert out.read_bytes() != first
    assert [path.name for path in project.folder.glob(".made*")] == []


def test_simulated_files_can_follow_each_other(cli, project):
    out = project.path("week2.parquet")
    options = ["--rows", "3000", "--days", "7", "--first-day", "7", "--out", str(out)]
    assert cli("simulate", *options).exit_code == 0
    days = pd.read_parquet(out)["Time"] / 86_400
    assert days.between(7, 14).all()
    assert days.max() - days.min() > 6.9


def test_the_list_of_commands_says_what_each_does_without_cutting_it(cli):
    listed = cli("--help").stdout.partition("Commands:")[2].splitlines()
    assert len(listed) > 10
    assert [line for line in listed if line.endswith("...")] == []
