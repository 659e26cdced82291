"""A model from elsewhere is refused with a message, and nothing in it is executed.

Each attack also forges model.json, since whoever writes a model can write its hashes.
"""

import importlib
import io
import json
import pickle
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from pipeline.errors import InputError
from pipeline.files.atomic import file_sha256, read_json, write_json
from pipeline.model import archives as safe_archives
from pipeline.model import folder as model_folder
from pipeline.model.evidence import read_evidence

KERAS, SCALER = "classifier/sgan.keras", "scaler.skops"


class Payload:
    """Makes a file as soon as it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.fixture
def mark(tmp_path):
    """The file that a payload would make; it must not exist in the end."""
    mark = tmp_path / "executed"
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists(), "the payload works where it is let"
    mark.unlink()
    yield mark
    assert not mark.exists()


@pytest.fixture
def copy(packaged, add_evidence, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(packaged.folder, folder)
    add_evidence(folder)
    return folder


def forge(folder):
    """Make the hashes of model.json those of the files there are."""
    manifest = read_json(folder / "model.json")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "model.json"]
    files = {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}
    write_json(manifest | {"files": files}, folder / "model.json")


def rewrite(path, change=None, add=(), drop=(), compression=zipfile.ZIP_STORED):
    """Rewrite an archive: `change` maps names to functions of the member's JSON."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name not in drop}
    for name, function in (change or {}).items():
        members[name] = json.dumps(function(json.loads(members[name]))).encode()
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in [*members.items(), *add]:
            archive.writestr(zipfile.ZipInfo(name), content, compression)


def refuse(folder, message):
    forge(folder)
    with pytest.raises(InputError, match=message):
        model_folder.load(folder)


def keras_lambda(mark):
    """Return the config of a Lambda layer whose function makes the file."""
    import keras

    path = str(mark)
    layer = keras.layers.Lambda(lambda x: (open(path, "w"), x)[1])  # noqa: SIM115, PTH123
    return keras.saving.serialize_keras_object(layer)


def test_an_untouched_copy_loads_and_forging_alone_changes_nothing(packaged, copy):
    forge(copy)
    loaded = model_folder.load(copy)
    score = loaded.predict(packaged.transactions)["score"]
    np.testing.assert_allclose(score, packaged.score, rtol=0, atol=1e-7)
    assert len(read_evidence(copy).rows) == 1200


def test_a_model_with_categories_passes(tmp_path):
    from features.schema import TransactionSchema
    from pipeline.model.scaler import save_scaler
    from pipeline.params.sections import ScaleParams
    from pipeline.stages.scale import make_scaler

    table = pd.DataFrame(
        {
            "V1": np.arange(300.0),
            "land": ["AT", "DE"] * 149 + ["X", "Y"],
            "new": [True, False] * 150,
        }
    ).astype({"new": str})
    schema = TransactionSchema("L", None, None, ("V1", "land", "new"), ("land", "new"))
    for columns in ({}, {"V1": "robust"}):
        scaler = make_scaler(ScaleParams(method="arcsinh", columns=columns), schema).fit(table)
        save_scaler(scaler, tmp_path / "scaler.skops")
        safe_archives.check_scaler_archive(tmp_path / "scaler.skops")


@pytest.mark.parametrize("name", [KERAS, SCALER])
def test_a_pickle_in_disguise_is_refused(copy, mark, name):
    (copy / name).write_bytes(pickle.dumps(Payload(mark)))
    refuse(copy, f"{Path(name).name} is not a whole archive")


@pytest.mark.parametrize("name", [KERAS, SCALER])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(copy, name, share):
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: int(share * len(content))])
    refuse(copy, f"{Path(name).name} is not a whole archive")


@pytest.mark.parametrize("name", [KERAS, SCALER])
def test_a_flipped_bit_is_refused(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    refuse(copy, r"(is damaged|is not a whole archive)")


@pytest.mark.parametrize("name", [KERAS, SCALER])
@pytest.mark.parametrize(
    "member", ["../executed", "/tmp/executed", "assets/../../executed", "..\\executed", "C:/x"]
)
def test_a_path_outside_is_refused(copy, mark, name, member):
    rewrite(copy / name, add=[(member, b"x")])
    refuse(copy, r"leads outside|is no name")
    assert sorted(path.name for path in copy.parent.iterdir()) == ["copy"]


@pytest.mark.parametrize(
    ("name", "member"),
    [
        (KERAS, "model.weights.npz"), (KERAS, "assets/x.pkl"), (SCALER, "1.pkl"),
        (KERAS, "config.json"), (SCALER, "schema.json"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_too_many_is_refused(copy, mark, name, member):
    rewrite(copy / name, add=[(member, pickle.dumps(Payload(mark)))])
    refuse(copy, "does not belong there")


@pytest.mark.parametrize("name", [KERAS, SCALER])
def test_a_compressed_archive_is_refused(copy, name):
    """It could unpack to a thousand times its size."""
    rewrite(copy / name, compression=zipfile.ZIP_DEFLATED)
    refuse(copy, "is compressed")


def test_a_lambda_layer_is_refused(copy, mark):
    layer = keras_lambda(mark)
    as_encoder = {"config.json": lambda c: c | {"config": c["config"] | {"vae": layer}}}
    rewrite(copy / KERAS, as_encoder)
    refuse(copy, "holds the class 'keras.layers.Lambda'")
    rewrite(copy / KERAS, {"config.json": lambda c: layer})
    refuse(copy, "holds the class 'keras.layers.Lambda'")
    # A function without its layer.
    bare = layer["config"]["function"]
    activation = {"config.json": lambda c: c | {"config": c["config"] | {"name": bare}}}
    rewrite(copy / KERAS, activation)
    refuse(copy, "__lambda__|holds the class")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c | {"module": "os", "class_name": "system"}, "holds the class 'os.system'"),
        (lambda c: c | {"module": "builtins"}, "holds the class 'builtins.SGAN'"),
        (lambda c: c | {"registered_name": "other>SGAN"}, "holds the class"),
        (lambda c: c | {"compile_config": {"loss": "mse"}}, "holds the class"),
        (lambda c: c | {"config": {}}, "no model that this version reads"),
        (lambda c: {}, "no model that this version reads"),
        (lambda c: [c], "describes no object"),
        (
            lambda c: c | {"class_name": "TabularVAE", "module": "models.encoders.vae"},
            "holds the class",
        ),
        (lambda c: c["config"]["vae"], "no model that this version reads"),
    ],
)
def test_another_class_is_refused(copy, change, message):
    rewrite(copy / KERAS, {"config.json": change})
    refuse(copy, message)


def test_weights_that_link_to_another_file_are_refused(copy, tmp_path):
    """HDF5 can show the content of any file as weights."""
    with zipfile.ZipFile(copy / KERAS) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content, "r+") as weights:
        found = []
        weights.visititems(
            lambda name, item: found.append(name) if hasattr(item, "shape") else None
        )
        del weights[found[0]]
        weights[found[0]] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/x")
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["x"] = np.zeros(3)
    rewrite(copy / KERAS, drop=["model.weights.h5"], add=[("model.weights.h5", content.getvalue())])
    refuse(copy, "no model that this version reads")


def object_array(mark):
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload(mark)], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_an_array_of_objects_in_the_scaler_is_refused(copy, mark):
    with zipfile.ZipFile(copy / SCALER) as archive:
        array = next(name for name in archive.namelist() if name.endswith(".npy"))
    rewrite(copy / SCALER, drop=[array], add=[(array, object_array(mark))])
    refuse(copy, "is not a readable scaler")


def test_an_npz_file_is_refused(copy, mark):
    with (copy / "classifier" / "more.npz").open("wb") as file:
        np.savez(file, x=np.array([Payload(mark)], dtype=object))
    refuse(copy, r"more\.npz, a kind of file that no packaged model has")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"__module__": "os", "__class__": "system"}, "'os.system'"),
        ({"__module__": "pathlib", "__class__": "PosixPath"}, "not trusted"),
        ({"__module__": "builtins", "__class__": "eval"}, "'builtins.eval'"),
        ({"__module__": "sklearn.preprocessing", "__class__": "Binarizer"}, "not trusted"),
        ({"__loader__": "FunctionNode"}, "holds a node 'FunctionNode'"),
        ({"__loader__": "MethodNode"}, "holds a node 'MethodNode'"),
        ({"__module__": "builtins", "__class__": "dict"}, "not trusted: builtins.dict"),
    ],
)  # fmt: skip
def test_other_types_in_the_scaler_are_refused(copy, node, message):
    rewrite(copy / SCALER, {"schema.json": lambda schema: schema | node})
    refuse(copy, message)


def change_manifest(folder, **changes):
    write_json(read_json(folder / "model.json") | changes, folder / "model.json")


@pytest.mark.parametrize("name", ["../secret.json", "/etc/hostname.json", "a/../../b.json", ""])
def test_model_json_cannot_name_a_file_outside(copy, name):
    files = read_json(copy / "model.json")["files"]
    change_manifest(copy, files=files | {name: "0" * 64})
    with pytest.raises(InputError, match="leads outside"):
        model_folder.load(copy)


@pytest.mark.parametrize("name", [KERAS, SCALER, "classifier/classifier.json", "evidence/run.json"])
def test_a_file_without_a_hash_is_refused(copy, name):
    files = read_json(copy / "model.json")["files"]
    change_manifest(copy, files={known: files[known] for known in files if known != name})
    with pytest.raises(InputError, match=rf"model\.json does not name {name}"):
        model_folder.load(copy)


def test_a_foreign_file_is_refused(copy):
    (copy / ".model.json.1234.new").write_text("left by a process that was killed")
    model_folder.load(copy)
    (copy / "classifier" / "sgan_last.keras").write_bytes(b"foreign")
    with pytest.raises(InputError, match=r"does not name classifier/sgan_last\.keras"):
        model_folder.load(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": {"value": 7}}, "threshold must be from 0 to 1"),
        ({"threshold": None}, "no model that this version reads"),
        ({"schema": {}}, "no model that this version reads"),
        ({"calibration": {"slope": "steep"}}, "no model that this version reads"),
        ({"files": 3}, "is damaged"),
        ({"files": {SCALER: "0" * 64}}, "does not name"),
    ],
)
def test_a_strange_model_json_is_refused(copy, changes, message):
    change_manifest(copy, **changes)
    with pytest.raises(InputError, match=message):
        model_folder.load(copy)


@pytest.mark.parametrize("content", ["[]", "3", '{"format_version": 1}', "[" * 100_000, "\ufeff{}"])
def test_a_damaged_model_json_is_refused(copy, content):
    (copy / "model.json").write_text(content)
    with pytest.raises(InputError, match="is damaged"):
        model_folder.load(copy)


@pytest.mark.parametrize("content", ["[]", "{", "{}", '{"parameters": {"no_such": 1}}', ""])
def test_a_strange_classifier_json_is_refused(copy, content):
    (copy / "classifier" / "classifier.json").write_text(content)
    refuse(copy, "no model that this version reads")


def test_evidence_that_was_changed_is_refused(copy):
    rows = copy / "evidence" / "rows.parquet"
    table = pd.read_parquet(rows)
    table.assign(score=1.0 - table["score"]).to_parquet(rows, index=False)
    with pytest.raises(InputError, match=r"rows\.parquet is not the file that was saved"):
        model_folder.read_manifest(copy)


def extension_table(mark):
    """Return a table whose type is a pickle, as pyarrow before 14.0.1 would load it."""
    field = pa.field(
        "score", pa.float64(),
        metadata={
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": pickle.dumps(Payload(mark)),
        },
    )  # fmt: skip
    return pa.table([pa.array([0.5])], schema=pa.schema([field]))


@pytest.mark.filterwarnings("ignore:pyarrow.PyExtensionType is deprecated")
@pytest.mark.parametrize(
    "change",
    [
        lambda path, mark: path.write_bytes(pickle.dumps(Payload(mark))),
        lambda path, mark: path.write_bytes(path.read_bytes()[:-100]),
        lambda path, mark: pa.parquet.write_table(extension_table(mark), path),
        lambda path, mark: pd.read_parquet(path).drop(columns="label").to_parquet(path),
        lambda path, mark: pd.read_parquet(path).assign(score="high").to_parquet(path),
        lambda path, mark: pd.read_parquet(path).assign(score=7.0).to_parquet(path),
    ],
    ids=["pickle", "truncated", "pickled-type", "column-missing", "text", "out-of-range"],
)
def test_evidence_with_forged_hashes_is_refused(copy, mark, change):
    change(copy / "evidence" / "rows.parquet", mark)
    forge(copy)
    with pytest.raises(InputError, match="evidence is damaged or was not written by Counterfoil"):
        read_evidence(copy)


@pytest.mark.parametrize("name", ["run.json", "inputs.json"])
def test_a_pickle_among_the_evidence_is_refused(copy, mark, name):
    (copy / "evidence" / name).write_bytes(pickle.dumps(Payload(mark)))
    forge(copy)
    with pytest.raises(InputError, match="evidence is damaged"):
        read_evidence(copy)


def test_the_command_ends_with_exit_code_2(copy, mark, tmp_path, packaged, monkeypatch, capsys):
    main = importlib.import_module("pipeline.__main__")
    packaged.transactions.head(3).to_csv(tmp_path / "in.csv", index=False)
    (copy / KERAS).write_bytes(pickle.dumps(Payload(mark)))
    forge(copy)
    arguments = ["score", str(copy), str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")]
    monkeypatch.setattr("sys.argv", ["counterfoil", *arguments])
    assert main._exit_code() == 2
    assert "Error: " in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
