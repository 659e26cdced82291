"""Time and peak memory of every stage of the whole pipeline, run as users run it."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

STARTED = re.compile(r"(\w+): started$")
DONE = re.compile(r"(\w+): done in ")
SAMPLE_SECONDS = 0.02
MIB_KIB = 1024
PEAK, PRESENT = "VmHWM", "VmRSS"


def run_pipeline(n_rows, root, overrides=()):
    """Wall and CPU seconds and peak memory of one uncached run on simulated rows.

    The command is the real one, in one process; its log says where a stage starts and ends.
    Between two stages the kernel's mark of the process's highest memory is put back, so that
    the peak of each is its own (with what the stages before it have left in the process).

    Parameters
    ----------
    n_rows : int
        Simulated transactions.
    root : path
        The repository.
    overrides : sequence of str
        Further ``section.key=value``.

    Returns
    -------
    dict
        `seconds`, `cpu_seconds` (which other work on the machine hardly changes) and `peak_mib`
        of the run, and of each of its `stages`.

    Raises
    ------
    RuntimeError
        If the run fails; with the end of its log.
    """
    assignments = [f"data.simulated.n_rows={n_rows}", *overrides]
    options = [word for text in assignments for word in ("-S", text)]
    with tempfile.TemporaryDirectory(prefix="counterfoil-speed-") as workdir:
        command = [sys.executable, "-m", "pipeline", "run", "--no-cache", "--workdir", workdir]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*command, *options], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, env={**os.environ, "MLFLOW_TRACKING_URI": ""},
        )  # fmt: skip
        follower = StageFollower(process.pid)
        with process, follower:
            lines = [follower.read(line.rstrip()) for line in process.stderr]
        seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(
            f"the pipeline on {n_rows:,} rows ended with {process.returncode}:\n"
            + "\n".join(lines[-15:])
        )
    stages = follower.stages
    outside = seconds - sum(stage["seconds"] for stage in stages.values())
    return {
        "seconds": seconds,
        "cpu_seconds": follower.cpu_seconds,
        "start_and_end_seconds": outside,
        "peak_mib": max([follower.peak_between, *(s["peak_mib"] for s in stages.values())]),
        "stages": stages,
    }


class StageFollower:
    """Times and peak memory of the stages of a running pipeline, from its log and the kernel.

    Parameters
    ----------
    pid : int
        The process of the pipeline.

    Attributes
    ----------
    stages : dict of str to dict
        `seconds`, `cpu_seconds` and `peak_mib` of each finished stage.
    cpu_seconds : float
        Of all threads, from the start of the process to the last line read.
    peak_between : float
        Peak outside of the stages, in MiB.
    """

    def __init__(self, pid):
        self.pid = pid
        self.stages = {}
        self.peak_between = 0.0
        self.cpu_seconds = 0.0
        self._started = None
        self._sampled = 0.0
        self._ended = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self):
        self._sampler.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._sampler.join()

    def read(self, line):
        """Take in one line of the log and return it."""
        wall, self.cpu_seconds = time.perf_counter(), self._cpu() or self.cpu_seconds
        if STARTED.search(line):
            self.peak_between = max(self.peak_between, self._take_peak())
            self._started = wall, self.cpu_seconds
        elif (found := DONE.search(line)) and self._started is not None:
            self.stages[found[1]] = {
                "seconds": wall - self._started[0],
                "cpu_seconds": self.cpu_seconds - self._started[1],
                "peak_mib": self._take_peak(),
            }
            self._started = None
        return line

    def _take_peak(self):
        """Return the highest memory since the last call, in MiB, and start anew."""
        peak = max(self._sampled, self._status(PEAK) if self._reset_works() else 0.0)
        self._sampled = self._status(PRESENT)
        self._reset()
        return peak

    def _reset_works(self):
        return Path(f"/proc/{self.pid}/clear_refs").exists()

    def _reset(self):
        try:
            Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        except OSError:
            return

    def _cpu(self):
        try:
            # The name of the program, in brackets, may hold spaces; the 14th and 15th field are
            # ticks in user and kernel mode.
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _status(self, name):
        try:
            text = Path(f"/proc/{self.pid}/status").read_text()
        except OSError:
            return 0.0
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) / MIB_KIB if found else 0.0

    def _sample(self):
        """Follow the memory where the kernel's mark cannot be put back."""
        while not self._ended.wait(SAMPLE_SECONDS):
            self._sampled = max(self._sampled, self._status(PRESENT))
