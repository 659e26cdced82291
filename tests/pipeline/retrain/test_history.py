"""The history shows every change of what was written."""

import json

import pytest

from pipeline.errors import InputError
from pipeline.retrain.history import GENESIS, append_entry, head, read_history


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "history.jsonl"
    for version in "123":
        append_entry(path, {"action": "promote", "version": version})
    return path


def test_entries_are_chained(path):
    entries = read_history(path)
    assert [entry["version"] for entry in entries] == ["1", "2", "3"]
    assert entries[0]["previous_sha256"] == GENESIS
    assert entries[2]["previous_sha256"] == entries[1]["sha256"]
    assert head(entries) == entries[2]["sha256"]
    assert read_history(path.with_name("none")) == []


def change_version(lines):
    entry = json.loads(lines[1])
    return [lines[0], json.dumps(entry | {"version": "9"}), lines[2]]


@pytest.mark.parametrize(
    ("tamper", "line"),
    [
        (change_version, 2),
        (lambda lines: [lines[0], lines[2]], 2),
        (lambda lines: lines[1:], 1),
        (lambda lines: [lines[1], lines[0], lines[2]], 1),
        (lambda lines: [*lines, lines[2]], 4),
        (lambda lines: [lines[0], "{", lines[2]], 2),
        (lambda lines: [lines[0], "[]", lines[2]], 2),
    ],
)
def test_tampering_shows_and_nothing_is_added_to_it(path, tamper, line):
    lines = tamper(path.read_text().splitlines())
    path.write_text("\n".join(lines) + "\n")
    for touch in (read_history, lambda path: append_entry(path, {"version": "4"})):
        with pytest.raises(InputError, match=f"line {line},"):
            touch(path)
    assert path.read_text().splitlines() == lines


def test_a_failed_write_leaves_the_file_as_it_was(path, monkeypatch):
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="No space"):
        append_entry(path, {"version": "4"})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["history.jsonl"]
