"""A threshold changed in MLflow is a new version; the former one stays as it was."""

import hashlib
import shutil
from pathlib import Path

import pytest

from pipeline.errors import CounterfoilError
from pipeline.files.atomic import read_json
from pipeline.model.folder import load
from pipeline.model.threshold_history import history
from pipeline.model.threshold_rule import ThresholdRule
from pipeline.threshold.change import ThresholdRequest, change_threshold
from pipeline.tracking.model import log_model
from pipeline.tracking.names import packaged_model
from pipeline.tracking.server import connect, find_or_create_experiment

pytestmark = pytest.mark.slow
F1 = ThresholdRule("f1")


@pytest.fixture
def logged(packaged, add_evidence, mlflow_database, tmp_path, monkeypatch):
    """A packaged model with evidence in MLflow: the client, the id of the run, the model's URI."""
    shutil.copytree(packaged.folder, tmp_path / "model")
    add_evidence(tmp_path / "model")
    (tmp_path / "mlflow.db").write_bytes(mlflow_database.path.read_bytes())
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = connect(uri)
    experiment = find_or_create_experiment(client, "test", uri, tmp_path)
    run_id = client.create_run(experiment).info.run_id
    return client, run_id, log_model(tmp_path / "model", run_id, uri)


def digests(client, uri):
    """SHA-256 of every file of a logged model."""
    location = client.get_logged_model(id_of(uri)).artifact_location
    folder = Path(location.removeprefix("file://"))
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def id_of(uri):
    return uri.removeprefix("models:/")


def model_ids(client):
    (experiment,) = [e.experiment_id for e in client.search_experiments() if e.name == "test"]
    return {model.model_id for model in client.search_logged_models([experiment])}


def test_each_change_is_a_version_and_leaves_the_former_alone(logged, packaged, tmp_path):
    client, run_id, first_uri = logged
    first = digests(client, first_uri)

    report = change_threshold(ThresholdRequest(run_id, F1, reason="quarterly review"))

    assert report.written == "models:/counterfoil/1"
    version = client.get_model_version("counterfoil", "1")
    assert version.run_id == run_id
    assert version.tags["counterfoil.threshold_rule"] == "highest F1"
    assert version.tags["counterfoil.former_version"] == first_uri
    assert version.tags["counterfoil.reason"] == "quarterly review"
    new = digests(client, version.source)
    changed = {name for name in first if first[name] != new[name]}
    assert changed == {"MLmodel", "artifacts/model/model.json"}
    assert new.keys() == first.keys()
    assert digests(client, first_uri) == first

    client.set_registered_model_alias("counterfoil", "champion", "1")
    rule = ThresholdRule("alerts", {"alerts_share": 0.02})
    report = change_threshold(ThresholdRequest("counterfoil@champion", rule))
    assert report.written == "models:/counterfoil/2"
    assert "No alias was moved" in " ".join(report.notes)
    second = client.get_model_version("counterfoil", "2")
    assert second.tags["counterfoil.former_version"] == "models:/counterfoil/1"
    assert "counterfoil.reason" not in second.tags
    assert client.get_model_version_by_alias("counterfoil", "champion").version == version.version
    assert digests(client, version.source) == new

    with packaged_model("models:/counterfoil/2", tmp_path) as folder:
        manifest = read_json(folder / "model.json")
        model = load(folder)
    packaged_rule = read_json(packaged.folder / "model.json")["threshold"]["rule"]
    assert [entry["rule"] for entry in history(manifest)] == [packaged_rule, "f1", "alerts"]
    result = model.predict(packaged.transactions)
    assert float(second.tags["counterfoil.threshold"]) == model.threshold
    assert (result["decision"] == (result["score"] >= model.threshold)).all()
    # The run's name means its newest model; the step tells MLflow itself which one that is.
    with packaged_model(run_id, tmp_path) as folder:
        assert read_json(folder / "model.json") == manifest
    steps = {found.model_id: found.step for found in client.get_run(run_id).outputs.model_outputs}
    assert steps[id_of(second.source)] > steps[id_of(version.source)] > steps[id_of(first_uri)]


@pytest.mark.parametrize("method", ["log_model_artifacts", "create_model_version", "log_outputs"])
def test_a_failure_leaves_no_model_and_no_version(logged, monkeypatch, method):
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client, run_id, first_uri = logged
    before = model_ids(client)

    def fail(*arguments, **options):
        raise MlflowException("the store is full")

    def change_in_vain(rule):
        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, method, fail)
            with pytest.raises(CounterfoilError, match="the store is full"):
                change_threshold(ThresholdRequest(run_id, rule))

    change_in_vain(F1)
    assert model_ids(client) == before == {id_of(first_uri)}
    assert client.search_registered_models() == []
    assert change_threshold(ThresholdRequest(run_id, F1)).written == "models:/counterfoil/1"
    change_in_vain(ThresholdRule("value", {"value": 0.5}))
    assert [found.version for found in client.search_model_versions("name = 'counterfoil'")] == [1]
