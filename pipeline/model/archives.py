"""What a packaged model's files may hold, checked before anything reads them.

The hashes in model.json show a file that was changed, but whoever writes a model can write its
hashes as well. So what is loaded must also look like what Counterfoil writes: known members,
known classes, nothing compressed. Keras and skops then load it in their own safe modes.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import InputError

# No packaged model has other kinds of files; nothing here can hold code that is run.
SUFFIXES = (".csv", ".html", ".json", ".keras", ".md", ".parquet", ".png", ".skops", ".svg")
KERAS_MEMBERS = re.compile(r"config\.json|metadata\.json|model\.weights\.h5")
SCALER_MEMBERS = re.compile(r"schema\.json|[0-9]+\.npy")
# Ours by their registered names: Keras finds a class by that, wherever its module lies by now.
KERAS_CLASSES = {"keras.DTypePolicy"}
OUR_CLASSES = {"SGAN", "TabularAutoencoder", "TabularVAE"}
SCALER_CLASSES = {
    "builtins.bool",
    "builtins.dict",
    "builtins.float",
    "builtins.int",
    "builtins.list",
    "builtins.slice",
    "builtins.str",
    "builtins.tuple",
    "features.scaling.TransactionScaler",
    "numpy.float32",
    "numpy.float64",
    "numpy.int64",
    "numpy.ndarray",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.preprocessing._encoders.OneHotEncoder",
}
SCALER_NODES = {
    "DictNode",
    "JsonNode",
    "ListNode",
    "NdArrayNode",
    "ObjectNode",
    "SliceNode",
    "TupleNode",
    "TypeNode",
}
_FOREIGN = "it was not written by Counterfoil: do not use this model"


def check_names(folder: Path, names: Iterable[Any], needed: Sequence[str] = ()) -> None:
    """Check the list of files in model.json: inside the folder, of known kinds, complete.

    Parameters
    ----------
    folder : Path
        The packaged model.
    names : iterable of str
        The names in model.json, relative to the folder.
    needed : sequence of str
        Names that must be among them.

    Raises
    ------
    InputError
        If a name leads outside or is of an unknown kind, one that is needed is missing, or the
        folder holds a file that is not in the list. Names that start with a dot are left alone:
        no part of Counterfoil reads them.
    """
    names = list(names)
    for name in names:
        _check_member(folder / "model.json", name)
        if Path(name).suffix not in SUFFIXES:
            raise InputError(
                f"{folder} holds {name}, a kind of file that no packaged model has; {_FOREIGN}"
            )
    unlisted = [name for name in needed if name not in names]
    present = {path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()}
    visible = {path.as_posix() for path in present if not _is_hidden(path)}
    unlisted += sorted(visible - set(names) - {"model.json"})
    if unlisted:
        raise InputError(
            f"{folder}: model.json does not name {unlisted[0]}, so nothing says whether it is the "
            "file that was saved; remove it, or copy the whole model again"
        )


def check_keras_archive(path: Path) -> None:
    """Refuse a `.keras` file that holds more than a model of ours.

    Raises
    ------
    InputError
        If it is no whole archive, has other members than Counterfoil writes, or its config
        names other classes.
    """
    config = _read_json_member(path, "config.json", KERAS_MEMBERS)
    for node in _dicts(path, config):
        if not {"class_name", "module", "registered_name"} & node.keys():
            continue
        module, name = str(node.get("module")), str(node.get("class_name"))
        registered = node.get("registered_name")
        if registered is None:
            is_known = f"{module}.{name}" in KERAS_CLASSES
        else:
            is_ours = name in OUR_CLASSES and module.startswith("models.")
            is_known = is_ours and registered == f"counterfoil>{name}"
        if not is_known or node.get("compile_config"):
            raise InputError(f"{path} holds the class {_shown(f'{module}.{name}')}; {_FOREIGN}")


def check_scaler_archive(path: Path) -> None:
    """Refuse a `.skops` file that holds more than a scaler of ours; errors as of the other."""
    schema = _read_json_member(path, "schema.json", SCALER_MEMBERS)
    for node in _dicts(path, schema):
        name, loader = f"{node.get('__module__')}.{node.get('__class__')}", node.get("__loader__")
        if "__class__" in node and name not in SCALER_CLASSES:
            raise InputError(
                f"{path} holds types that a scaler does not need and that are not trusted: "
                f"{_shown(name)}; {_FOREIGN}"
            )
        if "__loader__" in node and loader not in SCALER_NODES:
            raise InputError(f"{path} holds a node {_shown(loader)}; {_FOREIGN}")


def _read_json_member(path: Path, name: str, known: re.Pattern[str]) -> Any:
    """Return the content of a member, after checking all of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist(), known)
            damaged = archive.testzip()
            if damaged:
                raise InputError(f"{path} is damaged ({damaged}); copy the model again")
            return json.loads(archive.read(name))
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(
            f"{path} is not a whole archive ({error}); it may be cut short or another kind of "
            "file: copy the model again"
        ) from error
    except (KeyError, ValueError, NotImplementedError, RecursionError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read ({error!r:.200}); {_FOREIGN}") from error


def _check_members(path: Path, members: Sequence[zipfile.ZipInfo], known: re.Pattern[str]) -> None:
    names = [member.orig_filename for member in members]
    for member, name in zip(members, names, strict=True):
        _check_member(path, name)
        if not known.fullmatch(name) or names.count(name) > 1:
            raise InputError(
                f"{path} holds {_shown(name)}, which does not belong there; {_FOREIGN}"
            )
        # We store without compression, so a small file cannot unpack to a huge one.
        if member.compress_type != zipfile.ZIP_STORED:
            raise InputError(f"{path} is compressed; {_FOREIGN}")


def _check_member(path: Path, name: Any) -> None:
    """Refuse a name that leads out of its folder or archive."""
    if not isinstance(name, str) or "\0" in name or "\\" in name:
        raise InputError(f"{path} has the entry {_shown(name)}, which is no name; {_FOREIGN}")
    parts = name.split("/")
    if name.startswith("/") or ":" in parts[0] or not {"", ".", ".."}.isdisjoint(parts):
        raise InputError(f"{path} names the path {_shown(name)}, which leads outside; {_FOREIGN}")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _dicts(path: Path, content: Any) -> Iterator[dict[str, Any]]:
    """Yield every JSON object within `content`; without recursion, which could be too deep."""
    if not isinstance(content, dict):
        raise InputError(f"{path} describes no object; {_FOREIGN}")
    waiting = [content]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _shown(name: Any) -> str:
    return repr(name)[:80]
