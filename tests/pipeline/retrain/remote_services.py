"""PostgreSQL and an `mlflow server` with users on top of it, both on loopback, for tests."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError

SECONDS_TO_START = 120
# An ordinary user, as a scheduler should be; the database and the admin have passwords of their
# own. Each holds what has to be quoted in a URI.
USER, PASSWORD = "night-job", "p@ss/w:ord%1"
DATABASE_PASSWORD, ADMIN_PASSWORD = "data b@se/1", "admin-password-1"


def missing():
    """Say what this machine lacks for it, or None."""
    if postgres_binaries() is None:
        return "PostgreSQL's initdb is not installed (Debian: postgresql)"
    for module, package in (("psycopg2", "psycopg2-binary"), ("flask_wtf", "flask-wtf")):
        if find_spec(module) is None:
            return f"{package} is not installed"
    return None


def postgres_binaries():
    """Return the folder of initdb, of the newest PostgreSQL, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return None if elsewhere is None else Path(elsewhere).parent


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(port, process, log):
    """Wait until something listens on a port."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(f"nothing listens on {port}: {log.read_text()}")


class Postgres:
    """A cluster of its own; a context manager. Its server refuses to run as root."""

    def __init__(self, log):
        self.binaries, self.log, self.port = postgres_binaries(), log, free_port()
        # pytest's folders can only be entered by who runs the tests.
        self.folder = Path(tempfile.mkdtemp(prefix="counterfoil-"))
        self._as = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
            self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}

    @property
    def uri(self):
        from urllib.parse import quote

        password = quote(DATABASE_PASSWORD, safe="")
        return f"postgresql+psycopg2://postgres:{password}@127.0.0.1:{self.port}/postgres"

    def __enter__(self):
        cluster = self.folder / "cluster"
        password = self.folder / "password"
        password.write_text(DATABASE_PASSWORD)
        initdb = [
            self.binaries / "initdb", "-D", cluster, "-U", "postgres", "--pwfile", password,
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        ]  # fmt: skip
        subprocess.run(initdb, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, **self._as)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    self.binaries / "postgres", "-D", cluster, "-p", str(self.port),
                    "-k", self.folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
                ],
                cwd=self.folder, stdout=log, stderr=log, **self._as,
            )  # fmt: skip
        wait_for(self.port, self.process, self.log)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)  # its fast shutdown
        self.process.wait(30)
        shutil.rmtree(self.folder)


class Server:
    """`mlflow server` on a database, with served artifacts and users; a context manager."""

    def __init__(self, database, folder):
        self.folder, self.database, self.port = folder, database, free_port()
        folder.mkdir()
        (folder / "auth.ini").write_text(
            "[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = admin\n"
            f"admin_password = {ADMIN_PASSWORD}\ndatabase_uri = sqlite:///{folder / 'auth.db'}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            "auth_cache_ttl_seconds = 60\n"
        )
        self.log = folder / "server.log"
        self.secret = secrets.token_hex()
        self.uri = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        self.start()
        self._create_user()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = [
            sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth",
            "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", self.database, "--serve-artifacts",
            "--artifacts-destination", str(self.folder / "served"),
        ]  # fmt: skip
        environment = os.environ | {
            "MLFLOW_AUTH_CONFIG_PATH": str(self.folder / "auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": self.secret,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
                env=environment,
            )  # fmt: skip
        wait_for(self.port, self.process, self.log)

    def stop(self):
        """End the server and its workers, the group that it leads."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)

    def _create_user(self):
        token = b64encode(f"admin:{ADMIN_PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/users/create",
            json.dumps({"username": USER, "password": PASSWORD}).encode(),
            {"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        try:
            urllib.request.urlopen(request, timeout=30).close()
        except HTTPError as error:
            raise AssertionError(error.read().decode()) from error
