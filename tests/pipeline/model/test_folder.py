"""The packaged model scores as its parts do, and refuses what it cannot use."""

import json
import shutil

import numpy as np
import pytest

from pipeline.errors import InputError
from pipeline.model import folder as model_folder
from pipeline.model.threshold_rule import ThresholdRule
from pipeline.threshold.change import ThresholdRequest, change_threshold


@pytest.fixture(scope="module")
def model(packaged):
    return model_folder.load(packaged.folder)


@pytest.fixture
def copy(packaged, tmp_path):
    shutil.copytree(packaged.folder, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_loaded_model_scores_raw_transactions_as_its_parts_did(packaged, model):
    result = model.predict(packaged.transactions)

    np.testing.assert_allclose(result["score"], packaged.score, rtol=0, atol=1e-7)
    assert result["decision"].sum() == (result["score"] >= packaged.threshold).sum() > 0
    assert model.threshold == packaged.threshold
    assert list(result.dtypes.astype(str)) == ["float64", "int64"]


def test_scores_do_not_depend_on_order_extra_columns_or_passes(packaged, model, monkeypatch):
    monkeypatch.setattr(model_folder, "ROWS_PER_PASS", 400)
    shuffled = packaged.transactions.sample(frac=1, random_state=0)
    mixed = shuffled[shuffled.columns[::-1]].assign(note="x")

    result = model.predict(mixed)

    assert result.index.equals(shuffled.index)
    np.testing.assert_allclose(result["score"].sort_index(), packaged.score, rtol=0, atol=1e-6)


def test_label_and_time_are_not_needed(packaged, model):
    inputs = packaged.transactions.drop(columns=["Class", "Time"])
    np.testing.assert_allclose(model.predict(inputs)["score"], packaged.score, rtol=0, atol=1e-7)


def test_a_changed_threshold_decides(packaged, copy):
    lower = packaged.threshold / 2
    rule = ThresholdRule("value", {"value": lower})
    change_threshold(ThresholdRequest(str(copy), rule))
    changed = model_folder.load(copy)
    result = changed.predict(packaged.transactions)
    assert changed.threshold == lower
    np.testing.assert_array_equal(result["decision"], result["score"] >= lower)
    assert result["decision"].sum() > (result["score"] >= packaged.threshold).sum()


def test_no_rows_give_no_scores(packaged, model):
    assert model.predict(packaged.transactions.iloc[:0]).shape == (0, 2)


def test_text_that_reads_as_numbers_is_taken(packaged, model):
    texts = packaged.transactions.head(5).astype({"V1": str})
    np.testing.assert_allclose(model.predict(texts)["score"], packaged.score[:5], atol=1e-7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["V3", "Amount"]), r"not there: V3, Amount"),
        (lambda t: t.rename(columns={"V2": "v2"}), r"not there: V2"),
        (lambda t: t.assign(V5=t["V5"].where(t.index != 7)), r"V5: missing value in 1 rows.*row 8"),
        (lambda t: t.assign(Amount=np.inf), r"Amount: infinite.*first in row 1 \(inf\)"),
        (lambda t: t.assign(V9="many"), r"V9: not a number in 1500 rows"),
        (lambda t: t.set_axis(["V1", *t.columns[1:]], axis=1), r"named twice: V1"),
    ],
)
def test_unusable_columns_are_named(packaged, model, change, message):
    with pytest.raises(InputError, match=message):
        model.predict(change(packaged.transactions))


def test_equal_models_give_equal_bytes(packaged, tmp_path):
    for name in ("one", "two"):
        model_folder.save(
            tmp_path / name,
            scaler_file=packaged.scaler_file,
            classifier=packaged.classifier,
            schema=packaged.schema,
            calibration=packaged.calibration,
            threshold=0.5,
            threshold_rule="f1",
            trained_on={},
        )
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        for name in ("one", "two")
    )
    assert one == two
    assert not [name for name in one if name.endswith((".pkl", ".pickle", ".joblib", ".h5"))]


def test_every_file_is_guarded_by_its_checksum(copy):
    files = [path for path in copy.rglob("*") if path.is_file() and path.name != "model.json"]
    assert {path.name for path in files} >= {"scaler.skops", "sgan.keras", "classifier.json"}
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(InputError, match=f"{path.name} is not the file that was saved"):
            model_folder.load(copy)
        path.unlink()
        with pytest.raises(InputError, match=f"lacks .*{path.name}"):
            model_folder.load(copy)
        path.write_bytes(content)


def test_a_folder_without_a_model_says_where_one_is(tmp_path):
    with pytest.raises(InputError, match=r"artifacts/evaluate/model"):
        model_folder.load(tmp_path)


def test_another_format_and_a_damaged_manifest_are_refused(copy):
    manifest = json.loads((copy / "model.json").read_text())
    (copy / "model.json").write_text(json.dumps(manifest | {"format_version": 99}))
    with pytest.raises(InputError, match="format 99"):
        model_folder.load(copy)
    (copy / "model.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        model_folder.load(copy)


def test_a_calibration_without_a_floor_is_refused(copy):
    manifest = json.loads((copy / "model.json").read_text())
    del manifest["calibration"]["floor"]
    (copy / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"'floor'.*run the stage evaluate again"):
        model_folder.load(copy)
