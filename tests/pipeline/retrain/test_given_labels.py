"""Labels that people gave, from the question to the champion that learned them and back."""

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.__main__ import cli
from pipeline.retrain.history import read_history
from pipeline.retrain.retrain import retrain
from pipeline.tracking.server import connect, tracking_uri

pytestmark = pytest.mark.slow


def command(*arguments, answers=None):
    result = CliRunner().invoke(cli, arguments, input=answers, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_they_train_the_next_challenger_and_judge_nothing(folder, request_in, week):
    """Half of the first week has no label; investigators answer about ten of those rows."""
    first, second = week(0, 3000), week(1, 3000)
    is_open = np.arange(len(first)) % 2 == 1
    first.assign(Class=first["Class"].where(~is_open)).to_parquet(folder / "in" / "0.parquet")
    second.to_parquet(folder / "in" / "1.parquet")
    request = request_in(folder)
    without = retrain(request)
    assert (without.outcome, without.facts["given_labels"]) == ("promoted", 0)

    ask = ("--data", "in/0.parquet", "--model", "counterfoil@champion", "--budget", "10")
    command("label", "suggest", *ask, "--out", "ask.csv")
    command("label", "review", "ask.csv", answers="f\n" * 10)
    command("label", "import", "ask.csv")
    taught = retrain(request)
    assert (taught.outcome, taught.facts["challenger"]) == ("promoted", "2")
    assert taught.facts["given_labels"] == 10
    assert taught.facts["window_rows"] == without.facts["window_rows"] + 10
    assert taught.facts["window_frauds"] == without.facts["window_frauds"]
    assert n_given_labels(folder, taught.facts["run_id"]) == 10
    judged = [n_judged(folder, report.facts["run_id"]) for report in (without, taught)]
    assert judged[0] == judged[1]
    told = read_history(folder / "retraining" / "history.jsonl")[-1]
    assert told["given_labels_sha256"] == taught.facts["given_labels_sha256"]
    assert retrain(request).outcome == "nothing_new"

    # Taken back: the model that learned them does not stay.
    (folder / "labels" / "labels.csv").unlink()
    again = retrain(request)
    assert (again.outcome, again.facts["challenger"]) == ("promoted", "3")
    assert again.facts["given_labels"] == 0
    assert retrain(request).outcome == "nothing_new"


def n_given_labels(folder, run_id):
    """How many the stage `augment` of a run took, from the run of that stage."""
    client = connect(tracking_uri(folder))
    experiment = client.get_run(run_id).info.experiment_id
    inside = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    (stage,) = [run for run in inside if run.data.tags["counterfoil.stage"] == "augment"]
    return stage.data.metrics["n_given_labels"]


def n_judged(folder, run_id):
    return connect(tracking_uri(folder)).get_run(run_id).data.metrics["evaluate/n_rows"]
