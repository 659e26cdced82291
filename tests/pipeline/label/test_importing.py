"""Answers reach the table of labels once, whole, and never against earlier ones unasked."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.__main__ import cli
from pipeline.errors import InputError
from pipeline.files.given_labels import KEY, read_given_labels
from pipeline.label.importing import import_labels
from pipeline.label.sheet import Sheet


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "labels"


@pytest.fixture
def answered(path):
    """A sheet with three answers."""
    sheet = Sheet.read(path)
    for position, label in enumerate("101"):
        sheet.answer(position, label, "Ada")
    return path


def test_answers_arrive_with_who_and_when(answered, folder):
    done = import_labels(answered, folder)
    assert (done.n_new, done.n_frauds, done.n_open) == (3, 2, 3)
    given = list(read_given_labels(folder).values())
    assert [one.label for one in given] == [1, 0, 1]
    facts = given[0].facts
    assert (facts["labelled_by"], facts["guess"], facts["file"]) == ("Ada", "1", "ask.csv")
    assert facts["labelled_at"].endswith("+00:00")
    assert facts["imported_at"] >= facts["labelled_at"]


def test_the_same_file_twice_changes_not_a_byte(answered, folder):
    import_labels(answered, folder)
    before = (folder / "labels.csv").read_bytes()
    done = import_labels(answered, folder)
    assert (done.n_new, done.n_known) == (0, 3)
    assert (folder / "labels.csv").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["labels.csv"]


def test_later_answers_are_added(answered, folder):
    import_labels(answered, folder)
    Sheet.read(answered).answer(4, "0", "Bob")
    done = import_labels(answered, folder)
    assert (done.n_new, done.n_frauds, done.n_known) == (1, 0, 3)
    assert len(read_given_labels(folder)) == 4


def test_a_contradiction_is_refused_until_it_is_wanted(answered, folder):
    import_labels(answered, folder)
    before = (folder / "labels.csv").read_bytes()
    sheet = Sheet.read(answered)
    sheet.answer(0, "0", "Bob")
    sheet.answer(5, "1", "Bob")
    with pytest.raises(InputError) as caught:
        import_labels(answered, folder)
    message = str(caught.value)
    assert "about 1 transactions" in message
    assert "genuine here, FRAUD there (Ada " in message
    assert "--replace" in message
    assert (folder / "labels.csv").read_bytes() == before  # not even the new one
    done = import_labels(answered, folder, replace=True)
    assert (done.n_new, done.n_replaced, done.n_known) == (1, 1, 2)
    first = next(iter(read_given_labels(folder).values()))
    assert (first.label, first.facts["labelled_by"]) == (0, "Bob")


def test_a_file_that_contradicts_itself_is_refused(tmp_path, make_sheet, folder):
    keys = ["t-" + "a" * 20] * 2
    path = make_sheet(tmp_path / "twice.csv", 2, **{KEY: keys, "label": ["1", "0"]})
    for replace in (False, True):
        with pytest.raises(InputError, match=r"row 2: t-aaa.* another label in an earlier row"):
            import_labels(path, folder, replace=replace)
    assert not (folder / "labels.csv").exists()


def test_a_file_without_answers_is_refused(path, folder):
    with pytest.raises(InputError, match="holds no answer; give some with"):
        import_labels(path, folder)


def test_a_failure_while_writing_leaves_the_table_as_it_was(answered, folder, monkeypatch):
    import_labels(answered, folder)
    before = (folder / "labels.csv").read_bytes()
    Sheet.read(answered).answer(4, "0", "Bob")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"labels\.csv cannot be written"):
        import_labels(answered, folder)
    assert (folder / "labels.csv").read_bytes() == before
    assert [path.name for path in folder.iterdir()] == ["labels.csv"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("t-0", "0", 1), r"line 2: expected a transaction_key"),
        (lambda text: text.replace(",1,Ada", ",2,Ada", 1), "line 2: .* label of 0 or 1, got .*'2'"),
        (lambda text: text.replace("label,", "lable,", 1), "lacks the column label"),
        (lambda text: text + text.splitlines()[1].replace(",1,Ada", ",0,Ada"), "both labels"),
    ],
)
def test_a_table_damaged_by_hand_is_named_with_its_line(answered, folder, change, message):
    import_labels(answered, folder)
    table = folder / "labels.csv"
    table.write_text(change(table.read_text()))
    with pytest.raises(InputError, match=message):
        read_given_labels(folder)


def test_the_command_takes_the_folder_from_params_yaml(answered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = (Path(__file__).parents[3] / "params.yaml").read_text()
    assert "labels: labels " in params
    (tmp_path / "params.yaml").write_text(params.replace("labels: labels ", "labels: given "))
    result = CliRunner().invoke(cli, ["label", "import", str(answered)])
    assert result.exit_code == 0, result.output
    assert "3 new labels, 2 of them frauds (3 rows of the file have no answer)" in result.output
    with (tmp_path / "given/labels.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3


@pytest.mark.parametrize(
    ("strategies", "expected"),
    [
        (["mixed", "highest_risk", "random"], "Of 3 labels 2 were chosen by a model: "),
        (["mixed", "random", ""], None),
        (["random", "random", "random"], None),
    ],
)
def test_pseudo_labels_are_doubted_where_a_model_chose_most_rows(
    strategies, expected, make_sheet, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    params = (Path(__file__).parents[3] / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params)
    sheet = Sheet.read(make_sheet(tmp_path / "some.csv", n_rows=3, strategy=strategies))
    for row in range(3):
        sheet.answer(row, "1", "Ada")
    result = CliRunner().invoke(cli, ["label", "import", "some.csv"])
    assert result.exit_code == 0, result.output
    said = result.output.splitlines()[1:]
    assert bool(said) == bool(expected)
    assert not said or said[0].startswith(expected)
    assert all(len(line) <= 80 for line in said)
