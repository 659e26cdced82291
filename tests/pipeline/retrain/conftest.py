"""Deliveries, a registry in memory, and a project in which a retraining is short."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from features.simulation import simulate_transactions
from pipeline.params.sections import load_params
from pipeline.retrain.intake import remember, take_in
from pipeline.retrain.state import State

REPOSITORY = Path(__file__).parents[3]
WEEK = 7 * 86_400


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "state")


@pytest.fixture(scope="session")
def parameters():
    return load_params(REPOSITORY / "params.yaml")


@pytest.fixture
def week():
    """Make the transactions of a week."""

    def make(number, n_rows=1000, *, fraud_rate=0.02):
        table = simulate_transactions(n_rows, fraud_rate=fraud_rate, n_days=7, seed=number)
        return table.assign(Time=table["Time"] + number * WEEK)

    return make


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def deliver(place, state, parameters):
    """Write tables to the folder of deliveries and take them in."""

    def run(**tables):
        for name, table in tables.items():
            table.to_parquet(place / f"{name}.parquet", index=False)
        found = take_in(place, state, parameters.data, parameters.retrain)
        remember(found, state)
        return found

    return run


# Every challenger is promoted: what it learned from is the question in these tests.
OPEN_GATES = (
    "retrain.max_calibration_slope=1000.0", "retrain.min_calibration_slope=0.0",
    "retrain.max_mean_ks=1.0", "retrain.margin=-1.0", "retrain.max_f1_loss=1.0",
    "retrain.max_recall_loss=1.0",
)  # fmt: skip
SMALL = ("tracking.system_metrics=false", "sgan.epochs=2", "sgan.challenge_augmentation=false")


@pytest.fixture
def folder(tmp_path, mlflow_database, monkeypatch):
    """A project, in which commands are called."""
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "presets", tmp_path / "presets")
    shutil.copy(mlflow_database.path, tmp_path / "mlflow.db")
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def request_in():
    """Return a function that asks for a short retraining in a folder, with open gates."""
    from pipeline.retrain.retrain import RetrainRequest

    def make(folder, *assignments):
        return RetrainRequest(
            folder / "in", folder / "retraining", folder, ("quick",),
            (*OPEN_GATES, *SMALL, *assignments),
        )  # fmt: skip

    return make


class MemoryRegistry:
    """What promotions need of a registry; `fail_at` lets the n-th call from now fail."""

    def __init__(self, versions=("1", "2", "3")):
        self.name = "counterfoil"
        self.versions = list(versions)
        self.aliases, self.kept = {}, None
        self.fail_at = None

    def _step(self):
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at < 0:
                raise KeyboardInterrupt

    def champion(self):
        return self.aliases.get("champion")

    def require(self, version):
        assert version in self.versions
        return version

    def point(self, alias, version):
        self._step()
        self.aliases[alias] = version

    def keep_head(self, sha256):
        self._step()
        self.kept = sha256

    def head(self):
        return self.kept


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def rng():
    return np.random.default_rng(0)
