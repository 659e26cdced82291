"""Page and figures as a run of MLflow."""

import json
import shutil
from dataclasses import replace

import pytest

import pipeline.tracking.reports
from pipeline.errors import CounterfoilError
from pipeline.latent.command import latent
from pipeline.tracking.reports import log_latent_pictures

pytestmark = pytest.mark.slow


def test_the_page_is_an_artifact_of_a_run(drawn, mlflow_database, tmp_path):
    import mlflow

    shutil.copy(mlflow_database.path, tmp_path / "mlflow.db")
    html = drawn.html.read_text()
    run_id = log_latent_pictures(html, drawn.content, "reviews", tmp_path)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["counterfoil.kind"] == "latent"
    assert run.data.tags["counterfoil.answer"] == drawn.content["answer"]
    n_clusters = len(drawn.content["pictures"][1]["clusters"])
    assert run.data.metrics["vae_n_clusters"] == n_clusters
    names = {file.path for file in client.list_artifacts(run_id)}
    assert names == {"latent.html", "latent.json"}
    folder = client.download_artifacts(run_id, "", str(tmp_path))
    logged = json.loads((tmp_path / "latent.json").read_text())
    assert logged["answer"] == drawn.content["answer"]
    assert (tmp_path / "latent.html").read_text() == html
    assert folder


def test_a_server_that_is_away_costs_no_figure(drawn, monkeypatch, tmp_path):
    def away(*_):
        raise CounterfoilError("the tracking server cannot be reached")

    monkeypatch.setattr(pipeline.tracking.reports, "log_latent_pictures", away)
    request = replace(drawn.request, html=None, json=None, experiment="reviews")
    shown = []
    with pytest.raises(CounterfoilError, match="cannot be reached"):
        latent(request, tmp_path, shown.append)
    assert shown == [drawn.content]
