"""Answers are on the disk when they are given, and never at the cost of earlier ones."""

import csv

import pytest

from pipeline.errors import InputError, UsageError
from pipeline.label.sheet import Sheet, reviewed_alone


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_an_answer_is_in_the_file_at_once_and_nothing_else_changes(path, sheet):
    before = rows_of(path)
    sheet.answer(2, "1", "Ada")
    after = rows_of(path)
    assert (after[2]["label"], after[2]["labelled_by"]) == ("1", "Ada")
    assert after[2]["labelled_at"].endswith("+00:00")
    theirs = ("label", "labelled_by", "labelled_at")
    for old, new in zip(before, after, strict=True):
        assert {k: v for k, v in old.items() if k not in theirs} == {
            k: v for k, v in new.items() if k not in theirs
        }
    assert [row["label"] for row in after] == ["", "", "1", "", "", ""]
    assert [p.name for p in path.parent.iterdir()] == ["ask.csv"]


def test_taking_an_answer_back_leaves_no_trace(path, sheet):
    before = rows_of(path)
    sheet.answer(0, "0", "Ada")
    sheet.answer(0, "", "Ada")
    assert rows_of(path) == before


@pytest.mark.parametrize("moment", ["os.fsync", "pathlib.Path.replace"])
def test_a_failure_while_writing_loses_nothing(path, sheet, monkeypatch, moment):
    """As with a full disk: the file holds all answers before this one."""
    sheet.answer(0, "1", "Ada")
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(moment, fail)
        with pytest.raises(InputError, match=r"ask.csv cannot be written \(No space left"):
            sheet.answer(1, "1", "Ada")
    assert path.read_bytes() == before
    assert sheet.rows[1]["label"] == ""
    sheet.answer(1, "1", "Ada")
    assert [row["label"] for row in rows_of(path)] == ["1", "1", "", "", "", ""]


def test_what_another_program_wrote_is_not_overwritten(path, sheet):
    other = Sheet.read(path)
    other.answer(5, "1", "Bob")
    with pytest.raises(InputError, match="changed by another program"):
        sheet.answer(0, "1", "Ada")
    assert [row["label"] for row in rows_of(path)] == ["", "", "", "", "", "1"]


def test_one_review_of_a_file_at_a_time(path):
    with (
        reviewed_alone(path),
        pytest.raises(UsageError, match="being reviewed by another process"),
        reviewed_alone(path),
    ):
        pass
    with reviewed_alone(path) as sheet:
        assert len(sheet.rows) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("guess", "gess"), "has no column guess"),
        (lambda text: text.replace(",", ";"), "has no column transaction_key.*semicolons"),
        (lambda text: text.splitlines()[0] + "\n", "holds no transactions"),
        (lambda text: text.replace("t-0", "x-0", 2), "row 1: expected 17 values and a trans"),
        (lambda text: text.replace(",,,,1,0.2", ",9,,,1,0.2"), "row 3: label must be 0, 1 or emp"),
        (lambda text: "", "has no column transaction_key"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_of_ours_is_refused_with_its_row(path, change, message):
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    with pytest.raises(InputError, match=message):
        Sheet.read(path)


def test_a_missing_file_and_another_encoding(tmp_path):
    with pytest.raises(InputError, match="does not exist; make one with"):
        Sheet.read(tmp_path / "no.csv")
    (tmp_path / "latin.csv").write_bytes("Käufer".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        Sheet.read(tmp_path / "latin.csv")


def test_a_byte_order_mark_and_windows_line_ends_are_read(path):
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    sheet = Sheet.read(path)
    sheet.answer(0, "1", "Ada")
    assert Sheet.read(path).n_answered == 1
