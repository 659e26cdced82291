"""The real stages through the real command line, in a copy of this repository."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from pipeline.files.atomic import file_sha256
from pipeline.stages.artifacts import STAGES

REPOSITORY = Path(__file__).resolve().parents[3]
PROCESS_LOG = Path(__file__).parent / "process_log"
SGAN_EPOCHS = 12  # enough that a kill after the first finds the others still to do
COMMAND = [
    sys.executable, "-m", "pipeline", "run", "--preset", "quick", "-S", f"sgan.epochs={SGAN_EPOCHS}"
]  # fmt: skip
RUN = [*COMMAND, "--no-tracking"]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("end_to_end")]


class Run(NamedTuple):
    """What a run printed, which stages it started, and what process_log/ wrote down."""

    stdout: str
    stderr: str
    started: list
    n_processes: int
    imported: set


def run(folder, *arguments, command=RUN, **environment):
    """Run the pipeline to its end."""
    log = folder / "processes.jsonl"
    log.write_text("")
    environment |= {"PYTHONPATH": str(PROCESS_LOG), "PROCESS_LOG": str(log)}
    result = subprocess.run(
        [*command, *arguments], cwd=folder, env=os.environ | environment,
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stderr.splitlines()]
    processes = [json.loads(line) for line in log.read_text().splitlines()]
    return Run(
        result.stdout,
        result.stderr,
        [line[1].rstrip(":") for line in lines if line[-1:] == ["started"]],
        sum(process["event"] == "start" for process in processes),
        {name for process in processes for name in process["imported"]},
    )


def kill_in(stage, folder, sign, seconds_later=0):
    """Start a run and end it with SIGKILL some time after a file of the stage has appeared."""
    log = folder / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(RUN, cwd=folder, stderr=output, stdout=output)
        try:
            while not (folder / "artifacts" / sign).exists():
                assert process.poll() is None, log.read_text()
                time.sleep(0.02)
            time.sleep(seconds_later)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == -signal.SIGKILL
    assert f"{stage}: started" in log.read_text()
    assert f"{stage}: done" not in log.read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a copy of this repository in which every stage has run."""
    folder = tmp_path_factory.mktemp("clone")
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", ":!tests"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((REPOSITORY / name).read_bytes())
    subprocess.run(["git", "init", "-q", folder], check=True)
    first = run(folder)
    assert first.started == list(STAGES)
    assert first.n_processes == 1, "TensorFlow would be imported more than once"
    assert first.imported >= {"tensorflow", "sklearn"}
    assert "average precision" in first.stdout
    return folder


def processor_seconds():
    """Return the work of ended child processes; unlike the clock, it ignores other load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def metrics(folder):
    return (folder / "artifacts/evaluate/metrics.json").read_bytes()


def test_only_what_changed_reruns(finished):
    before = metrics(finished)
    assert 0 < json.loads(before)["sgan"]["average_precision"]["value"] <= 1
    before_run = processor_seconds()
    second = run(finished)
    assert second.started == []
    assert "nothing to do" in second.stderr
    assert (second.n_processes, second.imported) == (1, set())
    assert processor_seconds() - before_run < 5
    assert run(finished, "-S", "sgan.learning_rate=1.0e-3").started == ["sgan", "evaluate"]
    back = run(finished)
    assert back.started == []
    assert "sgan: restored from DVC's cache" in back.stderr
    assert metrics(finished) == before
    assert not (finished / "mlruns").exists()


def test_a_run_without_dvc_gives_the_same_figures(finished):
    assert run(finished, "--no-cache", "--workdir", "elsewhere").started == list(STAGES)
    assert metrics(finished / "elsewhere") == metrics(finished)


def unfinished_copy(finished, folder):
    """Return a copy of `finished` in which no stage has run."""
    left_out = ("artifacts", "elsewhere", "cache", "dvc.lock")
    return shutil.copytree(finished, folder, ignore=shutil.ignore_patterns(*left_out))


@pytest.mark.full
def test_a_run_killed_in_two_stages_ends_like_an_undisturbed_one(finished, tmp_path):
    folder = unfinished_copy(finished, tmp_path / "killed")
    kill_in("autoencoder", folder, ".autoencoder.new", seconds_later=1)
    assert not (folder / "artifacts/autoencoder").exists()
    kill_in("sgan", folder, ".sgan.partial/training.npz")
    last = run(folder)
    assert last.started == ["sgan", "evaluate"]
    continued = re.search(r"training continues at epoch (\d+)", last.stderr)
    assert continued, last.stderr
    assert 1 <= int(continued[1]) < SGAN_EPOCHS
    assert metrics(folder) == metrics(finished)
    assert (folder / "dvc.lock").read_bytes() == (finished / "dvc.lock").read_bytes()
    assert not list((folder / "artifacts").glob(".*.partial"))


SCORE = """
import sys
import mlflow.pyfunc
import pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
model.predict(pd.read_parquet(sys.argv[2])).to_parquet("scores.parquet")
"""


def test_a_tracking_server_holds_the_whole_run_and_its_model(finished, server, tmp_path):
    from pipeline.tracking.server import connect

    folder = unfinished_copy(finished, tmp_path / "tracked")
    tracked = run(folder, command=COMMAND, MLFLOW_TRACKING_URI=server)
    assert tracked.started == list(STAGES)
    assert tracked.n_processes == 1
    assert metrics(folder) == metrics(finished), "tracking changes no figure"
    assert not [name for name in ("mlruns", "mlartifacts", "mlflow.db") if (folder / name).exists()]

    client = connect(server)
    experiment = client.get_experiment_by_name("counterfoil")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    nested = {run.data.tags["counterfoil.stage"]: run for run in runs if run is not parent}
    assert nested["sgan"].info.run_name == f"sgan of {parent.info.run_name}"
    assert sorted(nested) == ["augment", "autoencoder", "sgan", "vae"]
    assert {run.data.tags["mlflow.parentRunId"] for run in nested.values()} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    curve = client.get_metric_history(nested["sgan"].info.run_id, "validation_f1")
    assert [point.step for point in curve] == list(range(SGAN_EPOCHS))
    figures = json.loads(metrics(folder))
    assert parent.data.metrics["test_f1"] == figures["sgan"]["f1"]["value"]

    tags = parent.data.tags
    assert tags["counterfoil.data_sha256"] == figures["data"]["sha256"]
    assert tags["counterfoil.device"]
    assert "sgan=51" in tags["counterfoil.seeds"].split()
    for name in ("requirements.lock", "dvc.lock"):
        tag = f"counterfoil.{name.replace('.', '_')}_sha256"
        assert tags[tag] == file_sha256(folder / name)

    scores_of_the_logged_model_are_those_of_the_run(folder, server, parent.info.run_id, tmp_path)


def scores_of_the_logged_model_are_those_of_the_run(folder, server, run_id, scratch):
    """Score raw transactions in a process that can import nothing of this repository."""
    transactions = folder / "artifacts/ingest/transactions.parquet"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    scored = subprocess.run(
        [sys.executable, "-P", "-c", SCORE, f"runs:/{run_id}/model", transactions],
        cwd=scratch, env=environment | {"MLFLOW_TRACKING_URI": server},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    scores = pd.read_parquet(scratch / "scores.parquet")
    expected = pd.read_parquet(folder / "artifacts/evaluate/predictions.parquet")
    of_run = scores.iloc[expected["row_id"]]
    np.testing.assert_allclose(of_run["score"], expected["score"], rtol=0, atol=1e-7)
    assert of_run["decision"].tolist() == expected["decision"].tolist()
