"""What MLflow holds after a run, a kill, a lost server and another folder."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import CounterfoilError
from pipeline.files.atomic import write_json
from pipeline.params.sections import load_params
from pipeline.stages.artifacts import Artifacts
from pipeline.stages.context import StageResult
from pipeline.tracking import run as tracking
from pipeline.tracking import server as tracking_server
from pipeline.tracking.run import PipelineRun

REPOSITORY = Path(__file__).resolve().parents[3]


class Project:
    """A project folder with a database of its own, and short ways to look into it."""

    def __init__(self, root, database):
        self.root = root
        self.artifacts = Artifacts(root / "artifacts")
        shutil.copy(database.path, root / "mlflow.db")

    def params(self, **overrides):
        dotted = {key.replace("__", "."): value for key, value in overrides.items()}
        quiet = {"tracking.system_metrics": False}
        return load_params(REPOSITORY / "params.yaml", quiet | dotted)

    def open(self, **overrides):
        return PipelineRun.open(self.params(**overrides), self.root, "cpu", self.artifacts)

    def ingest(self, sha256):
        self.artifacts.folder("ingest").mkdir(parents=True, exist_ok=True)
        write_json({"sha256": sha256, "n_rows": 5}, self.artifacts.folder("ingest") / "data.json")

    def folder(self, stage, **files):
        folder = self.artifacts.folder(stage)
        for name, content in files.items():
            path = folder / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return folder

    def marker(self):
        return self.root / "artifacts" / ".tracking.json"


@pytest.fixture
def project(tmp_path, mlflow_database, monkeypatch):
    """A project in `tmp_path/project`; the tests' own folder is another one."""
    for name in ("project", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return Project(tmp_path / "project", mlflow_database)


def runs_of(run):
    """Return all runs of the experiment under their names."""
    found = run.client.search_runs([run.experiment_id])
    return {r.data.tags.get("counterfoil.stage", "parent"): r for r in found}


def curve(run, run_id, key):
    return [(point.step, point.value) for point in run.client.get_metric_history(run_id, key)]


def files_of(run, run_id, folder=None):
    names = []
    for entry in run.client.list_artifacts(run_id, folder):
        names += files_of(run, run_id, entry.path) if entry.is_dir else [entry.path]
    return names


def test_trained_stages_are_nested_runs_with_one_point_per_epoch(project):
    with project.open() as run:
        with run.stage("sgan") as tracker:
            for epoch in range(5):
                tracker.log_metrics({"validation_f1": epoch / 10, "generator_loss": 1.0}, epoch)
            tracker.set_tags({"chosen_epoch": "3"})
        with run.stage("evaluate") as tracker:
            tracker.log_metrics({"test_f1": 0.8})
        run.finish()

    sgan = runs_of(run)["sgan"]
    assert sgan.data.tags["mlflow.parentRunId"] == run.run_id
    assert sgan.data.tags["counterfoil.chosen_epoch"] == "3"
    assert curve(run, sgan.info.run_id, "validation_f1") == [(i, i / 10) for i in range(5)]
    assert sgan.data.params["sgan.learning_rate"] == "0.002"
    parent = runs_of(run)["parent"]
    assert parent.data.metrics == {"test_f1": 0.8}
    assert {r.info.status for r in runs_of(run).values()} == {"FINISHED"}


def test_every_parameter_and_the_origin_of_the_run_are_recorded(project):
    project.ingest("ab" * 32)
    (project.root / "requirements.lock").write_text("numpy==2.4\n")
    subprocess.run(["git", "init", "-q", project.root], check=True)
    git = ["git", "-C", project.root, "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)

    with project.open(scale__columns={"Amount (EUR), €": "robust"}) as run:
        (project.root / "dvc.lock").write_text("stages\n")
        run.finish()

    data = runs_of(run)["parent"].data
    expected = project.params().flatten()
    assert len(data.params) == len(expected)
    assert data.params["sgan.learning_rate"] == "0.002"
    assert data.params["sgan.inputs"] == json.dumps(expected["sgan.inputs"])
    assert data.params["evaluate.prevalence"] == "null"
    assert data.params["scale.columns.Amount _EUR__ _"] == "robust"
    tags = data.tags
    assert tags["counterfoil.data_sha256"] == "ab" * 32
    assert tags["mlflow.source.git.commit"] == head.stdout.strip()
    assert tags["counterfoil.git_modified"] == "false"
    assert tags["counterfoil.device"] == "cpu"
    assert tags["counterfoil.mode"] == "deterministic"
    assert "sgan=51" in tags["counterfoil.seeds"].split()
    for tag in ("requirements_lock_sha256", "dvc_lock_sha256", "params_sha256"):
        assert len(tags[f"counterfoil.{tag}"]) == 64
    assert "params.yaml" in files_of(run, run.run_id)


def test_small_files_are_kept_and_arrays_are_not(project):
    folder = project.folder(
        "sgan",
        history_dot_parquet="h",
        training_dot_parquet="t",
        weights_dot_keras="w",
        summary_dot_json="{}",
        plots__f1_dot_png="p",
        plots__f1_dot_csv="c",
        card_dot_html="h",
        card_dot_md="m",
    )
    with project.open() as run:
        with run.stage("sgan"):
            pass
        run.log_stage("sgan", folder, StageResult(90, 9, {"validation_f1": 0.5}))
        run.finish()
    sgan = runs_of(run)["sgan"]
    kept = ["card.html", "card.md", "history.parquet", "plots/f1.csv", "plots/f1.png"]
    kept = [f"sgan/{name}" for name in [*kept, "summary.json"]]
    assert sorted(files_of(run, sgan.info.run_id)) == kept
    assert sgan.data.metrics == {"n_rows": 90, "n_frauds": 9, "validation_f1": 0.5}


def test_stages_that_share_the_parent_keep_their_figures_apart(project):
    with project.open() as run:
        for name, n_rows in (("ingest", 10), ("scale", 6), ("evaluate", 2)):
            with run.stage(name):
                pass
            run.log_stage(name, project.folder(name), StageResult(n_rows, None, {f"of_{name}": 1}))
    assert runs_of(run)["parent"].data.metrics == {
        "ingest/n_rows": 10,
        "ingest/of_ingest": 1,
        "scale/n_rows": 6,
        "scale/of_scale": 1,
        "evaluate/n_rows": 2,
        "of_evaluate": 1,
    }


def test_nothing_is_written_beside_the_database_and_mlartifacts(project):
    with project.open() as run:
        run.log_stage("ingest", project.folder("ingest", a_dot_json="{}"), StageResult())
        run.finish()
    assert list(Path.cwd().iterdir()) == []
    written = {path.name for path in project.root.iterdir()}
    assert written == {"mlflow.db", "mlartifacts", "artifacts"}
    assert (project.root / "mlartifacts" / run.run_id / "artifacts" / "params.yaml").is_file()


def test_metrics_can_be_watched_while_the_stage_runs(project):
    with project.open() as run, run.stage("vae") as tracker:
        before = int(time.time() * 1000)
        tracker.log_metrics({"loss": 1.0}, 0)
        deadline = time.monotonic() + 3.5
        while not (points := run.client.get_metric_history(tracker.run_id, "loss")):
            assert time.monotonic() < deadline, "not sent within three seconds"
            time.sleep(0.1)
        assert before <= points[0].timestamp <= before + 500


def test_values_that_are_not_finite_are_named_and_not_sent(project, caplog):
    with project.open() as run:
        with run.stage("sgan") as tracker:
            tracker.log_metrics({"loss": float("nan"), "f1": 0.5}, 7)
            tracker.log_metrics({"loss": np.inf}, 8)
        run.finish()
    sgan = runs_of(run)["sgan"]
    assert sgan.data.metrics == {"f1": 0.5}
    assert sgan.data.tags["counterfoil.not_finite"] == "loss at step 8"
    assert "loss is nan at step 7: not sent" in caplog.text
    assert "loss is inf at step 8: not sent" in caplog.text


def test_each_stage_may_be_a_process_of_its_own(project):
    project.ingest("1")
    ids = set()
    for name in ("autoencoder", "sgan", "evaluate"):
        with project.open() as run:
            with run.stage(name) as tracker:
                tracker.log_metrics({"loss": 1.0}, 0)
            run.log_stage(name, project.folder(name), StageResult())
            ids.add(run.run_id)
    assert len(ids) == 1
    assert set(runs_of(run)) == {"parent", "autoencoder", "sgan"}
    assert {r.info.status for r in runs_of(run).values()} == {"FINISHED"}
    assert not project.marker().exists()


def kill_in_stage(project, stage):
    """Leave things as a process does that is killed in the middle of a stage."""
    run = project.open()
    entered = run.stage(stage)
    tracker = entered.__enter__()
    # A context that is garbage collected would end in order, which a kill does not.
    project.never_left = entered
    tracker.log_metrics({"loss": 9.0}, 0)
    tracker.log_metrics({"loss": 8.0}, 1)
    run.buffer.flush()
    run.buffer.close()
    return run, tracker.run_id


def test_a_killed_stage_gets_a_new_nested_run_with_a_whole_curve(project):
    killed, killed_nested = kill_in_stage(project, "sgan")
    with project.open() as run:
        assert run.run_id == killed.run_id
        with run.stage("sgan") as tracker:
            for epoch in range(3):
                tracker.log_metrics({"loss": float(epoch)}, epoch)
        run.finish()
        nested = tracker.run_id
    assert run.client.get_run(killed_nested).info.status == "KILLED"
    assert run.client.get_run(nested).info.status == "FINISHED"
    assert curve(run, nested, "loss") == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert run.client.get_run(run.run_id).info.status == "FINISHED"


@pytest.mark.parametrize("change", ["params", "data"])
def test_a_killed_run_of_other_parameters_or_data_is_not_continued(project, change):
    project.ingest("1")
    killed, killed_nested = kill_in_stage(project, "sgan")
    if change == "data":
        project.ingest("2")
    overrides = {"sgan__learning_rate": 0.5} if change == "params" else {}
    with project.open(**overrides) as run:
        run.finish()
    assert run.run_id != killed.run_id
    for run_id in (killed.run_id, killed_nested):
        assert run.client.get_run(run_id).info.status == "KILLED"


def test_repeating_a_recorded_stage_starts_another_run(project):
    with project.open() as run:
        run.log_stage("ingest", project.folder("ingest"), StageResult())
        first = run.run_id
    with project.open() as run:
        with run.stage("ingest"):
            pass
        assert run.run_id != first
        run.finish()
    assert run.client.get_run(first).info.status == "KILLED"


def test_data_that_ingest_changes_in_a_continued_run_start_another_run(project):
    project.ingest("1")
    with project.open() as run:
        run.log_stage("split", project.folder("split"), StageResult())
        first = run.run_id
    with project.open() as run:
        with run.stage("ingest"):
            project.ingest("2")
        run.log_stage("ingest", project.folder("ingest"), StageResult())
        assert run.run_id != first
        run.finish()
    assert run.client.get_run(run.run_id).data.tags["counterfoil.data_sha256"] == "2"
    assert run.client.get_run(first).data.tags["counterfoil.data_sha256"] == "1"


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_failed_run_says_so(project, error, status):
    with pytest.raises(type(error)), project.open() as run, run.stage("vae"):
        raise error
    assert {r.info.status for r in runs_of(run).values()} == {status}
    assert not project.marker().exists()


def test_system_metrics_have_several_points_in_a_short_run(project, monkeypatch):
    monkeypatch.setattr(tracking, "SYSTEM_METRICS_SECONDS", 0.2)
    with project.open(tracking__system_metrics=True) as run:
        with run.stage("vae") as tracker:
            time.sleep(2)
        run.finish()
    for run_id in (run.run_id, tracker.run_id):
        points = curve(run, run_id, "system/cpu_utilization_percentage")
        assert len(points) >= 3
        assert [step for step, _ in points] == list(range(len(points)))


def test_a_server_that_is_not_there_is_named_within_seconds(project, monkeypatch):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    uri = f"http://someone:secret@127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    started = time.monotonic()
    with pytest.raises(CounterfoilError, match=r"MLFLOW_TRACKING_URI, or unset it") as caught:
        project.open()
    assert time.monotonic() - started < 20
    assert f"http://127.0.0.1:{port}" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_server_that_accepts_and_never_answers_is_named_within_seconds(project, monkeypatch):
    monkeypatch.setattr(tracking_server, "PROBE_TIMEOUT_SECONDS", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(CounterfoilError, match="cannot be reached"):
            project.open()
        assert time.monotonic() - started < 20


def test_a_store_that_mlflow_no_longer_takes_is_an_error_of_ours(project, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    with pytest.raises(CounterfoilError, match="MLflow at file://"):
        project.open()


def test_metrics_that_a_lost_server_did_not_take_are_sent_later_or_reported(project, monkeypatch):
    with project.open() as run, run.stage("sgan") as tracker:
        log_batch = run.client.log_batch

        def refuse(*arguments, **options):
            raise ConnectionError("gone")

        monkeypatch.setattr(run.client, "log_batch", refuse)
        tracker.log_metrics({"loss": 2.0}, 0)
        with pytest.raises(CounterfoilError, match="did not take 1 metrics"):
            run.buffer.flush()
        tracker.log_metrics({"loss": 1.0}, 1)
        monkeypatch.setattr(run.client, "log_batch", log_batch)
        run.buffer.flush()
        assert curve(run, tracker.run_id, "loss") == [(0, 2.0), (1, 1.0)]


def test_a_run_whose_end_a_lost_server_missed_is_ended_by_the_next_process(project, monkeypatch):
    project.ingest("ab" * 32)
    run = project.open()
    with run.stage("vae") as tracker:
        tracker.log_metrics({"loss": 1.0}, 0)
    run.log_stage("vae", project.folder("vae", vae_dot_json="{}"), StageResult())

    def refuse(*arguments, **options):
        raise ConnectionError("gone")

    with monkeypatch.context() as lost:
        lost.setattr(run.client, "set_terminated", refuse)
        lost.setattr(run.client, "log_batch", refuse)
        tracker.log_metrics({"loss": 1.0}, 1)
        with pytest.raises(CounterfoilError, match="did not take"):
            run.finish("FAILED")
    assert project.marker().exists()
    with project.open() as again:
        assert again.run_id == run.run_id
        with again.stage("vae"):
            pass
        again.finish()
    assert again.client.get_run(run.run_id).info.status == "KILLED"
    assert again.client.get_run(again.run_id).info.status == "FINISHED"
    assert not project.marker().exists()


def test_mlflow_says_nothing_on_the_terminal(mlflow_database):
    """Not even when it makes a database, with a log that shows everything from INFO."""
    assert mlflow_database.path.is_file()
    assert mlflow_database.output == ""


@pytest.mark.slow
def test_the_same_run_on_a_tracking_server(project, server, packaged, monkeypatch, tmp_path):
    from pipeline.score.command import score

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    folder = project.folder("evaluate", metrics_dot_json="{}")
    shutil.copytree(packaged.folder, folder / "model")
    with project.open() as run:
        with run.stage("sgan") as tracker:
            for epoch in range(3):
                tracker.log_metrics({"validation_f1": 0.1 * epoch}, epoch)
        run.log_stage("evaluate", folder, StageResult(10, 1, {"test_f1": 0.7}))
    assert {r.info.status for r in runs_of(run).values()} == {"FINISHED"}
    assert [step for step, _ in curve(run, tracker.run_id, "validation_f1")] == [0, 1, 2]
    assert {path.name for path in project.root.iterdir()} == {"mlflow.db", "artifacts"}
    assert "evaluate/metrics.json" in files_of(run, run.run_id)

    packaged.transactions.to_csv(tmp_path / "in.csv", index=False)
    score(run.run_id, tmp_path / "in.csv", tmp_path / "out.parquet")
    import pandas as pd

    scores = pd.read_parquet(tmp_path / "out.parquet")["score"]
    np.testing.assert_allclose(scores, packaged.score, rtol=0, atol=1e-7)
