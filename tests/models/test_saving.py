"""Model files: equal bytes for equal models, clear errors for broken ones."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.encoders.autoencoder import TabularAutoencoder
from models.encoders.training import TrainingSettings, train
from models.encoders.vae import TabularVAE
from models.saving import load_model, save_model
from models.sgan.model import SGAN

REPOSITORY = Path(__file__).parents[2]
ROWS = np.random.default_rng(0).normal(size=(80, 5)).astype("float32")


def trained(cls):
    model = cls(5, hidden_units=(4,), latent_dim=2, seed=1)
    train(model, ROWS, TrainingSettings(epochs=1, batch_size=32))
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "vae.keras"
    model = trained(TabularVAE)
    save_model(model, path)
    return model, path


@pytest.mark.parametrize("cls", [TabularAutoencoder, TabularVAE])
def test_repeated_training_gives_byte_identical_files(cls, tmp_path):
    for name in "ab":
        save_model(trained(cls), tmp_path / f"{name}.keras")
    a, b = ((tmp_path / f"{name}.keras").read_bytes() for name in "ab")
    assert a == b


@pytest.mark.parametrize("options", [{}, {"normalization": "batch", "real_fake_head": "separate"}])
def test_equal_sgans_give_equal_files_however_many_were_made_before(options, tmp_path):
    for name in "ab":
        model = SGAN(
            5, 2, generator_units=(4,), discriminator_units=(4, 3), noise_dim=2, seed=1, **options
        )
        save_model(model, tmp_path / f"{name}.keras")
    a, b = ((tmp_path / f"{name}.keras").read_bytes() for name in "ab")
    assert a == b


def test_saving_a_loaded_model_gives_the_same_file(saved, tmp_path):
    _, path = saved
    save_model(load_model(path), tmp_path / "again.keras")
    assert (tmp_path / "again.keras").read_bytes() == path.read_bytes()


def test_a_loaded_model_computes_the_same(saved):
    model, path = saved
    loaded = load_model(path)
    np.testing.assert_array_equal(loaded.encode_rows(ROWS), model.encode_rows(ROWS))
    np.testing.assert_array_equal(loaded.sample(9, seed=1), model.sample(9, seed=1))


@pytest.mark.slow
def test_another_process_computes_the_same(saved):
    model, path = saved
    code = (
        "import sys, json, numpy as np; from models.saving import load_model; "
        "m = load_model(sys.argv[1]); "
        "sys.stdout.write(json.dumps(np.asarray(m.sample(3, seed=1)).tolist()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    np.testing.assert_array_equal(np.float32(json.loads(answer.stdout)), model.sample(3, seed=1))


def test_the_file_holds_no_optimizer_and_no_date(saved):
    _, path = saved
    with zipfile.ZipFile(path) as archive:
        assert "date_saved" not in json.loads(archive.read("metadata.json"))
        assert not json.loads(archive.read("config.json")).get("compile_config")
        assert b"optimizer" not in archive.read("model.weights.h5")


def test_saving_keeps_the_earlier_file_until_the_new_one_is_whole(saved, tmp_path, monkeypatch):
    model, _ = saved
    path = tmp_path / "model.keras"
    path.write_bytes(b"earlier")
    monkeypatch.setattr("models.saving._without_times", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_model(model, path)
    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"not a model",
        lambda content: b"",
        lambda content: content.replace(b"TabularVAE", b"TabularXXX"),
    ],
    ids=["cut short", "text", "empty", "altered"],
)
def test_a_broken_file_is_named(saved, tmp_path, damage):
    broken = tmp_path / "broken.keras"
    broken.write_bytes(damage(saved[1].read_bytes()))
    with pytest.raises(ValueError, match=r"broken\.keras is not a whole \.keras archive"):
        load_model(broken)


def test_a_zip_of_an_unknown_class_is_refused(saved, tmp_path):
    other = tmp_path / "other.keras"
    with zipfile.ZipFile(saved[1]) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b"TabularVAE", b"TabularXXX"))
    with pytest.raises(ValueError, match="not a model that this version reads"):
        load_model(other)


def test_a_missing_file_and_another_ending_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model at"):
        load_model(tmp_path / "none.keras")
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        load_model(tmp_path / "model.h5")


def test_whatever_is_registered_is_known_in_a_fresh_process(saved):
    """A class is registered when its module is imported: loading imports them all."""
    sources = [path.read_text() for path in (REPOSITORY / "models").rglob("*.py")]
    registered = re.compile(
        r"^@keras.saving.register_keras_serializable.*\nclass (\w+)", re.MULTILINE
    )
    names = {f"counterfoil>{name}" for text in sources for name in registered.findall(text)}
    assert len(names) > 5
    code = """
import json, sys
from models.saving import load_model
load_model(sys.argv[1])
from keras.saving import get_custom_objects
print(json.dumps(list(get_custom_objects())))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, saved[1]],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert names <= set(json.loads(done.stdout.splitlines()[-1]))
