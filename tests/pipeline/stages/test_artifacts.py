"""Artifacts: written whole or not at all, and only in safe formats."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.files.atomic import atomic_path, read_json, write_json
from pipeline.stages.artifacts import STAGES, Artifacts

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path / "artifacts")


def write(artifacts, text, stage="scale"):
    with artifacts.replacing(stage) as output:
        (output / "content.txt").write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_only_when_the_block_succeeds(artifacts):
    with artifacts.replacing("scale") as output:
        (output / "content.txt").write_text("first")
        assert not artifacts.folder("scale").exists()
    assert (artifacts.folder("scale") / "content.txt").read_text() == "first"
    assert names(artifacts.root) == ["scale"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failed_block_leaves_the_former_folder_and_nothing_else(artifacts, error):
    write(artifacts, "first")
    with pytest.raises(error), artifacts.replacing("scale") as output:  # noqa: PT012
        (output / "content.txt").write_text("half")
        raise error
    assert (artifacts.folder("scale") / "content.txt").read_text() == "first"
    assert names(artifacts.root) == ["scale"]


def test_nothing_of_the_former_folder_is_kept(artifacts):
    write(artifacts, "first")
    with artifacts.replacing("scale") as output:
        assert names(output) == []
        (output / "other.txt").write_text("second")
    assert names(artifacts.folder("scale")) == ["other.txt"]


def test_what_a_kill_left_before_the_swap_is_dropped(artifacts):
    write(artifacts, "first")
    left = artifacts.root / ".scale.new"
    left.mkdir()
    (left / "half.txt").write_text("half")
    write(artifacts, "second")
    assert names(artifacts.root) == ["scale"]
    assert names(artifacts.folder("scale")) == ["content.txt"]


def test_former_folder_comes_back_after_a_kill_in_mid_swap(artifacts):
    write(artifacts, "first")
    artifacts.folder("scale").rename(artifacts.root / ".scale.old")
    with pytest.raises(ValueError, match="stop"), artifacts.replacing("scale"):
        raise ValueError("stop")
    assert (artifacts.folder("scale") / "content.txt").read_text() == "first"


def test_workspace_outlives_a_failure_and_goes_with_success(artifacts):
    workspace = artifacts.workspace("sgan")
    workspace.mkdir(parents=True)
    with pytest.raises(ValueError, match="stop"), artifacts.replacing("sgan"):
        raise ValueError("stop")
    assert workspace.is_dir()
    write(artifacts, "done", "sgan")
    assert not workspace.exists()


def test_replacing_never_writes_through_a_link(artifacts, tmp_path):
    cache = tmp_path / "cache.txt"
    cache.write_text("first")
    folder = artifacts.folder("scale")
    folder.mkdir(parents=True)
    (folder / "content.txt").hardlink_to(cache)
    write(artifacts, "second")
    assert cache.read_text() == "first"


def test_json_is_written_sorted_and_refuses_nan(tmp_path):
    path = tmp_path / "content.json"
    write_json({"b": 1, "a": "ü"}, path)
    assert path.read_text(encoding="utf-8") == '{\n  "a": "ü",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"a": float("nan")}, path)
    assert read_json(path) == {"a": "ü", "b": 1}
    assert names(tmp_path) == ["content.json"]


def test_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "content.txt"
    path.write_text("first")
    with pytest.raises(ValueError, match="stop"), atomic_path(path) as fresh:  # noqa: PT012
        fresh.write_text("half")
        raise ValueError("stop")
    assert path.read_text() == "first"
    assert names(tmp_path) == ["content.txt"]


def test_only_the_columns_asked_for_are_read(artifacts):
    table = pd.DataFrame({"V1": [0.5, 1.5], "V2": [2.5, 3.5], "Class": [0, 1]})
    artifacts.folder("ingest").mkdir(parents=True)
    table.to_parquet(artifacts.folder("ingest") / "transactions.parquet", index=False)
    pd.testing.assert_frame_equal(artifacts.transactions(), table)
    pd.testing.assert_frame_equal(artifacts.transactions(("Class", "V1")), table[["Class", "V1"]])


def test_arrays_with_objects_are_refused(artifacts):
    with artifacts.replacing("scale") as output:
        np.save(output / "scaled.npy", np.array([{"code": 1}]), allow_pickle=True)
        (output / "scale.json").write_text(json.dumps({"inputs": ["V1"]}))
    with pytest.raises(ValueError, match="allow_pickle"):
        artifacts.scaled()
    assert artifacts.input_names() == ["V1"]


def test_one_word_for_each_stage_in_every_place():
    params = (REPOSITORY / "params.yaml").read_text()
    for stage in STAGES:
        assert f"\n{stage}:\n" in params
        assert (REPOSITORY / "pipeline" / "stages" / f"{stage}.py").is_file()
