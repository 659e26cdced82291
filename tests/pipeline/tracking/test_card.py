"""The card of a model in MLflow names its run, its registry entry and who approved it there."""

import json

import pytest

from pipeline.card import command
from pipeline.card.command import approve, card
from pipeline.errors import InputError
from pipeline.model.card.card import card_of
from pipeline.tracking.card import mlflow_facts, tag_approval
from pipeline.tracking.model import log_model
from pipeline.tracking.server import connect, find_or_create_experiment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def registry(trained_project, mlflow_database, tmp_path_factory):
    """A project folder whose MLflow has the trained model, registered as "cards"."""
    folder = tmp_path_factory.mktemp("registry")
    (folder / "mlflow.db").write_bytes(mlflow_database.path.read_bytes())
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = connect(uri)
    tags = {"mlflow.source.git.commit": "c0ffee", "counterfoil.requirements_lock_sha256": "abc"}
    experiment = find_or_create_experiment(client, "test", uri, folder)
    run_id = client.create_run(experiment, run_name="nightly", tags=tags).info.run_id
    model_uri = log_model(trained_project.path("evaluate", "model"), run_id, uri)
    client.set_terminated(run_id)
    client.create_registered_model("cards")
    source = client.get_logged_model(model_uri.removeprefix("models:/")).artifact_location
    version = client.create_model_version("cards", source, run_id, model_id=model_uri[8:])
    client.set_registered_model_alias("cards", "champion", version.version)
    return folder, uri, run_id, model_uri


@pytest.mark.parametrize("kind", ["run id", "run name", "run URI", "model URI"])
def test_the_card_names_the_run_and_its_code(registry, kind):
    _, uri, run_id, model_uri = registry
    name = {
        "run id": run_id, "run name": "nightly", "run URI": f"runs:/{run_id}/model",
        "model URI": model_uri,
    }[kind]  # fmt: skip
    facts = mlflow_facts(name, uri)
    assert (facts["run_id"], facts["run_name"]) == (run_id, "nightly")
    assert facts["code_commit"] == "c0ffee"
    assert facts["dvc_lock_sha256"] is None
    assert "approvals" not in facts


def test_the_logged_model_carries_its_card(registry, trained_project):
    folder, _, run_id, _ = registry
    found = json.loads(card(run_id, format="json", root=folder))
    stored = card_of(trained_project.path("evaluate", "model"))
    del found["mlflow"], stored["mlflow"]
    assert found == stored
    assert "not available: MLflow has none" in card(run_id, root=folder)


def test_a_registered_version_is_approved_by_a_tag_of_its_own(registry, trained_project):
    folder, uri, run_id, _ = registry
    said = approve("cards@champion", "A. Auditor", "pilot", "until March", root=folder)
    assert "cards version 1" in said
    found = json.loads(card("models:/cards/1", format="json", root=folder))
    (one,) = found["approvals"]
    assert (one["by"], one["for"], one["kept_in"]) == ("A. Auditor", "pilot", "MLflow")
    assert one["is_of_this_state"]
    assert found["mlflow"]["aliases"] == ["champion"]
    assert (found["mlflow"]["version"], found["mlflow"]["run_id"]) == ("1", run_id)
    with pytest.raises(InputError, match="same second"):
        tag_approval("cards@champion", one, uri)
    assert connect(uri).get_model_version("cards", "1").tags.keys() == {
        f"counterfoil.approval.{one['at']}"
    }


def test_what_was_looked_at_is_approved_although_its_alias_moves(registry, monkeypatch):
    folder, uri, _, _ = registry
    client = connect(uri)
    first = client.get_model_version("cards", "1")
    client.create_registered_model("moving")
    for _ in range(2):
        client.create_model_version("moving", first.source, first.run_id)
    client.set_registered_model_alias("moving", "champion", "1")
    look = command.read_manifest

    def look_while_the_alias_moves(of):
        client.set_registered_model_alias("moving", "champion", "2")
        return look(of)

    monkeypatch.setattr(command, "read_manifest", look_while_the_alias_moves)
    assert "moving version 1" in approve("moving@champion", "A", "pilot", root=folder)
    assert client.get_model_version("moving", "1").tags
    assert not client.get_model_version("moving", "2").tags


def test_a_tag_that_is_no_approval_is_shown_and_not_trusted(registry):
    folder, uri, _, _ = registry
    connect(uri).set_model_version_tag("cards", "1", "counterfoil.approval.x", "<b>me</b>")
    page = card("cards@champion", format="html", root=folder)
    assert "&lt;b&gt;me&lt;/b&gt;" in page
    assert "another one, unknown" in page


def test_a_run_is_not_approved(registry):
    folder, _, run_id, _ = registry
    with pytest.raises(InputError, match="no registered model version"):
        approve(run_id, "A", "pilot", root=folder)
