"""Measures `mlflow models serve`: latency of requests for one transaction each.

Run from the repository root: ``python -m benchmarks.serving MODEL``, where MODEL is the folder of
an MLflow model (the artifacts of a logged model).
"""

import argparse
import http.client
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pipeline.model.folder import read_manifest
from pipeline.tracking.names import INSIDE_MLFLOW_MODEL

N_WARM_UP = 50
START_SECONDS = 180


@contextmanager
def serving(model, log):
    """Yield the port of a scoring server of its own, and end it by its process group.

    Parameters
    ----------
    model : Path
        The folder of an MLflow model.
    log : Path
        What the server prints.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # `models serve` finds python and uvicorn by name.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model),
        "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    environment = {**os.environ, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env=environment, start_new_session=True
        )
    try:
        _wait(process, port, log)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait(process, port, log):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.5)
    raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


def post(connection, body, content_type="application/json"):
    """Return the status and the content of the answer to a request.

    Parameters
    ----------
    connection : http.client.HTTPConnection
        To the server; stays open.
    body : bytes or object
        What is sent, as JSON unless it is bytes.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", "/invocations", content, {"Content-Type": content_type})
    answer = connection.getresponse()
    return answer.status, answer.read()


def main():
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/serving.md"))
    parser.add_argument("--log", type=Path, default=Path("serving.log"))
    arguments = parser.parse_args()
    inputs = read_manifest(arguments.model / INSIDE_MLFLOW_MODEL)["inputs"]
    with serving(arguments.model, arguments.log) as port:
        seconds = _latencies(port, inputs, arguments.requests)
    p50, p90, p99 = np.percentile(1000 * seconds, [50, 90, 99])
    page = (
        "# Serving single transactions\n\nMade by `python -m benchmarks.serving MODEL "
        f"--requests {arguments.requests}`.\n\n"
        f"{arguments.requests:,} requests for one transaction of {len(inputs)} numbers each, one "
        "after the other over one connection on loopback, after "
        f"{N_WARM_UP} that do not count; `mlflow models serve` with one worker, {os.cpu_count()} "
        f"cores ({platform.machine()}), load average {os.getloadavg()[0]:.1f}.\n\n"
        "| p50, ms | p90, ms | p99, ms | longest, ms |\n|---|---|---|---|\n"
        f"| {p50:.1f} | {p90:.1f} | {p99:.1f} | {1000 * seconds.max():.1f} |\n"
    )
    arguments.out.write_text(page, encoding="utf-8")
    print(page)


def _latencies(port, inputs, n_requests):
    """Seconds from the request to the whole answer; ndarray of shape (n_requests,)."""
    rng = np.random.default_rng(0)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds = []
    for values in rng.normal(size=(N_WARM_UP + n_requests, len(inputs))):
        body = {"dataframe_records": [dict(zip(inputs, values.tolist(), strict=True))]}
        start = time.perf_counter()
        status, answer = post(connection, body)
        seconds.append(time.perf_counter() - start)
        if status != 200:
            raise RuntimeError(answer)
    connection.close()
    return np.array(seconds[N_WARM_UP:])


if __name__ == "__main__":
    main()
