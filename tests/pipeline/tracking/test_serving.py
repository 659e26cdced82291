"""`mlflow models serve` and a Spark UDF give the scores of `score`, and say what is wrong."""

import http.client
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.serving import post, serving
from pipeline.score.command import score
from pipeline.tracking.model import log_model
from pipeline.tracking.server import connect, find_or_create_experiment

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def mlflow_model(packaged, mlflow_database, tmp_path_factory):
    """The folder of the packaged model as MLflow stores it."""
    folder = tmp_path_factory.mktemp("logged")
    shutil.copy(mlflow_database.path, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = connect(uri)
    run_id = client.create_run(find_or_create_experiment(client, "test", uri, folder)).info.run_id
    model_uri = log_model(packaged.folder, run_id, uri)
    location = client.get_logged_model(model_uri.removeprefix("models:/")).artifact_location
    return Path(location.removeprefix("file://"))


@pytest.fixture(scope="module")
def connection(mlflow_model, tmp_path_factory):
    """A connection to a real scoring server."""
    with serving(mlflow_model, tmp_path_factory.mktemp("serving") / "log") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        yield connection
        connection.close()


@pytest.fixture(scope="module")
def expected(packaged, tmp_path_factory):
    """The scores of the command `score`."""
    folder = tmp_path_factory.mktemp("expected")
    packaged.transactions.to_parquet(folder / "in.parquet")
    score(str(packaged.folder), folder / "in.parquet", folder / "out.parquet")
    return pd.read_parquet(folder / "out.parquet")


@pytest.fixture
def record(packaged):
    """One transaction, as JSON has it."""
    return packaged.transactions[list(packaged.schema.inputs)].iloc[0].to_dict()


def test_single_transactions_get_the_scores_of_score(packaged, connection, expected):
    inputs = packaged.transactions[list(packaged.schema.inputs)]
    for row in range(30):
        body = {"dataframe_records": [inputs.iloc[row].to_dict()]}
        status, answer = post(connection, body)
        assert status == 200, answer
        [prediction] = json.loads(answer)["predictions"]
        assert prediction["score"] == pytest.approx(expected["score"][row], rel=0, abs=1e-6)
        assert prediction["decision"] == expected["decision"][row]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"dataframe_records": [', "Ensure that input is a valid JSON formatted string"),
        (b"", "Ensure that input is a valid JSON formatted string"),
        (b"\xff\xfe", "Ensure that input is a valid JSON formatted string"),
        (b"[1, 2]", "must be a JSON dictionary"),
        ({"rows": []}, "exactly one of the input fields"),
        ({"dataframe_records": 5}, "must be a list of records"),
        ({"dataframe_records": [[1, 2]]}, "missing inputs"),
        ({"dataframe_split": {"columns": ["V1"]}}, "must have 'data' field"),
    ],
)
def test_malformed_requests_are_answered_with_400(connection, body, message):
    status, answer = post(connection, body)
    assert status == 400
    assert message in json.loads(answer)["message"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: {n: v for n, v in r.items() if n != "V3"}, "missing inputs ['V3']"),
        (lambda r: r | {"V3": "abc"}, "could not convert string to float: 'abc'"),
        (lambda r: r | {"V3": [1]}, "Failed to convert column V3"),
        (lambda r: r | {"V3": None}, "column V3: missing value in 1 rows, first in row 1"),
        (lambda r: r | {"V3": float("nan")}, "column V3: missing value"),
        (lambda r: r | {"V3": float("inf")}, "column V3: infinite or too large"),
        (lambda r: r | {"V3": 1e300}, "column V3: infinite or too large"),
    ],
)
def test_transactions_that_cannot_be_scored_are_answered_with_400(
    connection, record, change, message
):
    status, answer = post(connection, {"dataframe_records": [change(record)]})
    assert status == 400
    content = json.loads(answer)
    assert message in content["message"]
    assert "stack_trace" not in content or "pipeline" not in content["stack_trace"]


def test_another_content_type_is_answered_with_415(connection):
    assert post(connection, b"<x/>", "application/xml")[0] == 415


def test_a_server_lives_on_after_bad_requests(connection, record):
    # MLflow's parser fails on this: 500, and the connection is closed.
    assert post(connection, b"[" * 100_000)[0] == 500
    connection.close()
    assert post(connection, {"dataframe_records": [record | {"card": "007"}]})[0] == 200


@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None, reason="needs pyspark: pip install pyspark"
)
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java 17")
def test_spark_gives_the_scores_of_score(packaged, mlflow_model, expected, tmp_path):
    table = packaged.transactions.assign(row=np.arange(len(packaged.transactions)))
    table.to_parquet(tmp_path / "in.parquet", index=False)
    done = subprocess.run(
        [sys.executable, "-m", "examples.spark_scoring", mlflow_model, "in.parquet", "out"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    scored = pd.read_parquet(tmp_path / "out").sort_values("row")
    assert list(scored.columns) == [*table.columns, "score", "decision"]
    np.testing.assert_allclose(scored["score"], expected["score"], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(scored["decision"], expected["decision"])
