"""How the speed benchmark measures: parts, rounds, processes and the memory of stages."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.speed import __main__ as speed
from benchmarks.speed import contenders, pipeline_runs, rounds

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_part_that_is_not_run_keeps_its_figures(tmp_path, monkeypatch, capsys):
    results = tmp_path / "speed.json"
    former = {"measured": {"date": "2001-02-03"}, "runs": {"50000": 1}}
    results.write_text(json.dumps({"encoders": {"old": True}, "pipeline": former}))
    seen = []
    monkeypatch.setattr(
        speed, "PARTS", {"encoders": None, "pipeline": lambda _, old: seen.append(old) or {"n": 1}}
    )
    monkeypatch.setattr(speed, "as_markdown", ", ".join)
    speed.main(["pipeline", "--results", str(results), "--page", str(tmp_path / "speed.md")])
    stored = json.loads(results.read_text())
    assert stored["encoders"] == {"old": True}
    assert stored["pipeline"]["n"] == 1
    assert stored["pipeline"]["measured"]["command"].startswith("python -m benchmarks.speed pipel")
    assert seen == [former]
    assert (tmp_path / "speed.md").read_text() == "encoders, pipeline"
    capsys.readouterr()


def test_a_size_that_fails_costs_no_other(tmp_path, monkeypatch, capsys):
    def run_pipeline(n_rows, _root):
        if n_rows > 20:
            raise RuntimeError("out of memory")
        return {
            "seconds": 1.0, "cpu_seconds": 2.0, "start_and_end_seconds": 0.5, "peak_mib": 3.0,
            "stages": {},
        }  # fmt: skip

    monkeypatch.setattr(pipeline_runs, "run_pipeline", run_pipeline)
    files = ["--results", str(tmp_path / "speed.json"), "--page", str(tmp_path / "speed.md")]
    with pytest.raises(RuntimeError, match="out of memory"):
        speed.main(["pipeline", "--sizes", "30", "20", *files])
    stored = json.loads((tmp_path / "speed.json").read_text())["pipeline"]["runs"]
    assert stored["20"]["peak_mib"] == 3.0
    assert "20 rows:" in (tmp_path / "speed.md").read_text()
    capsys.readouterr()


def test_an_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit):
        speed.main(["trainig"])
    assert "PART must be among training, encoders, scoring, pipeline" in capsys.readouterr().err


class Recorder:
    """Stands for a contender's process; its rate is the number of the call."""

    calls = []  # noqa: RUF012

    def __init__(self, kind, _root, _arguments):
        self.kind = kind
        self.missing = "not here" if kind == "absent" else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return

    def measure(self, case, _seconds):
        self.calls.append((self.kind, case["members"]))
        return len(self.calls)


def test_rounds_are_interleaved_and_the_first_does_not_count(monkeypatch):
    monkeypatch.setattr(rounds, "Contender", Recorder)
    monkeypatch.setattr(Recorder, "calls", [])
    entries = [
        {"kind": kind, "case": {"members": members}}
        for kind, members in (("a", 1), ("a", 8), ("absent", 1), ("b", 1))
    ]
    said = []
    found = rounds.measure(entries, REPOSITORY, n_rounds=2, seconds=1, say=said.append)
    assert Recorder.calls == [("a", 1), ("a", 8), ("b", 1)] * 3
    assert found == [
        {"rates": [4, 7]}, {"rates": [5, 8]}, {"missing": "not here"}, {"rates": [6, 9]},
    ]  # fmt: skip
    assert said[0] == "absent: skipped, not here"


def test_a_summary_is_median_and_extremes():
    assert rounds.summarise([5.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 5.0}


def test_repeat_calls_at_least_once_and_until_the_time_is_up():
    assert contenders.repeat(lambda: None, 0.0)[0] == 1
    n_calls, spent = contenders.repeat(lambda: time.sleep(0.01), 0.05)
    assert spent >= 0.05
    assert 1 < n_calls <= 5


def test_the_epoch_clock_leaves_the_first_epoch_out():
    clock = contenders.EpochClock(0.02)
    with clock:
        for pause in (0.2, *[0.01] * 100):
            time.sleep(pause)
            clock.tick()
    assert 1 <= clock.n_epochs <= 2
    assert 0.02 <= clock.seconds < 0.2


def test_jax_and_torch_are_skipped_with_a_reason_where_they_are_missing(monkeypatch):
    monkeypatch.setattr(contenders.importlib.util, "find_spec", lambda _: None)
    for kind, library in (("JaxTraining", "jax"), ("TorchTraining", "torch")):
        with pytest.raises(contenders.MissingLibraryError, match=f"{library} is not installed"):
            contenders.CONTENDERS[kind]()


FAKE_PIPELINE = """
import sys, time
def say(text):
    print("12:00:00", text, file=sys.stderr, flush=True)
    time.sleep(0.2)
say("ingest: started")
block = bytearray(200 << 20)
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
del block
say("ingest: done in 0.3 s (5 rows)")
say("device: cpu")
say("split: started")
say("split: done in 0.2 s")
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_a_stage_has_the_times_and_the_peak_memory_of_its_own():
    with subprocess.Popen(
        [sys.executable, "-c", FAKE_PIPELINE], stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        follower = pipeline_runs.StageFollower(process.pid)
        with follower:
            for text in process.stderr:
                follower.read(text.rstrip())
    ingest, split = follower.stages["ingest"], follower.stages["split"]
    assert ingest["peak_mib"] > 200
    assert split["peak_mib"] < 100
    assert follower.peak_between < 100
    assert ingest["seconds"] > 0.4
    assert 0.25 < ingest["cpu_seconds"] < 1
    assert split["cpu_seconds"] < 0.2
    assert list(follower.stages) == ["ingest", "split"]
