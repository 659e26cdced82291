"""The MLflow model loads where Counterfoil is not, and scores as the packaged model does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.score.command import score
from pipeline.tracking.model import download_model, log_model
from pipeline.tracking.server import connect, find_or_create_experiment

pytestmark = pytest.mark.slow
SCORE_ELSEWHERE = """
import json, sys
import mlflow.pyfunc
import pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
result = model.predict(pd.read_parquet(sys.argv[2]))
result.to_parquet(sys.argv[3])
ours = [sys.modules[name].__file__ for name in ("pipeline.model.folder", "models.classifier")]
print(json.dumps({"code": ours, "types": [str(t) for t in result.dtypes]}))
"""


@pytest.fixture(scope="module")
def logged(packaged, mlflow_database, tmp_path_factory):
    """The packaged model in MLflow: URI of the store, id of the run, URI of the model."""
    folder = tmp_path_factory.mktemp("logged")
    (folder / "mlflow.db").write_bytes(mlflow_database.path.read_bytes())
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = connect(uri)
    run_id = client.create_run(find_or_create_experiment(client, "test", uri, folder)).info.run_id
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        model_uri = log_model(packaged.folder, run_id, uri)
        assert list(Path.cwd().iterdir()) == [], "such as ./mlruns"
    assert dict(os.environ) == before
    return uri, run_id, model_uri


@pytest.fixture(scope="module")
def model_folder(logged):
    """The MLflow model as files."""
    uri, _, model_uri = logged
    # A file URI: in mlartifacts beside the database.
    location = connect(uri).get_logged_model(model_uri.removeprefix("models:/")).artifact_location
    return Path(location.removeprefix("file://"))


def test_it_loads_where_the_repository_cannot_be_imported(packaged, logged, model_folder, tmp_path):
    packaged.transactions.to_parquet(tmp_path / "in.parquet")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCORE_ELSEWHERE, model_folder, "in.parquet", "out.parquet"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert all(Path(code).is_relative_to(model_folder / "code") for code in facts["code"])
    assert facts["types"] == ["float64", "int64"]
    result = pd.read_parquet(tmp_path / "out.parquet")
    np.testing.assert_allclose(result["score"], packaged.score, rtol=0, atol=1e-7)


def test_it_holds_a_signature_an_example_pins_and_no_pickle(packaged, model_folder):
    from mlflow.models import Model

    info = Model.load(str(model_folder))
    assert info.signature.inputs.input_names() == list(packaged.schema.inputs)
    assert info.signature.outputs.input_names() == ["score", "decision"]
    pins = (model_folder / "requirements.txt").read_text().splitlines()
    assert all("==" in pin for pin in pins)
    assert {pin.split("==")[0] for pin in pins} >= {"mlflow", "tensorflow", "keras", "skops"}
    assert (model_folder / "input_example.json").is_file()
    files = [path for path in model_folder.rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".h5", ".joblib")]
    example = (model_folder / "input_example.json").read_text()
    real_values = packaged.transactions["V1"].astype(str)
    assert not any(value in example for value in real_values), "a real row left the data"


def test_a_run_id_and_model_uris_score_as_the_folder(
    packaged, logged, model_folder, tmp_path, monkeypatch
):
    uri, run_id, model_uri = logged
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    source = tmp_path / "in.parquet"
    packaged.transactions.head(50).to_parquet(source)
    score(str(packaged.folder), source, tmp_path / "expected.csv", reasons=True)
    for name in (run_id, f"runs:/{run_id}/model", model_uri, str(model_folder)):
        score(name, source, tmp_path / "out.csv", reasons=True)
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


@pytest.mark.parametrize("name", ["0" * 32, "models:/nothing/1", "runs:/" + "0" * 32 + "/model"])
def test_a_model_that_is_not_there_is_named(logged, tmp_path, name):
    with pytest.raises(InputError, match="has no model"):
        download_model(name, logged[0], tmp_path)


def test_code_of_the_model_is_all_that_it_imports(model_folder):
    """`pipeline` is shipped without the parts that read parameters or run stages."""
    code = model_folder / "code" / "pipeline"
    shipped = {path.relative_to(code).as_posix() for path in code.rglob("*.py")}
    assert shipped == {
        "__init__.py", "errors.py", "files/__init__.py", "files/atomic.py", "files/version.py",
        "model/__init__.py", "model/archives.py", "model/folder.py", "model/scaler.py",
    }  # fmt: skip


def test_a_registered_version_is_named_in_the_result(packaged, logged, tmp_path, monkeypatch):
    uri, _, model_uri = logged
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = connect(uri)
    client.create_registered_model("cards")
    for _ in range(2):
        client.create_model_version("cards", model_uri)
    client.set_registered_model_alias("cards", "champion", "2")
    packaged.transactions.head(3).to_parquet(tmp_path / "in.parquet")
    for name, version in [
        ("cards@champion", "cards/2"), ("models:/cards@champion", "cards/2"),
        ("models:/cards/1", "cards/1"),
    ]:  # fmt: skip
        assert score(name, tmp_path / "in.parquet", tmp_path / "out.csv").model_version == version
        assert set(pd.read_csv(tmp_path / "out.csv")["model_version"]) == {version}
    with pytest.raises(InputError, match="has no model cards@nobody"):
        score("cards@nobody", tmp_path / "in.parquet", tmp_path / "out.csv")
