"""What takes seconds to make and is shared by the tests of a session."""

import importlib.util
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import settings

# As in `pipeline.__main__`; libgomp reads it when the first library loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# CI must not fail by chance; at a desk every run may find something new.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

REPOSITORY = Path(__file__).resolve().parents[1]

MAKE_DATABASE = """
import logging, pathlib
logging.basicConfig(level=logging.INFO)
from pipeline.tracking.server import connect, tracking_uri
connect(tracking_uri(pathlib.Path.cwd()))
"""


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory):
    """An empty MLflow database to copy, since making one takes seconds; what that printed."""
    folder = tmp_path_factory.mktemp("mlflow")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", MAKE_DATABASE],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return SimpleNamespace(path=folder / "mlflow.db", output=done.stdout)


@pytest.fixture
def server(tmp_path, mlflow_database):
    """The address of an `mlflow server` of its own, ended by its process id."""
    shutil.copy(mlflow_database.path, tmp_path / "server.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}",
        "--artifacts-destination", str(tmp_path / "served"), "--workers", "1",
    ]  # fmt: skip
    lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True, env=os.environ | lean
        )
    try:
        for _ in range(240):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (tmp_path / "server.log").read_text()
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture(autouse=True)
def no_tracking_server(monkeypatch):
    """Keep every test away from the tracking server of whoever runs the tests."""
    for name in ("URI", "USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")  # so that what a test sets is undone
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")


@pytest.fixture(scope="session")
def packaged(tmp_path_factory):
    """A tiny packaged model with encoders, raw transactions, and the scores of its parts."""
    import numpy as np

    from evaluation.calibration import LogisticCalibration
    from features.schema import resolve_schema
    from features.simulation import simulate_transactions
    from models.classifier import SGANClassifier
    from models.encoders.autoencoder import TabularAutoencoder
    from models.encoders.vae import TabularVAE
    from pipeline.model import folder as model_folder
    from pipeline.model.scaler import save_scaler
    from pipeline.params.sections import ScaleParams
    from pipeline.stages.scale import make_scaler

    folder = tmp_path_factory.mktemp("packaged")
    transactions = simulate_transactions(1500, fraud_rate=0.04, seed=3)
    schema = resolve_schema(transactions, label="Class", time="Time", amount="Amount")
    inputs = transactions[list(schema.inputs)]
    scaler = make_scaler(ScaleParams(method="arcsinh", columns={}), schema).fit(inputs)
    save_scaler(scaler, folder / "scaler.skops")
    scaled = np.asarray(scaler.transform(inputs), dtype=np.float32)
    encoders = [
        TabularAutoencoder(scaled.shape[1], latent_dim=3),
        TabularVAE(scaled.shape[1], latent_dim=2),
    ]
    for encoder in encoders:
        encoder(scaled[:2])
    classifier = SGANClassifier(*encoders, n_members=2, epochs=1, steps_per_epoch=5, random_state=0)
    classifier.fit(scaled, transactions["Class"])
    calibration = LogisticCalibration(slope=0.9, intercept=-0.2)
    score = calibration.apply(classifier.predict_proba(scaled)[:, 1])
    threshold = float(np.quantile(score, 0.95))
    typical = int(np.argmin(np.abs(score - np.median(score))))
    model_folder.save(
        folder / "model",
        scaler_file=folder / "scaler.skops",
        classifier=classifier,
        schema=schema,
        calibration=calibration,
        threshold=threshold,
        threshold_rule="alerts",
        threshold_values={"alerts_share": 0.05},
        trained_on={"data_sha256": "0" * 64, "prevalence": None},
        baseline=inputs.iloc[typical].to_dict(),
    )
    return SimpleNamespace(
        folder=folder / "model",
        scaler_file=folder / "scaler.skops",
        classifier=classifier,
        schema=schema,
        calibration=calibration,
        transactions=transactions,
        score=score,
        threshold=threshold,
    )


# TensorFlow's start-up lines are no news in a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _load(name):
    """Import a file of tests/pipeline that is no test."""
    path = REPOSITORY / "tests" / "pipeline" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory):
    """Return a project in which every stage has run; not to be changed."""
    project = _load("fake_project").Project(tmp_path_factory.mktemp("finished") / "project")
    result = project.create().command("run")
    if result.returncode:
        raise RuntimeError(result.stderr)
    project.finished = project.ran()
    return project


@pytest.fixture
def project(tmp_path, finished_project):
    """Return a copy of `finished_project`, see tests/pipeline/fake_project.py."""
    shutil.copytree(finished_project.folder, tmp_path / "project", symlinks=True)
    return type(finished_project)(tmp_path / "project")


@pytest.fixture
def run_here(monkeypatch, project):
    """Return a function that runs `project` in this process and says which stages ran."""
    import pipeline.run.session
    from pipeline.run.request import RunRequest
    from pipeline.run.running import run

    monkeypatch.setattr(pipeline.run.session, "find_stage", _load("fake_main").find_fake_stage)
    monkeypatch.setattr(pipeline.run.session, "TRAINED_STAGES", ())

    def run_here(stage=None, **options):
        run(RunRequest(stage=stage, folder=project.folder, **options))
        return project.ran()

    return run_here


class Ended(NamedTuple):
    """How a command ended in this process."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def cli(run_here, project, monkeypatch, capsys):
    """Return a function that runs the command line in the folder of `project`."""
    import pipeline.__main__

    monkeypatch.chdir(project.folder)
    # Signals are set and logging is configured once a process; leave both as they were.
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    root, level = logging.getLogger(), logging.getLogger().level

    def cli(*arguments):
        monkeypatch.setattr(sys, "argv", ["counterfoil", *arguments])
        handlers = root.handlers[:]
        root.handlers[:] = []
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                pipeline.__main__.main()
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
            for name in pipeline.__main__.OUR_PACKAGES:
                logging.getLogger(name).setLevel(logging.NOTSET)
        return Ended(ended.value.code, *capsys.readouterr())

    return cli


HEAVY = ("tensorflow", "keras", "mlflow", "sklearn", "imblearn", "pandas", "scipy", "matplotlib")
REPORT_HEAVY = f"""
import atexit, sys
def report():
    found = [name for name in {HEAVY} if name in sys.modules]
    if found:
        sys.stderr.write("imported: " + ", ".join(found))
atexit.register(report)
"""


@pytest.fixture
def in_fresh_process():
    """Return a function that runs code in a new process and refuses heavy imports."""

    def in_fresh_process(code, *arguments, exit_code=0, cwd=REPOSITORY):
        result = subprocess.run(
            [sys.executable, "-c", REPORT_HEAVY + code, *arguments], cwd=cwd, text=True,
            check=False, capture_output=True, timeout=120,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        assert result.returncode == exit_code, result.stderr
        assert "imported: " not in result.stderr
        return result

    return in_fresh_process


@pytest.fixture(scope="session")
def trained_project(tmp_path_factory):
    """Return a tiny project whose stages did their real work; to be copied, not changed.

    See tests/pipeline/trained_project.py.
    """
    folder = tmp_path_factory.mktemp("trained") / "project"
    return _load("trained_project").TrainedProject(folder).run()
