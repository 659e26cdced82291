"""What a run records as its end, and that trouble with MLflow costs no results."""

import logging
import shutil

import mlflow
import pytest
from mlflow.exceptions import MlflowException

import pipeline.run.session
from pipeline.errors import CounterfoilError
from pipeline.run.request import RunRequest
from pipeline.run.running import plan, run_one_stage
from pipeline.stages.artifacts import STAGES
from pipeline.tracking.server import connect, tracking_uri

TRAINED_STAGES = pipeline.run.session.TRAINED_STAGES


@pytest.fixture
def tracked(project, run_here, mlflow_database, monkeypatch):
    """A project whose stand-ins for stages are recorded in MLflow; everything is stale."""
    shutil.copy(mlflow_database.path, project.path("mlflow.db"))
    monkeypatch.setattr(pipeline.run.session, "TRAINED_STAGES", TRAINED_STAGES)
    # Not to wait for TensorFlow, which the stand-ins do not use.
    monkeypatch.setattr(pipeline.run.session.Session, "_choose_device", lambda _: None)
    project.params(split__seed=99, tracking__system_metrics=False)
    return project


def statuses(project):
    """Return the status of every run, in the order of their starts."""
    client = connect(tracking_uri(project.folder))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, order_by=["attributes.start_time ASC"])
    return [(run.data.tags.get("counterfoil.stage", "parent"), run.info.status) for run in runs]


def break_client(monkeypatch, method, is_hit, error):
    """Let a method of MLflow's client fail for some arguments."""
    original = getattr(mlflow.MlflowClient, method)

    def broken(self, *arguments, **options):
        if is_hit(*arguments, **options):
            raise error
        return original(self, *arguments, **options)

    monkeypatch.setattr(mlflow.MlflowClient, method, broken)


def is_file_of_sgan(run_id, path, place=None):
    return place == "sgan"


def is_run_of_vae(*arguments, run_name=None, **options):
    return str(run_name).startswith("vae of ")


@pytest.mark.parametrize("stage", [None, "sgan"])
def test_a_run_that_succeeds_is_finished(tracked, run_here, stage):
    run_here(stage)
    found = statuses(tracked)
    assert {name for name, _ in found} == {"parent", "autoencoder", "vae", "augment", "sgan"}
    assert {status for _, status in found} == {"FINISHED"}
    assert not tracked.path("artifacts/.tracking.json").exists()


@pytest.mark.parametrize(
    ("method", "is_hit", "error"),
    [
        ("log_artifact", is_file_of_sgan, MlflowException("no room")),
        ("log_artifact", is_file_of_sgan, OSError("no room")),
        ("create_run", is_run_of_vae, MlflowException("no room")),
    ],
)
def test_trouble_with_mlflow_is_raised_after_dvc_has_the_results(
    tracked, run_here, monkeypatch, caplog, method, is_hit, error
):
    break_client(monkeypatch, method, is_hit, error)
    with pytest.raises(CounterfoilError, match="failed: no room") as caught:
        run_here()
    assert caught.value.exit_code == 1
    assert caplog.text.count("failed: no room") == 1
    assert tracked.ran() == list(STAGES[1:])
    assert dict(plan(RunRequest(folder=tracked.folder))) == {}
    assert dict(statuses(tracked))["parent"] == "FAILED"
    assert "RUNNING" not in dict(statuses(tracked)).values()
    assert run_here() == []


def test_error_of_a_stage_wins_over_trouble_with_mlflow(tracked, run_here, monkeypatch, caplog):
    break_client(monkeypatch, "create_run", is_run_of_vae, MlflowException("no room"))
    monkeypatch.setenv("FAKE_BAD", "sgan")
    with pytest.raises(CounterfoilError, match="sgan: row 3"):
        run_here()
    assert "failed: no room" in caplog.text
    assert dict(statuses(tracked)) == {
        "parent": "FAILED", "autoencoder": "FINISHED", "augment": "FINISHED", "sgan": "FAILED",
    }  # fmt: skip


def test_a_stage_of_dvc_repro_succeeds_in_spite_of_mlflow(tracked, monkeypatch, caplog):
    """DVC would throw away the outputs of a process that fails."""
    run_one_stage("vae", tracked.folder)
    assert dict(statuses(tracked)) == {"parent": "RUNNING", "vae": "FINISHED"}
    break_client(monkeypatch, "log_artifact", is_file_of_sgan, MlflowException("no room"))
    run_one_stage("sgan", tracked.folder)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["failed: no room" in record.getMessage() for record in errors] == [True]
    assert dict(statuses(tracked)) == {"parent": "FAILED", "vae": "FINISHED", "sgan": "FINISHED"}


READS_A_TABLE = """
from pathlib import Path
import numpy as np, psutil, pyarrow
from pyarrow import parquet
import pipeline.run.session
from pipeline.run.session import Session
from pipeline.stages.artifacts import Artifacts
from pipeline.stages.context import StageResult
from pipeline.params.sections import load_params

def resident_mib():
    return psutil.Process().memory_info().rss >> 20

def read(_context):
    print(resident_mib())
    n_rows = parquet.read_table("large.parquet").num_rows
    print(resident_mib())
    return StageResult(n_rows=n_rows)

parquet.write_table(pyarrow.table({"V1": np.zeros(30_000_000)}), "large.parquet")
pyarrow.default_memory_pool().release_unused()
pipeline.run.session.find_stage = lambda _: read
here = Path.cwd()
params = load_params(here / "params.yaml", {})
artifacts = Artifacts(here / "artifacts")
with Session(params, artifacts, root=here, home=here, tracking=False) as session:
    session.run_stage("ingest")
print(resident_mib())
"""


def test_a_stage_leaves_no_memory_of_the_tables_that_it_read(project):
    """In a process of its own: in a large one the memory of other tests comes and goes as well."""
    script = project.path("reads_a_table.py")
    script.write_text(READS_A_TABLE)
    # mimalloc keeps what it is given back.
    ended = project.command(script=script, ARROW_DEFAULT_MEMORY_POOL="mimalloc")
    assert ended.returncode == 0, ended.stderr
    before, read, after = (int(line) for line in ended.stdout.split())
    assert read - before > 200
    assert after - before < 100
