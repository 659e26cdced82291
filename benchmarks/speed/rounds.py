"""Interleaved rounds: contenders in processes of their own take turns, so that load hits all."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack

WARM_UP_SECONDS = 0.0  # one call: it compiles
N_SHOWN_LINES = 15


class Contender:
    """A worker process that measures what it is asked for and waits in between.

    Parameters
    ----------
    kind : str
        A name in `benchmarks.speed.contenders.CONTENDERS`.
    root : path
        The repository, which the process runs in.
    arguments : dict, optional
        Of the contender's constructor.
    """

    def __init__(self, kind, root, arguments=None):
        self.kind = kind
        # TensorFlow greets at length; what a worker wrote matters if it fails.
        self._messages = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.speed.worker", kind, json.dumps(arguments or {})],
            cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages,
            text=True, bufsize=1,
            env={"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_WAIT_POLICY": "PASSIVE", **os.environ},
        )  # fmt: skip
        self.missing = self._answer().get("missing")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._messages.close()

    def measure(self, case, seconds):
        """Return how much was done a second in a window of about `seconds`."""
        self._process.stdin.write(json.dumps({"case": case, "seconds": seconds}) + "\n")
        answer = self._answer()
        return answer["done"] / answer["seconds"]

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._messages.seek(0)
            end = "".join(self._messages.readlines()[-N_SHOWN_LINES:])
            raise RuntimeError(f"{self.kind} ended with {code}:\n{end}")
        return json.loads(line)


def measure(entries, root, *, n_rounds, seconds, say=print):
    """Rates of all entries, each measured once a round.

    Parameters
    ----------
    entries : list of dict
        `kind` and `arguments` of a contender, and the `case` it is asked for. Entries of one
        kind share a process.
    root : path
        The repository.
    n_rounds : int
        How often each entry is measured after its warm-up.
    seconds : float
        About how long each time.
    say : callable
        Takes lines for the person who waits.

    Returns
    -------
    list of dict
        Per entry `rates` (a second, one a round), or `missing` with the reason.
    """
    with ExitStack() as stack:
        running = {}
        for entry in entries:
            if entry["kind"] not in running:
                contender = Contender(entry["kind"], root, entry.get("arguments"))
                running[entry["kind"]] = stack.enter_context(contender)
                if contender.missing:
                    say(f"{contender.kind}: skipped, {contender.missing}")
        results = [
            {"missing": running[entry["kind"]].missing}
            if running[entry["kind"]].missing
            else {"rates": []}
            for entry in entries
        ]
        for number in range(n_rounds + 1):
            for entry, result in zip(entries, results, strict=True):
                if "missing" in result:
                    continue
                window = seconds if number else WARM_UP_SECONDS
                rate = running[entry["kind"]].measure(entry["case"], window)
                if number:
                    result["rates"].append(rate)
                    say(f"round {number}: {entry['kind']} {entry['case']}: {rate:,.4g} a second")
    return results


def summarise(rates):
    """Return median, lowest and highest of the rounds."""
    return {"median": statistics.median(rates), "low": min(rates), "high": max(rates)}
