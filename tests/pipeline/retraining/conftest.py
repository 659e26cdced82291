"""Deliveries and a registry in memory."""

import numpy as np
import pytest

from features.simulation import simulate_transactions
from pipeline.params import load_params
from pipeline.retraining.state import State

WEEK = 7 * 86_400


@pytest.fixture
def state(tmp_path):
    return State(tmp_path / "state")


@pytest.fixture(scope="session")
def parameters():
    from pathlib import Path

    return load_params(Path(__file__).parents[3] / "params.yaml")


@pytest.fixture
def week():
    """Make the transactions of a week."""

    def make(number, n_rows=1000, *, fraud_rate=0.02):
        table = simulate_transactions(n_rows, fraud_rate=fraud_rate, n_days=7, seed=number)
        return table.assign(Time=table["Time"] + number * WEEK)

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
