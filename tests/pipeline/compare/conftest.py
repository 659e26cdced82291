"""Two trained models of one project, tested on the same rows."""

import shutil
from types import SimpleNamespace

import pytest

from pipeline.compare.command import CompareRequest, compare
from pipeline.files.atomic import file_sha256, read_json, write_json


@pytest.fixture(scope="session")
def models(trained_project, tmp_path_factory):
    """Folders of two packaged models, the second with other seeds, members and no augmentation."""
    folder = tmp_path_factory.mktemp("compared")
    other = trained_project.copy(folder / "other").run(
        "augment", "sgan", "evaluate", sgan__seed=7, sgan__n_members=3, augment__method="none"
    )
    return SimpleNamespace(
        a=trained_project.path("evaluate", "model"),
        b=other.path("evaluate", "model"),
        projects=(trained_project, other),
    )


@pytest.fixture
def compared(models):
    """Compare the two models with further settings; returns the content."""

    def run(*names, **settings):
        names = names or (models.a, models.b)
        settings = {"n_resamples": 200} | settings
        return compare(CompareRequest(tuple(map(str, names)), **settings), models.a.parent)

    return run


@pytest.fixture
def changed_copy(models, tmp_path):
    """Copy the second model and change one of its JSON files; the hashes are made anew."""

    def change(edit, file="evidence/run.json", name="changed"):
        copy = tmp_path / name
        shutil.copytree(models.b, copy)
        content = read_json(copy / file)
        edit(content)
        write_json(content, copy / file)
        if file != "model.json":
            manifest = read_json(copy / "model.json")
            manifest["files"][file] = file_sha256(copy / file)
            write_json(manifest, copy / "model.json")
        return copy

    return change
