"""The command a scheduler calls, as processes of their own against a real registry."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from features.simulation import simulate_transactions
from pipeline.retrain.history import read_history
from pipeline.tracking.registry import Registry
from pipeline.tracking.server import connect, tracking_uri

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]
WEEK = 7 * 86_400
# The discriminator is so wide that files of its training are larger than two deliveries.
SMALL = (
    "--preset", "quick", "-S", "tracking.system_metrics=false", "-S", "sgan.epochs=2",
    "-S", "sgan.discriminator_units=[128, 64]",
    "-S", "sgan.challenge_augmentation=false", "-S", "retrain.max_calibration_slope=20.0",
    "-S", "retrain.min_calibration_slope=0.0", "-S", "retrain.max_mean_ks=1.0",
    "-S", "retrain.margin=-1.0", "-S", "retrain.max_f1_loss=1.0",
    "-S", "retrain.max_recall_loss=1.0",
)  # fmt: skip
N_KILLS = int(os.environ.get("COUNTERFOIL_KILLS", "1"))


class Project:
    """A folder with params.yaml, deliveries and a registry of its own."""

    def __init__(self, folder, database):
        self.folder = folder
        (folder / "in").mkdir(parents=True)
        shutil.copy(REPOSITORY / "params.yaml", folder)
        shutil.copytree(REPOSITORY / "presets", folder / "presets")
        shutil.copy(database, folder / "mlflow.db")

    def deliver(self, number, change=None, name=None):
        table = simulate_transactions(4000, fraud_rate=0.015, n_days=7, seed=number)
        table = table.assign(Time=table["Time"] + number * WEEK)
        table = table if change is None else change(table)
        table.to_parquet(self.folder / "in" / f"{name or number}.parquet", index=False)

    def command(self, *arguments):
        return [sys.executable, "-m", "pipeline", *arguments]

    def environment(self, **more):
        return os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"} | more

    def start(self, *more, largest_file=None, **environment):
        limit = [] if largest_file is None else ["prlimit", f"--fsize={largest_file}"]
        return subprocess.Popen(
            [*limit, *self.command("retrain", "--data", "in", *SMALL, *more)],
            cwd=self.folder, env=self.environment(**environment),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def retrain(self, *more, **environment):
        process = self.start(*more, **environment)
        output, errors = process.communicate(timeout=300)
        return process.returncode, output, errors

    def outcome(self, *more):
        code, output, errors = self.retrain(*more)
        assert output.count("\n") == 1, errors
        assert output.startswith('{"outcome": '), output
        content = json.loads(output)
        assert content["exit_code"] == code
        return content

    def run(self, *arguments):
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment(), text=True,
            capture_output=True, check=False,
        )  # fmt: skip

    def registry(self):
        return Registry("counterfoil", tracking_uri(self.folder))

    def state(self):
        """What must be equal after an undisturbed and a disturbed call."""
        registry = self.registry()
        entries = read_history(self.folder / "retraining" / "history.jsonl")
        kept = sorted(path.name for path in (self.folder / "retraining/deliveries").iterdir())
        return {
            "champion": registry.champion(),
            "challenger": registry.aliased("challenger"),
            "versions": len(registry._versions()),
            "history": [(one["action"], one["version"], one["data_sha256"]) for one in entries],
            "deliveries": kept,
            "journal": (self.folder / "retraining" / "journal.json").exists(),
        }


@pytest.fixture
def project(tmp_path, mlflow_database):
    return Project(tmp_path / "project", mlflow_database.path)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, mlflow_database):
    """State after one call on one delivery, and the seconds that it took."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "project", mlflow_database.path)
    project.deliver(0)
    started = time.monotonic()
    assert project.outcome()["outcome"] == "promoted"
    return SimpleNamespace(seconds=time.monotonic() - started, state=project.state())


def poisoned(table):
    return table.assign(Class=np.where(np.arange(len(table)) % 4 == 0, 1, table["Class"]))


def unlabelled(table):
    """As it comes before anybody has looked."""
    return table.assign(Class=np.nan)


def shuffled(table):
    """Labels of other rows: as many frauds, the same inputs, and no sense."""
    return table.assign(Class=table["Class"].sample(frac=1, random_state=0).to_numpy())


def test_a_month_of_nights(project):
    project.deliver(0, unlabelled, name="early")
    waiting = project.outcome()
    assert waiting["outcome"] == "nothing_new"
    assert "0 of 4000 rows have a label" in waiting["reason"]
    assert project.state()["champion"] is None
    project.deliver(0)
    first = project.outcome()
    assert (first["outcome"], first["challenger"]) == ("promoted", "1")
    assert project.outcome()["exit_code"] == 10

    project.deliver(1)
    second = project.outcome()
    assert (second["outcome"], second["champion"], second["challenger"]) == ("promoted", "1", "2")
    assert {gate["name"] for gate in second["gates"]} >= {"average_precision", "f1", "recall"}
    record = connect(tracking_uri(project.folder)).get_run(second["retrain_run_id"])
    assert record.data.tags["counterfoil.run_id"] == second["run_id"]
    assert record.info.status == "FINISHED"

    project.deliver(2, poisoned)
    before = project.state()
    refused = project.outcome()
    assert (refused["exit_code"], refused["outcome"]) == (30, "refused")
    assert "fraud rate" in refused["deliveries_refused"]["2.parquet"]
    assert project.state() == before
    assert project.outcome()["exit_code"] == 10  # it has been said; it stands in nobody's way

    project.deliver(5, shuffled)
    refused = project.outcome()
    assert "the labels do not belong to these rows" in refused["deliveries_refused"]["5.parquet"]
    assert project.state() == before

    project.deliver(3)
    rejected = project.outcome("-S", "retrain.margin=0.9")
    assert (rejected["exit_code"], rejected["challenger"]) == (20, "3")
    assert "demanded +0.9" in rejected["reason"]
    assert project.registry().champion() == "2"

    # The champion scores under its alias; a person decides otherwise; the history tells it all.
    project.deliver(4, name="later")
    shutil.move(project.folder / "in" / "later.parquet", project.folder)
    scored = project.run("score", "counterfoil@champion", "later.parquet", "--out", "scored.csv")
    assert scored.returncode == 0, scored.stderr
    assert len(pd.read_csv(project.folder / "scored.csv")) == 4000
    assert project.run("promote", "3", "--reason", "I know better").returncode == 0
    assert project.run("rollback", "--reason", "I did not").returncode == 0
    assert project.registry().champion() == "2"
    told = project.run("history").stdout.splitlines()
    assert [line.split()[1] for line in told[:-1]] == ["promote", "promote", "promote", "rollback"]
    assert told[-1] == "4 entries, all seals hold"
    assert project.run("promote", "9", "--reason", "?").returncode == 2


def test_of_two_calls_at_once_one_leaves(project):
    project.deliver(0)
    first = project.start()
    lock = project.folder / "retraining" / ".lock"
    while not (lock.exists() and lock.read_text()):
        assert first.poll() is None
        time.sleep(0.1)
    code, output, errors = project.retrain()
    assert (code, output) == (40, "")
    assert f"process {first.pid}" in errors
    output, errors = first.communicate(timeout=300)
    assert first.returncode == 0, errors
    assert project.state()["history"][0][:2] == ("promote", "1")


def test_a_server_that_is_away_and_a_disk_that_is_full_cost_nothing(project, undisturbed):
    """Files cannot grow beyond a limit: the delivery first, then the window, then the database."""
    project.deliver(0)
    code, output, errors = project.retrain(MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert (code, output) == (1, "")
    assert "cannot be reached" in errors
    assert not (project.folder / "retraining" / "deliveries").exists()
    size = (project.folder / "in" / "0.parquet").stat().st_size
    for largest in (size // 2, 2 * size):
        code, output, errors = project.retrain(largest_file=largest)
        assert (code, output) == (1, ""), errors
        assert project.registry().champion() is None
    assert project.outcome()["outcome"] == "promoted"
    assert project.state() == undisturbed.state


@pytest.mark.timeout(600 + 60 * N_KILLS)
def test_kills_at_random_moments_leave_no_trace(project, undisturbed):
    project.deliver(0)
    moments = random.Random(5)
    for _ in range(N_KILLS):
        process = project.start()
        time.sleep(moments.uniform(0, undisturbed.seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        champion = project.registry().champion()
        assert champion in (None, "1")
    last = project.outcome()
    assert last["outcome"] in ("promoted", "nothing_new")
    assert project.state() == undisturbed.state
    assert project.run("history").returncode == 0
