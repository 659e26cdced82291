"""The real stages through the real command line, in a copy of this repository."""

import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.artifacts import STAGES

REPOSITORY = Path(__file__).resolve().parents[2]
RUN = [sys.executable, "-m", "pipeline", "run", "--preset", "quick", "--no-tracking"]

pytestmark = pytest.mark.slow


def run(folder, *arguments):
    """Run the pipeline and return what it printed and the stages that it started."""
    result = subprocess.run(
        [*RUN, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=900
    )
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stderr.splitlines()]
    return result, [line[1].rstrip(":") for line in lines if line[-1:] == ["started"]]


def kill_in(stage, folder):
    """Start a run, end it with SIGKILL in the middle of a stage, and wait until it is gone."""
    with (folder / "log.txt").open("w+") as log:
        process = subprocess.Popen(RUN, cwd=folder, stderr=log, stdout=log)
        while f"{stage}: started" not in (folder / "log.txt").read_text():
            assert process.poll() is None, (folder / "log.txt").read_text()
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert f"{stage}: done" not in (folder / "log.txt").read_text()


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
    result, started = run(folder)
    assert started == list(STAGES)
    assert "average precision" in result.stdout
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
    result, started = run(finished)
    assert started == []
    assert "nothing to do" in result.stderr
    assert processor_seconds() - before_run < 5
    assert run(finished, "-S", "sgan.learning_rate=2.0e-3")[1] == ["sgan", "evaluate"]
    result, started = run(finished)
    assert started == []
    assert "sgan: restored from DVC's cache" in result.stderr
    assert metrics(finished) == before
    assert not (finished / "mlruns").exists()


def test_a_run_without_dvc_gives_the_same_figures(finished):
    assert run(finished, "--no-cache", "--workdir", "elsewhere")[1] == list(STAGES)
    assert metrics(finished / "elsewhere") == metrics(finished)


def test_a_run_killed_in_two_stages_ends_like_an_undisturbed_one(finished, tmp_path):
    folder = tmp_path / "killed"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns("artifacts", "elsewhere"))
    lock = (finished / "dvc.lock").read_bytes()
    (folder / "dvc.lock").unlink()
    shutil.rmtree(folder / ".dvc/cache")
    kill_in("autoencoder", folder)
    assert not (folder / "artifacts/autoencoder").exists()
    kill_in("sgan", folder)
    assert run(folder)[1] == ["sgan", "evaluate"]
    assert metrics(folder) == metrics(finished)
    assert (folder / "dvc.lock").read_bytes() == lock
    assert not list((folder / "artifacts").glob(".*.partial"))
