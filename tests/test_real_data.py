"""The pipeline on real card transactions, where they are kept beside the repository."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


def metrics_of_a_run(folder, preset, file, *assignments):
    """Run all stages on a file of the shared data; return metrics.json."""
    data = REPOSITORY.parent / "shared" / "data" / file
    if not data.exists():
        pytest.skip(f"../shared/data/{data.name} does not exist")
    options = [part for assignment in assignments for part in ("-S", assignment)]
    done = subprocess.run(
        [
            sys.executable, "-m", "pipeline", "run", "--no-cache", "--no-tracking",
            "--workdir", folder, "--preset", preset, *options,
        ],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "artifacts/evaluate/metrics.json").read_text())


def test_no_sgan_collapses_and_it_beats_logistic_regression(tmp_path):
    metrics = metrics_of_a_run(
        tmp_path,
        "creditcard",
        "creditcard_dev.parquet",
        "autoencoder.epochs=5",
        "autoencoder.n_pictured_rows=300",
        "vae.epochs=5",
        "sgan.epochs=6",
        "sgan.challenge_augmentation=false",
        "evaluate.n_resamples=100",
    )
    assert metrics["data"]["prevalence"] == 0.00167, "precision would be overstated"
    members = metrics["sgan"]["members"]
    assert len(members) == 6
    # A discriminator that collapses calls every row genuine, and its F1 stays at zero.
    assert all(member["last_epoch_validation_f1"] > 0.5 for member in members)
    sgan = metrics["sgan"]["average_precision"]["value"]
    assert sgan >= metrics["challengers"]["logistic_regression"]["average_precision"]["value"]


def test_the_csv_preset_runs_to_the_end(tmp_path):
    metrics = metrics_of_a_run(
        tmp_path,
        "creditcard_csv",
        "creditcard_head.csv",
        "autoencoder.epochs=2",
        "autoencoder.n_pictured_rows=300",
        "vae.epochs=2",
        "sgan.epochs=3",
        "sgan.challenge_augmentation=false",
        "evaluate.n_resamples=100",
    )
    assert metrics["data"]["n_rows"] == 4000
    assert 0 < metrics["sgan"]["average_precision"]["value"] <= 1
