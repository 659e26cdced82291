"""Reading params.yaml, presets and overrides as plain nested dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ParamsError

# The one section whose keys are the user's own: column names.
OPEN_SECTIONS = (["scale", "columns"],)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    ParamsError
        If the file is missing, not readable as YAML or no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(
            f"{path} does not exist; run from a folder with params.yaml, or name it with --params"
        ) from None
    except IsADirectoryError:
        raise ParamsError(f"{path} is a folder; name the YAML file in it") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not readable as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ParamsError(f"{path} must hold sections (key: value), got {type(content).__name__}")
    return content


def find_preset(name: str, root: Path) -> Path:
    """Return the file of a preset: a path, or the name of a file in ``presets/``.

    Raises
    ------
    ParamsError
        If there is none; the message lists the presets that exist.
    """
    folder = root / "presets"
    for candidate in (folder / f"{name}.yaml", root / name, Path(name)):
        if candidate.is_file():
            return candidate
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml"))) or "none"
    raise ParamsError(
        f"--preset {name}: neither a file nor a preset; {folder} has these presets: {known}"
    )


def read_overrides(assignments: Iterable[str], presets: Iterable[Path] = ()) -> dict[str, Any]:
    """Turn preset files and ``section.key=value`` texts into values under dotted keys.

    Later ones win; assignments win over presets. Values are read as YAML.

    Raises
    ------
    ParamsError
        If a text has no ``=`` or no key, or if its value is not YAML.
    """
    overrides: dict[str, Any] = {}
    for preset in presets:
        overrides.update(flatten(read_yaml(preset)))
    for assignment in assignments:
        key, sign, text = assignment.partition("=")
        if not sign or not key.strip():
            raise ParamsError(f"-S {assignment}: expected section.key=value")
        try:
            overrides[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ParamsError(f"-S {assignment}: the value is not YAML: {error}") from error
    return overrides


def merge_overrides(
    content: dict[str, Any], overrides: Mapping[str, Any], origin: str
) -> dict[str, Any]:
    """Return the content of params.yaml with the values under dotted keys put in.

    Raises
    ------
    ParamsError
        If an override names a key that the content does not have.
    """
    merged = _copy(content)
    for dotted, value in overrides.items():
        *sections, key = dotted.split(".")
        place: Any = merged
        for section in sections:
            place = place.get(section) if isinstance(place, dict) else None
        known = isinstance(place, dict) and (key in place or sections in OPEN_SECTIONS)
        if not known:
            raise ParamsError(
                f"{origin} has no key {dotted}{suggest(dotted, flatten_keys(content))}"
            )
        place[key] = value
    return merged


def suggest(key: str, known: Iterable[str]) -> str:
    """Return a hint at the keys of that name in a section, the most similar key, or nothing.

    Examples
    --------
    >>> suggest("sgan.learnig_rate", ["sgan.learning_rate", "vae.beta"])
    '; did you mean sgan.learning_rate?'
    >>> suggest("beta", ["sgan.learning_rate", "vae.beta"])
    '; did you mean vae.beta?'
    """
    from difflib import get_close_matches

    known = list(known)
    sections = [name for name in known if name.endswith(f".{key}")]
    if sections:
        return f"; did you mean {' or '.join(sections)}?"
    matches = get_close_matches(key, known, n=1)
    return f"; did you mean {matches[0]}?" if matches else ""


def flatten(content: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield the leaves of nested mappings under dotted keys; an empty mapping is a leaf.

    Examples
    --------
    >>> dict(flatten({"device": "cpu", "scale": {"method": "robust", "columns": {}}}))
    {'device': 'cpu', 'scale.method': 'robust', 'scale.columns': {}}
    """
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def flatten_keys(content: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    """Yield every dotted key, those of sections included."""
    for key, value in content.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten_keys(value, f"{prefix}{key}.")


def explain(origin: str, detail: Any, content: Mapping[str, Any], known: Iterable[str]) -> str:
    """Say in one line which key is wrong, what was expected and what came.

    Parameters
    ----------
    origin : str
        Name of the file, for the start of the line.
    detail : dict
        One entry of ``pydantic.ValidationError.errors()``.
    content : mapping
        What was read from the file.
    known : iterable of str
        All dotted keys that params.yaml may have.
    """
    present = set(flatten_keys(content))
    # pydantic appends the tried variant of a union to the location; keep what the file has.
    parts = [str(part) for part in detail["loc"]]
    if detail["type"] == "missing":
        return f"{origin}: {'.'.join(parts)} is missing; docs/parameters.md gives its default"
    while len(parts) > 1 and ".".join(parts) not in present:
        parts.pop()
    key = ".".join(parts)
    if detail["type"] == "extra_forbidden":
        return f"{origin}: {key} is not a known key{suggest(key, known)}"
    message = _OF_YAML.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    if detail["type"] == "value_error":
        return ": ".join(part for part in (origin, key, message) if part)
    value = detail["input"]
    return f"{origin}: {key}: {message[0].lower()}{message[1:]}, got {value!r}{_hint(value)}"


# What pydantic calls by Python's names.
_OF_YAML = {
    "model_type": "Input should be a section (keys and values)",
    "model_attributes_type": "Input should be a section (keys and values)",
    "dict_type": "Input should be a section (keys and values)",
    "tuple_type": "Input should be a list",
}


def _hint(value: Any) -> str:
    """Return the cure for a number that YAML has read as text."""
    if not isinstance(value, str):
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    if "e" not in value.lower():
        return " (write it without quotes)"
    text = yaml.safe_dump(number).split()[0]
    return f" (YAML reads {value} as text; write it as {text})"


def _copy(value: Any) -> Any:
    return {key: _copy(part) for key, part in value.items()} if isinstance(value, dict) else value
