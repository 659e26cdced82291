"""A small packaged model of every format that is read, as the version of its time wrote it.

A change of what is packaged raises `FORMAT_VERSION` and adds a folder here: the model, and what
`counterfoil score` of that version gave for ``rows.csv``.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.model.card.card import card_of
from pipeline.model.evidence import read_evidence
from pipeline.model.folder import FORMAT_VERSION, READABLE_FORMATS, load

FORMATS = Path(__file__).parent / "formats"
NAMES = sorted(path.name for path in FORMATS.iterdir() if path.is_dir())


def test_every_format_that_is_read_has_a_model_here():
    assert [str(number) for number in sorted(READABLE_FORMATS)] == NAMES
    assert max(READABLE_FORMATS) == FORMAT_VERSION


@pytest.mark.parametrize("name", NAMES)
def test_it_scores_as_the_version_that_wrote_it(name):
    folder = FORMATS / name / "model"
    assert json.loads((folder / "model.json").read_text())["format_version"] == int(name)
    model, expected = load(folder), pd.read_csv(FORMATS / name / "scores.csv")
    found = model.predict(pd.read_csv(FORMATS / "rows.csv"))
    # Equal to the last bit on the machine that wrote it; other processors round otherwise.
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4)
    assert (found["decision"] == expected["decision"]).all()
    assert expected["score"].std() > 0.005, "a model that gives one score would prove nothing"


@pytest.mark.parametrize("name", NAMES)
def test_its_evidence_and_card_are_read(name):
    folder = FORMATS / name / "model"
    assert set(read_evidence(folder).rows["part"]) == {"validation", "test"}
    assert card_of(folder)["model"]["counterfoil_version"]


def test_a_later_format_is_refused_with_the_version_and_the_cure(tmp_path):
    shutil.copytree(FORMATS / str(FORMAT_VERSION) / "model", tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    later = {"format_version": FORMAT_VERSION + 1, "counterfoil_version": "7.1"}
    path.write_text(json.dumps(json.loads(path.read_text()) | later))
    with pytest.raises(InputError, match=r"model format 3, .* reads 1 and 2; .* wrote it \(7\.1\)"):
        load(tmp_path / "model")
