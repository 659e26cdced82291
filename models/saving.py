"""Saves Keras models as `.keras` archives whose bytes depend on the model alone."""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import json
import pkgutil
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np

import models

ARCHIVE_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold


def save_model(model: keras.Model, path: str | Path) -> None:
    """Write a model to a `.keras` file in one step, without the state of its optimizer.

    Equal models give equal bytes: the file holds no time of day. A process killed while writing
    leaves the earlier file as it was.

    Parameters
    ----------
    model : keras.Model
        Built, of registered classes.
    path : str or Path
        Ends in `.keras`; its folder is made where it is missing.

    Raises
    ------
    ValueError
        If `path` does not end in `.keras`.
    """
    path = _keras_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if getattr(model, "compiled", False):
        model = without_optimizer(model)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.stem}-") as folder:
        keras_file = Path(folder) / "model.keras"
        model.save(keras_file)
        finished = Path(folder) / "finished.keras"
        finished.write_bytes(_without_times(keras_file.read_bytes()))
        finished.replace(path)


def load_model(path: str | Path) -> keras.Model:
    """Read a model from a `.keras` file, in Keras's safe mode.

    Parameters
    ----------
    path : str or Path
        What `save_model` wrote.

    Returns
    -------
    keras.Model
        Not compiled.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a whole `.keras` archive of a known class.
    """
    path = _keras_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}: run the stage that writes it first")
    _register_classes()
    _check_archive(path)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is a zip archive, but not a model that this version reads: {error}"
        ) from error


def without_optimizer(model: keras.Model) -> keras.Model:
    """Copy of a model with equal weights that was never compiled."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plain(value):
    """Numpy's numbers and arrays as Python's: the `default` of `json.dumps`.

    A search over parameters sets numpy's numbers.

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> json.dumps({"units": np.array([64, 32]), "rate": np.float32(0.5)}, default=plain)
    '{"units": [64, 32], "rate": 0.5}'
    """
    listed = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    if not isinstance(listed, np.generic) and listed is not value:
        return listed
    raise TypeError(f"{value!r} cannot be written as JSON; give a plain number, text or list")


@functools.cache
def _register_classes():
    """Import every module of `models`, which registers its classes with Keras."""
    for module in pkgutil.walk_packages(models.__path__, "models."):
        importlib.import_module(module.name)


def _keras_path(path):
    path = Path(path)
    if path.suffix != ".keras":
        raise ValueError(f"a model file must end in .keras, got {path}")
    return path


def _check_archive(path):
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            missing = {"config.json", "model.weights.h5"} - set(archive.namelist())
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(
            f"{path} is not a whole .keras archive ({error}); it may be cut short or another "
            "format: write it again with save_model"
        ) from error
    if damaged or missing:
        what = f"{damaged} is damaged" if damaged else f"{', '.join(sorted(missing))} is missing"
        raise ValueError(f"{path} is not a whole .keras archive: {what}; write it again")


def _without_times(archive_bytes):
    """Rewrite an archive with fixed times and without the date in its metadata."""
    rewritten = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive_bytes)) as source,
        zipfile.ZipFile(rewritten, "w") as target,
    ):
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "metadata.json":
                metadata = {k: v for k, v in json.loads(content).items() if k != "date_saved"}
                content = json.dumps(metadata, sort_keys=True).encode()
            target.writestr(zipfile.ZipInfo(name, date_time=ARCHIVE_TIME), content)
    return rewritten.getvalue()
