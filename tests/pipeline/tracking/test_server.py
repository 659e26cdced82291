"""What is said of a server that asks for a password, and a database that is whole or not there."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pipeline.errors import CounterfoilError, InputError
from pipeline.tracking import server as tracking_server
from pipeline.tracking.model import download_model
from pipeline.tracking.registry import Registry
from pipeline.tracking.server import (
    _make_database,
    connect,
    mlflow_errors,
    tracking_uri,
    wait_out_restarts,
)


@pytest.fixture
def answering():
    """Return a function that starts a web server which answers all but /health with a status."""
    servers = []

    def start(status):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if self.path == "/health" else status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"no")

            def do_POST(self):
                self.do_GET()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def test_credentials_leave_the_address(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://some%40one:p%2Fw@host:5000/mlflow")
    for _ in range(2):
        assert tracking_uri(tmp_path) == "https://host:5000/mlflow"
        assert os.environ["MLFLOW_TRACKING_URI"] == "https://host:5000/mlflow"
        assert os.environ["MLFLOW_TRACKING_USERNAME"] == "some@one"
        assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "p/w"


@pytest.mark.parametrize("uri", ["http://host:5000", "postgresql+psycopg2://me:pw@host/name"])
def test_other_addresses_stay_as_they_are(uri, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert tracking_uri(tmp_path) == uri
    assert "MLFLOW_TRACKING_USERNAME" not in os.environ


def test_a_refused_password_is_said_to_be_one(answering, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "someone")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    uri = answering(401)
    refused = r"refuses the name or password of 'someone' \(401\); set MLFLOW_TRACKING_USERNAME"
    with pytest.raises(CounterfoilError, match=refused) as caught:
        Registry("counterfoil", uri).champion()
    assert "secret" not in str(caught.value)
    with pytest.raises(CounterfoilError, match=refused) as caught:
        download_model("models:/counterfoil@champion", uri, tmp_path)
    assert not isinstance(caught.value, InputError)  # the name of the model is not at fault
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    with pytest.raises(CounterfoilError, match=r"refuses requests without a name \(401\)"):
        Registry("counterfoil", uri).champion()


def test_a_missing_permission_is_said_to_be_one(answering, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "someone")
    with pytest.raises(CounterfoilError, match=r"does not permit 'someone' to do this \(403\)"):
        Registry("counterfoil", answering(403)).champion()


def test_a_model_that_is_not_there_is_still_bad_input(answering, tmp_path):
    with pytest.raises(InputError, match="has no model"):
        download_model("models:/counterfoil@champion", answering(404), tmp_path)


def test_a_server_that_has_answered_is_waited_for_by_retries(answering, monkeypatch):
    uri = answering(200)
    connect(uri)
    monkeypatch.setattr(tracking_server, "_probe", lambda uri: pytest.fail("asked again"))
    connect(uri)


def test_patience_is_a_minute_unless_set(monkeypatch):
    name = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
    monkeypatch.setenv(name, "")
    monkeypatch.delenv(name)
    wait_out_restarts()
    from urllib3.util import Retry

    retry, seconds = Retry(int(os.environ[name]), backoff_factor=2), 0.0
    while retry.total:
        retry = retry.increment("GET", "/", error=ConnectionError())
        seconds += retry.get_backoff_time()
    assert seconds == 60
    monkeypatch.setenv(name, "1")
    wait_out_restarts()
    assert os.environ[name] == "1"


def test_errors_of_files_have_no_status():
    with pytest.raises(CounterfoilError, match="No space left"), mlflow_errors("http://host"):
        raise OSError(28, "No space left on device")


def test_a_database_that_another_process_made_meanwhile_is_kept(tmp_path, monkeypatch):
    place = tmp_path / "mlflow.db"

    def client(tracking_uri):
        Path(tracking_uri.removeprefix("sqlite:///")).write_bytes(b"ours")
        place.write_bytes(b"theirs, with runs")

    monkeypatch.setattr("mlflow.MlflowClient", client)
    _make_database(f"sqlite:///{place}")
    assert place.read_bytes() == b"theirs, with runs"
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.slow
def test_a_database_that_could_not_be_made_is_made_by_the_next_call(tmp_path):
    """Its making is stopped by a limit on the size of files, as by a full disk."""
    make = "from pathlib import Path; from pipeline.tracking.server import connect; " \
           "connect(f'sqlite:///{Path.cwd()}/mlflow.db').search_experiments()"  # fmt: skip
    repository = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(repository)}

    def run(*limit):
        return subprocess.run(
            [*limit, sys.executable, "-c", make], cwd=tmp_path, env=environment, check=False,
            capture_output=True, text=True,
        )  # fmt: skip

    stopped = run("prlimit", "--fsize=400000")
    assert stopped.returncode == 1
    assert "CounterfoilError" in stopped.stderr
    assert list(tmp_path.iterdir()) == []
    whole = run()
    assert whole.returncode == 0, whole.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
