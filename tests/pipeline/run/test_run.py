"""Running: what reruns, what is restored, what a kill leaves, and that DVC agrees."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from pipeline.errors import CounterfoilError, InputError, ParamsError, UsageError
from pipeline.run.request import RunRequest, needed
from pipeline.run.running import only_run, plan
from pipeline.stages.artifacts import STAGES


def explained(project, **options):
    return dict(plan(RunRequest(folder=project.folder, **options)))


def test_first_run_runs_every_stage_in_order_and_the_next_one_none(
    finished_project, project, run_here
):
    assert finished_project.finished == list(STAGES)
    assert explained(project) == {}
    assert run_here() == []


def test_changed_key_reruns_its_stage_and_what_follows(project, run_here):
    project.params(sgan__learning_rate=0.002)
    assert explained(project) == {
        "sgan": ["sgan.learning_rate: 0.001 -> 0.002"],
        "evaluate": ["sgan reruns"],
    }
    assert run_here() == ["sgan", "evaluate"]


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"data__simulated__seed": 8}, "ingest"),
        ({"split__seed": 8}, "split"),
        ({"scale__method": "robust"}, "scale"),
        ({"evaluate__seed": 8}, "evaluate"),
        ({"device": "cpu"}, None),
        ({"tracking__experiment": "other"}, None),
    ],
)
def test_each_section_reaches_the_stages_it_should(project, run_here, changes, first):
    project.params(**changes)
    expected = [name for name in STAGES if first and first in (*needed(name), name)]
    assert list(explained(project)) == expected


def test_mode_concerns_only_what_is_trained_or_judged(project, run_here):
    project.params(mode="fast")
    assert list(explained(project)) == ["autoencoder", "vae", "augment", "sgan", "evaluate"]


def test_changed_input_and_code_are_named(project, run_here):
    project.path("data/new.csv").write_text("Time\n1\n")
    project.path("pipeline/stages/vae.py").write_text("# other code\n")
    shutil.rmtree(project.path("artifacts/scale"))
    why = explained(project)
    assert why["ingest"] == ["data changed"]
    assert "pipeline/stages/vae.py changed" in why["vae"]
    assert "artifacts/scale is missing" in why["scale"]


def test_override_holds_for_one_run_and_leaves_params_yaml_alone(project, run_here):
    before = project.path("params.yaml").read_bytes()
    assert run_here(assignments=("sgan.epochs=3",)) == ["sgan", "evaluate"]
    assert project.path("params.yaml").read_bytes() == before
    lock = yaml.safe_load(project.path("dvc.lock").read_text())
    assert lock["stages"]["sgan"]["params"]["params.yaml"]["sgan"]["epochs"] == 3
    content = json.loads(project.path("artifacts/sgan/content.json").read_text())
    assert content["section"]["epochs"] == 3
    assert explained(project)["sgan"] == ["sgan.epochs: 3 -> 30"]


@pytest.mark.slow
def test_override_of_the_input_reaches_the_graph(project, run_here):
    other = project.folder.parent / "other.csv"
    other.write_text("Time\n1\n")
    why = explained(project, assignments=("data.path=../other.csv",))
    assert "data.path: data -> ../other.csv" in why["ingest"]
    assert run_here(assignments=("data.path=../other.csv",))[0] == "ingest"
    assert explained(project, assignments=("data.path=../other.csv",)) == {}


def test_preset_and_another_params_file_are_read(project, run_here):
    project.path("presets/mine.yaml").write_text("sgan: {epochs: 4}\n")
    shutil.copy(project.path("params.yaml"), project.path("mine.yaml"))
    assert explained(project, presets=("mine",))["sgan"] == ["sgan.epochs: 30 -> 4"]
    project.params(sgan__epochs=5)
    assert explained(project, params_file=project.path("mine.yaml")) == {}


@pytest.mark.slow
def test_going_back_to_former_values_restores_instead_of_running(project, run_here):
    before = project.content()
    run_here(assignments=("scale.method=robust",))
    assert project.content() != before
    assert run_here() == []
    assert project.content() == before


def test_lost_or_edited_output_is_restored(project, run_here):
    before = project.content()
    shutil.rmtree(project.path("artifacts/vae"))
    project.path("artifacts/sgan/content.json").write_text("edited by hand")
    assert run_here() == []
    assert project.content() == before


@pytest.mark.slow
def test_writing_never_goes_through_a_link_into_the_cache(project, run_here):
    with project.path(".dvc/config").open("a") as config:
        config.write("[cache]\n    type = hardlink\n")
    run_here("scale", force=True)
    before = project.content()
    run_here(assignments=("vae.seed=99",))
    assert run_here() == []
    assert project.content() == before


@pytest.mark.slow
def test_force_from_and_single_stages(project, run_here):
    project.params(data__simulated__seed=9)
    assert run_here("scale") == ["ingest", "split", "scale"]
    assert run_here(force=True) == list(STAGES)
    assert run_here("split", force=True) == ["ingest", "split"]
    assert explained(project, from_stage="augment") == {
        "augment": ["--from augment"],
        "sgan": ["--from augment", "augment reruns"],
        "evaluate": ["--from augment", "augment, sgan rerun"],
    }
    assert run_here(from_stage="augment") == ["augment", "sgan", "evaluate"]
    assert run_here("sgan", from_stage="augment") == ["augment", "sgan"]


@pytest.mark.slow
def test_from_brings_the_stages_before_it_up_to_date(project, run_here):
    project.params(vae__seed=99)
    assert run_here(from_stage="sgan") == ["vae", "augment", "sgan", "evaluate"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stage": "train"}, "there is no stage train; the stages are ingest, split, "),
        ({"stage": "scale", "from_stage": "sgan"}, "scale does not need sgan; it needs ingest"),
    ],
)
def test_impossible_requests_are_refused(run_here, options, message):
    with pytest.raises(UsageError, match=message):
        run_here(**options)


def test_missing_input_is_named_before_anything_runs(project, run_here):
    before = project.content()
    texts = ("data.source=file", "data.path=no.csv")
    with pytest.raises(InputError, match=r"data.path: no.csv does not exist .* -S data.path="):
        run_here(assignments=texts)
    with pytest.raises(InputError, match=r"DVC watches it even where data.source is simulated"):
        run_here(assignments=texts[1:])
    with pytest.raises(ParamsError, match=r"sgan.epochs: .*got 0"):
        run_here(assignments=("sgan.epochs=0",))
    assert project.content() == before
    assert project.ran() == []


def test_refused_input_leaves_earlier_artifacts_untouched(project, run_here, monkeypatch):
    before = project.content()
    project.path("data/new.csv").write_text("Time\n1\n")
    monkeypatch.setenv("FAKE_BAD", "ingest")
    with pytest.raises(InputError, match=r"^ingest: row 3 of data has no amount$"):
        run_here()
    assert project.content() == before
    monkeypatch.delenv("FAKE_BAD")
    project.ran()
    assert run_here()[0] == "ingest"


def test_every_stage_runs_without_dvc_or_git(project, run_here, tmp_path):
    for name in (".dvc", ".git"):
        shutil.rmtree(project.path(name))
    project.path("dvc.yaml").unlink()
    shutil.rmtree(project.path("artifacts"))
    workdir = tmp_path / "elsewhere"
    options = {"use_dvc": False, "workdir": workdir}
    assert run_here(**options) == list(STAGES)
    assert run_here("scale", **options) == ["ingest", "split", "scale"]
    assert run_here(from_stage="sgan", **options) == ["sgan", "evaluate"]
    assert sorted(path.name for path in (workdir / "artifacts").iterdir()) == [
        ".lock",
        *sorted(STAGES),
    ]
    assert not project.path("artifacts").exists()
    with pytest.raises(UsageError, match="needs the output of ingest"):
        run_here(from_stage="sgan", use_dvc=False, workdir=tmp_path / "empty")
    # What a later stage needs is missed before anything runs.
    run_here("vae", use_dvc=False, workdir=tmp_path / "some")
    with pytest.raises(UsageError, match="needs the output of autoencoder"):
        run_here(from_stage="vae", use_dvc=False, workdir=tmp_path / "some")
    assert project.ran() == []


def test_missing_git_or_graph_is_explained(project, run_here):
    shutil.rmtree(project.path(".git"))
    needs = (
        r"DVC needs a repository of git .* `git init` and `dvc init`, .*--no-cache --workdir DIR"
    )
    with pytest.raises(UsageError, match=needs):
        run_here()
    project.path("dvc.yaml").unlink()
    with pytest.raises(UsageError, match=r"has no dvc.yaml; .*--no-cache --workdir DIR"):
        run_here()


def test_code_that_is_not_there_is_named(project, run_here):
    graph = yaml.safe_load(project.path("dvc.yaml").read_text())
    graph["stages"]["vae"]["deps"].append("models/lost.py")
    project.path("dvc.yaml").write_text(yaml.safe_dump(graph, sort_keys=False))
    with pytest.raises(UsageError, match=r"dvc\.yaml names models/lost\.py, which .* whole copy"):
        run_here()
    assert project.ran() == []


def test_a_graph_that_dvc_does_not_read_is_left_to_its_words(project, run_here):
    project.path("dvc.yaml").write_text("stages: {vae: {cmd: x, deps: [{a.py: {}}]}}\n")
    with pytest.raises(Exception, match=r"expected str @ data\['stages'\]\['vae'\]\['deps'\]"):
        run_here()
    assert project.ran() == []


@pytest.mark.slow
def test_dvc_agrees_on_what_is_stale_and_shares_the_lock_file(project, run_here):
    assert json.loads(project.dvc("status", "--json").stdout) == {}
    project.params(augment__seed=99)
    assert set(json.loads(project.dvc("status", "--json").stdout)) == {"augment"}
    assert list(explained(project)) == ["augment", "sgan", "evaluate"]
    assert project.dvc("repro").returncode == 0
    assert project.ran() == ["augment", "sgan", "evaluate"]
    assert explained(project) == {}
    assert run_here() == []


def test_dvc_shows_the_metrics(project, run_here):
    run_here(assignments=("evaluate.seed=62",))
    shown = json.loads(project.dvc("metrics", "show", "--json").stdout)
    figures = shown[""]["data"]["artifacts/evaluate/metrics.json"]["data"]
    assert figures["sgan"]["average_precision"]["value"] == 0.8


def test_second_run_is_turned_away_and_the_lock_dies_with_its_process(project, tmp_path):
    refusal = pytest.raises(CounterfoilError, match=f"process {os.getpid()}.* is at work in")
    with only_run(tmp_path), refusal, only_run(tmp_path):
        pass
    process = wait_until_paused(project, "split", "run", "--from", "split")
    second = project.command("run")
    assert second.returncode == 1
    assert f"another run (process {process.pid}) is at work in" in second.stderr
    kill(process)
    assert project.command("run").returncode == 0


@pytest.mark.slow
def test_running_dvc_is_respected(project, run_here):
    project.params(split__seed=9)
    process = wait_until_paused(project, "split", script=["-m", "dvc", "repro"])
    with pytest.raises(CounterfoilError, match=r"another run \(process \d+\) is at work in"):
        run_here()
    kill(process)
    run_here()


def test_a_folder_that_dvc_is_writing_to_is_left_alone(project, run_here):
    """As during `dvc checkout`, which starts no stage of ours."""
    project.params(split__seed=9)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        entry = {"pid": process.pid, "cmd": "dvc checkout"}
        folder = str(project.path("artifacts/split").resolve())
        lock = {"write": {folder: entry}, "read": {}}
        project.path(".dvc/tmp/rwlock").write_text(json.dumps(lock))
        with pytest.raises(CounterfoilError, match=r"another process holds DVC's lock"):
            run_here()
        process.kill()
    assert run_here()[0] == "split"


def test_a_single_stage_is_turned_away_by_a_run_and_by_another_stage(project):
    for arguments in (["run", "--from", "split"], ["stage", "split"]):
        process = wait_until_paused(project, "split", *arguments)
        second = project.command("stage", "scale")
        assert second.returncode == 1
        assert f"another run (process {process.pid}) is at work in" in second.stderr
        kill(process)
    assert project.command("stage", "scale").returncode == 0


@pytest.mark.parametrize(
    "stage", [*[pytest.param(name, marks=pytest.mark.slow) for name in ("ingest", "sgan")], "scale"]
)
def test_killed_stage_is_run_again_and_ends_like_an_undisturbed_run(project, run_here, stage):
    undisturbed = project.content()
    for name in ("artifacts", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(project.path(name))
    project.path("dvc.lock").unlink()

    kill(wait_until_paused(project, stage))
    assert not project.path(f"artifacts/{stage}").exists()
    interrupted = project.ran()
    assert interrupted[-1] == stage

    assert next(iter(explained(project))) == stage
    assert run_here() == list(STAGES[STAGES.index(stage) :])
    assert project.content() == undisturbed


def test_kill_of_a_rerun_keeps_the_former_output_and_is_no_success(project, run_here):
    undisturbed = project.content()
    kill(wait_until_paused(project, "sgan", "run", "-S", "sgan.seed=99"))
    assert project.content()["dvc.lock"] == undisturbed["dvc.lock"]
    assert project.ran() == ["sgan"]
    assert explained(project) == {}
    assert run_here() == []
    assert {name: text for name, text in project.content().items() if "half" not in name} == (
        undisturbed
    )


@pytest.mark.slow
def test_locks_of_dead_processes_do_not_block_even_if_the_number_lives_again(project, run_here):
    project.params(sgan__seed=99)
    path = project.path(".dvc/tmp/rwlock")
    entry = {"pid": os.getpid(), "cmd": "python -m pipeline run"}
    folder = str(project.path("artifacts/sgan").resolve())
    path.write_text(json.dumps({"write": {folder: entry}, "read": {}}))
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    assert run_here() == ["sgan", "evaluate"]
    path.write_text("{")  # killed while DVC wrote it
    project.params(sgan__seed=98)
    assert run_here() == ["sgan", "evaluate"]


def wait_until_paused(project, stage, *arguments, script=None):
    """Start a run that stops in the middle of a stage, and return its process."""
    marker = project.path("paused")
    marker.unlink(missing_ok=True)
    if script is None:
        process = project.start(*(arguments or ("run",)), FAKE_PAUSE=stage)
    else:
        process = project.start(*script, script=None, FAKE_PAUSE=stage)
    for _ in range(600):
        if marker.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    assert process.poll() is None, process.stderr.read()
    assert marker.exists()
    return process


def kill(process):
    """Kill a process and what it started, as `kill -9` or a lost container does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.read()  # ends when those that it started have ended
    process.stderr.close()
