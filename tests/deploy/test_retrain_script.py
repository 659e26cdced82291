"""The script that all schedules call: what it passes on, what it says, how it ends."""

import json
import signal
import subprocess
import time

import pytest

from pipeline.retrain.retrain import EXIT_CODES

QUIET, SEEN, ALARM = "quiet", "seen", "alarm"
MEANING = {0: QUIET, 10: QUIET, 20: SEEN, 40: QUIET, 30: ALARM, 1: ALARM, 2: ALARM, 137: ALARM}


def test_every_outcome_of_the_command_has_a_meaning():
    assert set(EXIT_CODES.values()) <= set(MEANING)


@pytest.mark.parametrize(("exit_code", "meaning"), MEANING.items())
def test_only_what_a_person_must_mend_fails(fake, exit_code, meaning):
    done = fake.run(exit_code=exit_code)
    assert done.returncode == (exit_code if meaning is ALARM else 0)
    assert f"(exit code {exit_code})" in done.stderr
    if exit_code in EXIT_CODES.values():
        assert json.loads(done.stdout)["exit_code"] == exit_code
    else:
        assert done.stdout == ""
        assert "Error: no server" in done.stderr


@pytest.mark.parametrize(("exit_code", "meaning"), MEANING.items())
def test_with_a_log_only_what_somebody_should_read_is_printed(fake, tmp_path, exit_code, meaning):
    log = tmp_path / "retrain.log"
    log.write_text("earlier\n")
    done = fake.run(exit_code=exit_code, COUNTERFOIL_LOG=str(log))
    first, *others = log.read_text().splitlines()
    assert first == "earlier"
    assert "a line of the log" in others
    assert f"(exit code {exit_code})" in others[-1]
    assert ('"exit_code": ' in others[-1]) == (exit_code in EXIT_CODES.values())
    printed = done.stdout + done.stderr
    assert bool(printed) == (meaning is not QUIET)
    if meaning is ALARM and exit_code != 30:
        assert "Error: no server" in printed


def test_a_schedule_may_name_the_exit_code_of_a_rejection(fake):
    assert fake.run(exit_code=20, COUNTERFOIL_REJECTED_EXIT="20").returncode == 20
    assert fake.run(exit_code=10, COUNTERFOIL_REJECTED_EXIT="20").returncode == 0


@pytest.mark.parametrize(("exit_code", "priority"), [(0, 6), (40, 6), (20, 4), (30, 3), (1, 3)])
def test_the_journal_gets_a_priority(fake, exit_code, priority):
    done = fake.run(exit_code=exit_code, COUNTERFOIL_STYLE="journal")
    assert done.stdout.startswith(f"<{priority}>counterfoil retrain: ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(("exit_code", "word"), [(0, "notice"), (20, "warning"), (30, "error")])
def test_github_gets_an_annotation(fake, tmp_path, exit_code, word):
    summary = tmp_path / "summary"
    done = fake.run(
        exit_code=exit_code, COUNTERFOIL_STYLE="github", COUNTERFOIL_SUMMARY=str(summary)
    )
    assert done.stdout.startswith(f"::{word} title=counterfoil retrain::counterfoil retrain: ")
    assert "5 %25 worse" in done.stdout
    assert "5 % worse" in summary.read_text()


def test_the_command_gets_data_state_and_arguments_in_the_project(fake):
    fake.run("--preset", "quick", COUNTERFOIL_STATE="/var/state")
    call = fake.call(0)
    assert call["ARGUMENTS"] == "retrain --data /srv/new files --state /var/state --preset quick"
    assert call["FOLDER"] == str(fake.home)


def test_the_environment_of_the_project_comes_before_the_path(fake):
    own = fake.home / ".venv" / "bin" / "counterfoil"
    own.parent.mkdir(parents=True)
    own.write_text("#!/bin/sh\nexit 33\n")
    own.chmod(0o755)
    assert fake.run().returncode == 33
    assert fake.run(COUNTERFOIL_COMMAND=str(fake.command)).returncode == 0


def test_a_password_comes_from_a_file_and_goes_nowhere_else(fake, tmp_path):
    (tmp_path / "password").write_text("tiger-7\n")
    log = tmp_path / "log"
    done = fake.run(
        exit_code=1, COUNTERFOIL_LOG=str(log),
        MLFLOW_TRACKING_PASSWORD_FILE=str(tmp_path / "password"),
    )  # fmt: skip
    assert fake.call(1)["MLFLOW_TRACKING_PASSWORD"] == "tiger-7"
    assert "tiger-7" not in done.stdout + done.stderr + log.read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"COUNTERFOIL_DATA": ""},
        {"COUNTERFOIL_HOME": "/nowhere"},
        {"COUNTERFOIL_COMMAND": "/nowhere/counterfoil"},
        {"COUNTERFOIL_LOG": "/nowhere/log"},
        {"MLFLOW_TRACKING_PASSWORD_FILE": "/nowhere/password"},
        {"TMPDIR": "/nowhere"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_set_up_wrongly_fails_and_says_so(fake, wrong):
    done = fake.run(**wrong)
    assert done.returncode != 0
    assert "nowhere" in done.stderr or "COUNTERFOIL_DATA" in done.stderr


def test_a_call_that_hangs_is_stopped_and_fails(fake):
    fake.command.write_text("#!/bin/sh\nexec sleep 50\n")
    done = fake.run(COUNTERFOIL_LIMIT="0.5s")
    assert done.returncode == 124
    assert "stopped after 0.5s" in done.stderr


def test_a_signal_reaches_the_command_and_its_own_code_counts(fake):
    # The init process of a container gets the signal alone.
    fake.command.write_text(
        f"#!/bin/sh\ntrap 'sleep 0.3; exit 77' TERM\ntouch {fake.calls}/up\n"
        "while :; do sleep 0.05; done\n"
    )
    process = subprocess.Popen(
        [fake.script], env=fake.environment, text=True, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 30
    while not (fake.calls / "up").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 77, errors
