"""Approvals are added to a model, never changed, and say which state of it they are of."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.__main__ import cli
from pipeline.card.approvals import add_approval
from pipeline.errors import InputError, UsageError
from pipeline.files.atomic import read_json, write_json
from pipeline.model import folder as model_folder
from pipeline.model.card.card import card_of, state_sha256
from pipeline.model.card.files import render


@pytest.fixture
def own(trained_project, tmp_path):
    """A copy of a packaged model."""
    source = trained_project.path("evaluate", "model")
    return Path(shutil.copytree(source, tmp_path / "model"))


def manifest_of(folder):
    return read_json(folder / "model.json")


def test_an_approval_says_who_what_when_and_which_state(own):
    state = state_sha256(manifest_of(own))
    CliRunner().invoke(
        cli,
        ["approve", str(own), "--by", " A. Auditor ", "--for", "pilot", "--note", "until March"],
        catch_exceptions=False,
        standalone_mode=False,
    )
    (found,) = manifest_of(own)["approvals"]
    assert (found["by"], found["for"], found["note"]) == ("A. Auditor", "pilot", "until March")
    assert found["approved_sha256"] == state
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["at"])
    text = render(card_of(own), "md")
    assert "| A. Auditor | pilot | until March | this one, " in text
    assert "Nobody has approved" not in text


def test_an_approved_model_scores_as_before(own, packaged):
    before = {p: p.read_bytes() for p in own.rglob("*") if p.is_file() and p.name != "model.json"}
    content = manifest_of(own)
    add_approval(own, "A", "pilot")
    assert {p: p.read_bytes() for p in before} == before
    changed = manifest_of(own)
    assert changed.pop("approvals")
    assert changed == content
    assert model_folder.load(own).threshold == content["threshold"]["value"]


def test_the_list_only_grows(own):
    first = add_approval(own, "A", "pilot")
    second = add_approval(own, "B", "all cards", "with conditions")
    assert manifest_of(own)["approvals"] == [first, second]
    assert first["approved_sha256"] == second["approved_sha256"]


def test_after_a_change_of_the_threshold_an_approval_is_of_another_state(own):
    add_approval(own, "A", "pilot")
    manifest = manifest_of(own)
    manifest["threshold"]["value"] /= 2
    write_json(manifest, own / "model.json")
    add_approval(own, "B", "pilot")
    assert [one["is_of_this_state"] for one in card_of(own)["approvals"]] == [False, True]
    assert "1 of 2 approvals are of this state" in render(card_of(own), "html")


def test_a_changed_file_cannot_be_approved(own):
    (own / "scaler.skops").write_bytes(b"other")
    before = (own / "model.json").read_bytes()
    with pytest.raises(InputError, match=r"scaler\.skops is not the file that was saved"):
        add_approval(own, "A", "pilot")
    assert (own / "model.json").read_bytes() == before


def test_the_files_of_an_mlflow_model_stay_as_they_are(own, tmp_path):
    inside = Path(shutil.copytree(own, tmp_path / "logged" / "artifacts" / "model"))
    (tmp_path / "logged" / "MLmodel").touch()
    with pytest.raises(InputError, match="approve its registered version"):
        add_approval(inside, "A", "pilot")
    assert "approvals" not in manifest_of(inside)


@pytest.mark.parametrize(("by", "what"), [("", "pilot"), ("A", " ")])
def test_nobody_and_nothing_cannot_approve(own, by, what):
    with pytest.raises(UsageError, match="--by NAME --for WHAT"):
        add_approval(own, by, what)
    assert "approvals" not in manifest_of(own)


def test_a_kill_while_writing_leaves_the_former_manifest(own, monkeypatch):
    before = (own / "model.json").read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        add_approval(own, "A", "pilot")
    assert (own / "model.json").read_bytes() == before
    assert sorted(path.name for path in own.iterdir()) == sorted(
        {name.split("/")[0] for name in json.loads(before)["files"]} | {"model.json"}
    )


def test_several_at_a_time_are_all_kept(own):
    everyone = [f"approver {i}" for i in range(8)]
    with ThreadPoolExecutor(len(everyone)) as pool:
        list(pool.map(lambda name: add_approval(own, name, "pilot"), everyone))
    assert sorted(one["by"] for one in manifest_of(own)["approvals"]) == everyone


def test_what_the_next_run_replaces_is_warned_of(trained_project, tmp_path, caplog):
    project = trained_project.copy(tmp_path / "project")
    add_approval(project.path("evaluate", "model"), "A", "pilot")
    assert "copy the model elsewhere and approve the copy" in caplog.text
    caplog.clear()
    copied = shutil.copytree(project.path("evaluate", "model"), tmp_path / "kept")
    add_approval(Path(copied), "B", "pilot")
    assert caplog.text == ""


def test_no_model_is_the_manifest_s_error(tmp_path):
    with pytest.raises(InputError, match="holds no packaged model"):
        add_approval(tmp_path, "A", "pilot")
    assert list(tmp_path.iterdir()) == []
