"""Retraining against an `mlflow server` with a password, on PostgreSQL, with served artifacts."""

import importlib.util
import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline.tracking.registry import Registry
from pipeline.tracking.server import connect

pytestmark = pytest.mark.slow

SECONDS_AWAY = 10.0
WAIT = 400  # seconds that the SGAN has to send its first epochs
EPOCHS = 60
LONG = ("-S", f"sgan.epochs={EPOCHS}")


def _load(name):
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


services = _load("remote_services")
Project = _load("test_retrain").Project


class RemoteProject(Project):
    """A project without a database of its own: it knows the address of a server, and a user."""

    def __init__(self, folder, database, server, model):
        super().__init__(folder, database)
        (folder / "mlflow.db").unlink()
        self.server, self.model, self.started = server, model, []
        params = folder / "params.yaml"
        text = params.read_text(encoding="utf-8")
        assert text.count("  model: counterfoil") == 1
        params.write_text(text.replace("  model: counterfoil", f"  model: {model}"))

    def environment(self, **more):
        tracking = {
            "MLFLOW_TRACKING_URI": self.server.uri,
            "MLFLOW_TRACKING_USERNAME": services.USER,
            "MLFLOW_TRACKING_PASSWORD": services.PASSWORD,
        }
        return super().environment(**tracking | more)

    def start(self, *more, **environment):
        self.started.append(super().start(*more, **environment))
        return self.started[-1]

    def end(self):
        """End the calls that a test which failed has left at work."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def registry(self):
        return Registry(self.model, self.server.uri)

    def sgan_runs(self, parent):
        """Return the SGAN's runs, newest first: of a parent, or those that train now."""
        client = connect(self.server.uri)
        experiments = [one.experiment_id for one in client.search_experiments()]
        words = f"tags.`mlflow.parentRunId` = '{parent}'" if parent else "status = 'RUNNING'"
        return client.search_runs(experiments, f"tags.`counterfoil.stage` = 'sgan' and {words}")

    def wait_for_epochs(self, process):
        """Return once the SGAN of a call has sent an epoch; its parent run."""
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            assert process.poll() is None, process.communicate()[1]
            for run in self.sgan_runs(None):
                if "validation_f1" in run.data.metrics:
                    return run.data.tags["mlflow.parentRunId"]
            time.sleep(0.5)
        raise AssertionError("the SGAN has sent no epoch")


@pytest.fixture(scope="module")
def services_up(tmp_path_factory):
    lacking = services.missing()
    if lacking is not None:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("services")
    with (
        services.Postgres(folder / "postgres.log") as postgres,
        services.Server(postgres.uri, folder / "server") as server,
    ):
        yield server


@pytest.fixture
def remote(services_up, tmp_path, mlflow_database, monkeypatch, request):
    """A project at the server, with a registered model of its own, and one delivery."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", services.USER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", services.PASSWORD)
    name = request.node.name.replace("_", "-")
    project = RemoteProject(tmp_path / "project", mlflow_database.path, services_up, name)
    project.deliver(0)
    yield project
    project.end()


def everything_written(folder):
    """Return all that lies in files under a folder, as one text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("latin-1") for path in files)


@pytest.mark.full
def test_a_restart_in_mid_run_is_waited_out(remote):
    first = remote.outcome()
    assert (first["outcome"], first["challenger"]) == ("promoted", "1")
    client = connect(remote.server.uri)
    assert client.get_run(first["run_id"]).info.artifact_uri.startswith("mlflow-artifacts:/")
    assert not (remote.folder / "mlflow.db").exists()
    scored = remote.run("score", f"{remote.model}@champion", "in/0.parquet", "--out", "scored.csv")
    assert scored.returncode == 0, scored.stderr
    assert len(pd.read_csv(remote.folder / "scored.csv")) == 4000

    remote.deliver(1)
    process = remote.start(*LONG)
    remote.wait_for_epochs(process)
    assert remote.registry().champion() == "1"
    remote.server.stop()
    time.sleep(SECONDS_AWAY)
    assert process.poll() is None
    remote.server.start()
    champions = [remote.registry().champion()]
    while process.poll() is None:
        champions.append(remote.registry().champion())
        time.sleep(0.5)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert set(champions) <= {"1", "2"}
    assert champions[0] == "1"
    assert "MLflow does not take metrics, trying again" in errors or "Retrying" in errors
    state = remote.state()
    assert (state["champion"], state["versions"], state["journal"]) == ("2", 2, False)
    assert [one[:2] for one in state["history"]] == [("promote", "1"), ("promote", "2")]

    second = remote.registry().run_id("2")
    assert client.get_run(second).info.status == "FINISHED"
    (sgan,) = remote.sgan_runs(second)
    for metric in ("validation_f1", "generator_loss", "discriminator_loss"):
        points = client.get_metric_history(sgan.info.run_id, metric)
        assert sorted(point.step for point in points) == list(range(EPOCHS)), metric

    compared = remote.run(
        "compare", first["run_id"], second, "--on", "in/1.parquet", "--html", "compare.html"
    )
    assert compared.returncode == 0, compared.stderr
    assert (remote.folder / "compare.html").stat().st_size > 10_000
    assert remote.run("history").stdout.endswith("2 entries, all seals hold\n")
    for secret in (services.PASSWORD, services.DATABASE_PASSWORD):
        assert secret not in output + errors + everything_written(remote.folder)


@pytest.mark.full
def test_a_server_away_for_long_costs_one_call(remote):
    assert remote.outcome()["challenger"] == "1"
    remote.deliver(1)
    process = remote.start(*LONG, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")
    lost = remote.wait_for_epochs(process)
    remote.server.stop()
    try:
        output, errors = process.communicate(timeout=300)
    finally:
        remote.server.start()
    assert (process.returncode, output) == (1, "")
    assert f"MLflow at {remote.server.uri} failed" in errors
    assert "Traceback" not in errors
    assert remote.registry().champion() == "1"
    assert remote.run("history").stdout.endswith("1 entry, all seals hold\n")

    second = remote.outcome(*LONG)
    assert (second["outcome"], second["champion"], second["challenger"]) == ("promoted", "1", "2")
    assert len(remote.registry()._versions()) == 2
    client = connect(remote.server.uri)
    assert client.get_run(lost).info.status == "KILLED"
    assert lost != second["run_id"]
    assert remote.sgan_runs(None) == []  # nothing is left that would seem to train


@pytest.mark.parametrize("in_address", [False, True])
def test_a_wrong_password_changes_nothing_and_is_not_shown(remote, in_address):
    wrong = "wr0ng-secret"
    environment = {"MLFLOW_TRACKING_PASSWORD": wrong}
    if in_address:
        address = remote.server.uri.replace("//", f"//{services.USER}:{wrong}@")
        environment = {"MLFLOW_TRACKING_URI": address}
    code, output, errors = remote.retrain(**environment)
    assert (code, output) == (1, "")
    assert errors.count("\n") == 1
    assert f"refuses the name or password of '{services.USER}' (401)" in errors
    assert "MLFLOW_TRACKING_PASSWORD" in errors
    assert wrong not in errors + everything_written(remote.folder)
    assert not (remote.folder / "retraining" / "deliveries").exists()
