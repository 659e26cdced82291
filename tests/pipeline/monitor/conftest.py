"""A packaged model with evidence of the simulated world, and deliveries from it."""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.files.atomic import file_sha256, read_json, write_json
from pipeline.params.sections import load_params

N_TEST = 6_000


@pytest.fixture(scope="session")
def watched(packaged, tmp_path_factory):
    """The model's folder, its old rows, and a function that makes deliveries."""
    from features.simulation import simulate_transactions
    from features.table_digest import sha256_of_table
    from pipeline.model import folder as model_folder

    def delivery(n_rows=6_000, *, fraud_rate=0.02, drift=0.0, seed=1):
        return simulate_transactions(n_rows, fraud_rate=fraud_rate, drift=drift, seed=seed)

    folder = tmp_path_factory.mktemp("watched")
    shutil.copytree(packaged.folder, folder / "model")
    old, model = delivery(N_TEST, seed=99), model_folder.load(folder / "model")
    old.to_parquet(folder / "transactions.parquet", index=False)
    _write_evidence(folder / "model", old, model)
    manifest = read_json(folder / "model" / "model.json")
    found = (folder / "model" / "evidence").iterdir()
    manifest["files"] |= {f"evidence/{path.name}": file_sha256(path) for path in found}
    manifest["trained_on"]["data_sha256"] = sha256_of_table(old[list(model.schema.columns)])
    write_json(manifest, folder / "model" / "model.json")
    return SimpleNamespace(
        folder=folder / "model",
        reference=folder / "transactions.parquet",
        old=old,
        delivery=delivery,
        schema=model.schema,
    )


def _write_evidence(folder, old, model):
    evidence = folder / "evidence"
    evidence.mkdir()
    pd.DataFrame(
        {
            "row_id": np.arange(len(old)),
            "part": "test",
            "label": old["Class"],
            "score": model.predict(old)["score"],
            "amount": old["Amount"],
        }
    ).to_parquet(evidence / "rows.parquet", index=False)
    levels = np.linspace(0, 1, 101)
    inputs = {
        name: {"quantiles": np.quantile(old[name], levels).tolist()} for name in model.schema.inputs
    }
    write_json(inputs, evidence / "inputs.json")
    (evidence / "epochs.csv").write_text("epoch\n0\n")
    run = {
        "params": {"evaluate": {"prevalence": None}},
        "split": {"parts": {"train": {"n_rows": len(old)}}},
    }
    write_json(run, evidence / "run.json")


@pytest.fixture
def monitored(watched, tmp_path):
    """Monitor a table: ``monitored(table, reference=..., monitor__psi=...)`` gives the content."""
    from pathlib import Path

    from pipeline.monitor.command import MonitorRequest, monitor

    repository = Path(__file__).parents[3]

    def run(table, name="new.parquet", **options):
        limits = {key: options.pop(key) for key in list(options) if key.startswith("monitor__")}
        dotted = {key.replace("__", "."): value for key, value in limits.items()}
        params = load_params(repository / "params.yaml", {"monitor.n_resamples": 200} | dotted)
        path = tmp_path / name
        if path.suffix == ".csv":
            table.to_csv(path, index=False)
        else:
            table.to_parquet(path, index=False)
        options = {"model": str(watched.folder)} | options
        return monitor(MonitorRequest(path, params=params.monitor, **options), tmp_path)

    return run
