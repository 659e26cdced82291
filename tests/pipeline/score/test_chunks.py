"""Tables of any size: chunks neither change values nor messages, and nothing is half-written."""

import importlib
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.schema import TransactionSchema
from pipeline.errors import CounterfoilError, InputError
from pipeline.files import chunk, chunks
from pipeline.files.categories import spell_booleans, text_columns
from pipeline.files.csv_file import MISSING, CsvFile
from pipeline.model import folder as model_folder
from pipeline.model.card.card import state_sha256
from pipeline.score import command as scoring
from pipeline.score.command import score
from pipeline.tracking import opening

REPOSITORY = Path(__file__).resolve().parents[3]
N_ROWS = 1500
RESULTS = ["score", "decision", "threshold", "model_version"]


@pytest.fixture(scope="module")
def loaded(packaged):
    return model_folder.load(packaged.folder)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch, loaded):
    """Loading takes seconds, and is not what is tested here."""
    monkeypatch.setattr(opening, "_load", lambda folder: loaded)


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 100 rows, so that the packaged model's 1,500 rows take fifteen."""
    monkeypatch.setattr(chunk, "ROWS_PER_CHUNK", 100)


@pytest.fixture(scope="module")
def table(packaged):
    """Keys whose type a chunk could get wrong: leading zeros, gaps, midnights, late text."""
    n = len(packaged.transactions)
    number = np.arange(n)
    return packaged.transactions.assign(
        card=[f"{i:06d}" for i in number],
        shop=pd.array(np.where(number < 700, number, None), dtype="Int64"),
        at=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.where(number < 500, 0, number), "s"),
        note=np.where(number < 900, "7", "seven, eight"),
    )


def write(table, path):
    table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix_in", [".csv", ".parquet"])
@pytest.mark.parametrize("suffix_out", [".csv", ".parquet"])
def test_chunks_change_nothing(packaged, table, tmp_path, monkeypatch, suffix_in, suffix_out):
    source = write(table, tmp_path / f"in{suffix_in}")
    whole, parts = tmp_path / f"whole{suffix_out}", tmp_path / f"parts{suffix_out}"
    score(str(packaged.folder), source, whole, reasons=True)
    # Reasons compile for a second in each chunk.
    monkeypatch.setattr(chunk, "ROWS_PER_CHUNK", 400)
    done = score(str(packaged.folder), source, parts, reasons=True)

    assert done.n_rows == N_ROWS
    if suffix_out == ".csv":
        read = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in (whole, parts)]
        numbers = ["score", *[f"reason_{i}_contribution" for i in (1, 2, 3)]]
        read = [t.assign(**{n: pd.to_numeric(t[n]) for n in numbers}) for t in read]
    else:
        assert pq.read_schema(parts) == pq.read_schema(whole)
        assert pq.ParquetFile(parts).num_row_groups == 4
        read = [pd.read_parquet(path) for path in (whole, parts)]
    # The last bits of float32 sums depend on how many rows are scored together.
    pd.testing.assert_frame_equal(read[1], read[0], rtol=1e-4, atol=1e-6)
    assert read[0]["card"].tolist() == table["card"].tolist()
    np.testing.assert_allclose(read[0]["score"].astype(float), packaged.score, atol=1e-6)


def test_keys_of_a_csv_file_stay_as_they_are_written(packaged, table, tmp_path, small_chunks):
    written = {"card": "007", "shop": "1e3", "at": "NA", "note": ' "x", y'}
    first = table.astype(object).assign(**{n: [v] * N_ROWS for n, v in written.items()})
    first.loc[first.index >= 700, "shop"] = "1.50"
    first.to_csv(tmp_path / "in.csv", index=False)
    score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")
    rows = (tmp_path / "out.csv").read_text().splitlines()[1:]
    assert rows[0].split(",")[2:5] == ["007", "1e3", "NA"]
    assert rows[700].split(",")[2:5] == ["007", "1.50", "NA"]
    out = pd.read_csv(tmp_path / "out.csv", dtype=str, keep_default_na=False)
    assert set(out["note"]) == {' "x", y'}
    before = pd.read_csv(tmp_path / "in.csv", dtype=str)
    assert out[["Time", "Class"]].equals(before[["Time", "Class"]]), "text as well"


def test_time_and_label_of_a_csv_file_are_numbers_in_parquet(
    packaged, table, tmp_path, small_chunks
):
    label = table["Class"].astype(object).where(table.index != 1200, None)
    write(table.assign(Class=label), tmp_path / "in.csv")
    score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.parquet")
    types = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "out.parquet")}
    assert types == {
        "Time": "double", "Class": "int64", "card": "string", "shop": "string", "at": "string",
        "note": "string", "score": "double", "decision": "int64", "threshold": "double",
        "model_version": "string",
    }  # fmt: skip
    out = pq.read_table(tmp_path / "out.parquet")
    assert out["Class"].null_count == 1
    assert out["Time"].to_pylist() == table["Time"].tolist()


def test_a_time_that_is_no_number_later_on_is_named(packaged, table, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.files.csv_file._SAMPLED_ROWS", 100)
    time = table["Time"].astype(object).where(table.index != 1200, "noon")
    write(table.assign(Time=time), tmp_path / "in.csv")
    with pytest.raises(InputError, match=r"column Time .* cannot be written as double .* other"):
        score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.parquet")
    score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")


def test_types_of_a_parquet_file_are_kept(packaged, table, tmp_path, small_chunks):
    import decimal

    n = len(table)
    keys = {
        "decimal": pa.array([decimal.Decimal("1.50")] * n),
        "dictionary": pa.array(["a"] * 700 + ["b"] * (n - 700)).dictionary_encode(),
        "list": pa.array([[1, 2]] * n),
        "flag": pa.array([True, None] * (n // 2)),
    }
    inputs = pa.Table.from_pandas(table[list(packaged.schema.inputs)], preserve_index=False)
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({**keys, **{m: inputs[m] for m in inputs.column_names}}), source)
    score(str(packaged.folder), source, tmp_path / "out.parquet")
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.column_names == [*keys, *RESULTS]
    for name in ("decimal", "list", "flag"):
        assert out[name].combine_chunks() == keys[name]
    assert out["dictionary"].to_pylist() == keys["dictionary"].to_pylist()
    with pytest.raises(InputError, match=r"column list .* cannot be written as string"):
        score(str(packaged.folder), source, tmp_path / "out.csv")


def test_a_folder_is_scored_file_after_file(packaged, table, tmp_path, small_chunks):
    folder = tmp_path / "many"
    folder.mkdir()
    write(table[1000:], folder / "c.csv")
    write(table[:0], folder / "b.csv")
    write(table[:1000], folder / "a.parquet")
    (folder / ".hidden.csv").write_text("a half-copied file")
    (folder / "README.md").write_text("no table")
    for suffix in (".csv", ".parquet"):
        out = tmp_path / f"out{suffix}"
        assert score(str(packaged.folder), folder, out).n_rows == N_ROWS
        out = pd.read_csv(out, dtype={"card": str}) if suffix == ".csv" else pd.read_parquet(out)
        assert out["card"].tolist() == table["card"].tolist()
        np.testing.assert_allclose(out["score"], packaged.score, rtol=0, atol=1e-6)
    types = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "out.parquet")}
    assert types["shop"] == "string", "text in one file is text in all"
    assert types["Time"] == "double"


def test_files_that_wait_for_their_turn_are_not_held_open(table, tmp_path):
    for number in range(3):
        write(table[:10], tmp_path / f"{number}.parquet")
    files = chunks.open_tables(tmp_path)
    held = {Path(file.path).parent for file in psutil.Process().open_files()}
    assert len(files) == 3
    assert tmp_path not in held


def test_rows_of_a_folder_without_keys_are_named_by_file_and_row(packaged, tmp_path, small_chunks):
    inputs = packaged.transactions[list(packaged.schema.inputs)]
    folder = tmp_path / "many"
    folder.mkdir()
    write(inputs[:150], folder / "a.csv")
    write(inputs[150:160].reset_index(drop=True), folder / "b.csv")
    score(str(packaged.folder), folder, tmp_path / "out.csv")
    out = pd.read_csv(tmp_path / "out.csv")
    assert list(out.columns) == ["file", "row", *RESULTS]
    assert out["file"].tolist() == ["a.csv"] * 150 + ["b.csv"] * 10
    assert out["row"].tolist() == [*range(1, 151), *range(1, 11)]


def test_the_model_is_named_beside_each_score(packaged, loaded, table, tmp_path):
    write(table.head(3), tmp_path / "in.csv")
    score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")
    out = pd.read_csv(tmp_path / "out.csv", dtype={"model_version": str})
    assert set(out["threshold"]) == {packaged.threshold}
    assert set(out["model_version"]) == {state_sha256(loaded.manifest)[:12]}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_bad_values_are_named_by_their_row_in_the_file(
    packaged, table, tmp_path, small_chunks, suffix
):
    folder = tmp_path / "many"
    folder.mkdir()
    bad = table["V5"].where(table.index != 1234)
    write(table.head(10), folder / f"a{suffix}")
    write(table.assign(V5=bad), folder / f"b{suffix}")
    (tmp_path / "out.csv").write_text("earlier")
    with pytest.raises(
        InputError, match=rf"b\{suffix}, rows 1,201 to 1,300: .*V5: missing .* first in row 1,235 "
    ):
        score(str(packaged.folder), folder, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["many", "out.csv"]


def test_text_and_truth_among_numbers_are_refused_in_any_chunk(
    packaged, table, tmp_path, small_chunks
):
    for value in ("x", "True"):
        for rows in (table.index == 700, table.index >= 700):
            bad = table["V5"].astype(object).where(~rows, value)
            write(table.assign(V5=bad), tmp_path / "in.csv")
            with pytest.raises(InputError, match=f"V5: not a number .* row 701 \\('{value}'"):
                score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text + b"1,2,3\n", "missing value"),
        (lambda text: text + b"1," * 60 + b"\n", "not a regular CSV file"),
        (lambda text: text[:-30], "ends in the middle of a row"),
        (lambda text: text[:-200] + b"\xff\xfe" + text[-200:], "is not UTF-8"),
        (lambda text: text.replace(b"V7", b"V8", 1), "named twice: V8"),
        (lambda text: b"", "is empty"),
    ],
)
def test_a_csv_file_that_is_damaged_far_down_is_refused(
    packaged, table, tmp_path, small_chunks, change, message
):
    text = table.to_csv(index=False).encode()
    (tmp_path / "in.csv").write_bytes(change(text))
    with pytest.raises(InputError, match=rf"in\.csv.*{message}"):
        score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_parquet_file_that_is_damaged_far_down_is_refused(packaged, table, tmp_path):
    source = tmp_path / "in.parquet"
    table.to_parquet(source, row_group_size=100, compression="zstd")
    content = bytearray(source.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = bytes(5000)
    source.write_bytes(content)
    with pytest.raises(InputError, match=r"in\.parquet is not a whole Parquet file"):
        score(str(packaged.folder), source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_grows_while_it_is_read_is_refused(
    packaged, table, tmp_path, small_chunks, monkeypatch
):
    source = write(table, tmp_path / "in.csv")
    original = scoring._score_chunk

    def score_and_append(chunk, *args, **options):
        with source.open("a") as file:
            file.write("\n")
        return original(chunk, *args, **options)

    monkeypatch.setattr(scoring, "_score_chunk", score_and_append)
    with pytest.raises(InputError, match="was changed while it was read"):
        score(str(packaged.folder), source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_the_result_cannot_lie_in_the_folder_that_is_scored(packaged, table, tmp_path):
    write(table.head(3), tmp_path / "in.csv")
    with pytest.raises(InputError, match="lies in the folder that is scored"):
        score(str(packaged.folder), tmp_path, tmp_path / "out.csv")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"holds no \.csv or \.parquet file"):
        score(str(packaged.folder), tmp_path / "none", tmp_path / "out.csv")


def test_files_of_a_folder_must_have_the_same_columns(packaged, table, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    write(table.head(3), folder / "a.csv")
    write(table.head(3).rename(columns={"shop": "store"}), folder / "b.csv")
    with pytest.raises(InputError, match=r"b\.csv lacks shop and has in addition store"):
        score(str(packaged.folder), folder, tmp_path / "out.csv")


def test_a_full_disk_is_named(packaged, table, tmp_path, monkeypatch):
    write(table.head(3), tmp_path / "in.csv")
    monkeypatch.setattr(
        "pipeline.score.writing.atomic_path",
        lambda out: importlib.import_module("contextlib").nullcontext(Path("/dev/full")),
    )
    with pytest.raises(CounterfoilError, match=r"out\.csv cannot be written: No space left"):
        score(str(packaged.folder), tmp_path / "in.csv", tmp_path / "out.csv")


def test_missing_values_are_those_of_pandas(tmp_path):
    """What `ingest` takes for missing, scoring does: in inputs, not in keys."""
    values = [*MISSING, "Na", "nil", "-", "0", " "]
    path = tmp_path / "in.csv"
    pd.DataFrame({"a": values, "key": values}).to_csv(path, index=False)
    schema = TransactionSchema("label", None, None, ("a",), ("a",))
    [chunk] = CsvFile(path).chunks(schema, 100)
    expected = pd.read_csv(path, skip_blank_lines=False)["a"]
    assert chunk.inputs["a"].isna().tolist() == expected.isna().tolist()
    assert chunk.keys["key"].to_pylist() == values


def test_categories_do_not_depend_on_their_neighbours(tmp_path):
    """01 stays 01 in a chunk of numbers; true is what pandas calls True where training did."""
    from pipeline.params.sections import ScaleParams
    from pipeline.stages.scale import make_scaler

    schema = TransactionSchema(
        "label", None, None, ("code", "flag", "word"), ("code", "flag", "word")
    )
    texts = {
        "code": ["01", "1", "x"],
        "flag": ["true", "FALSE", "True"],
        "word": ["true", "a", "b"],
    }
    path = tmp_path / "in.csv"
    pd.DataFrame(texts).to_csv(path, index=False)
    training = pd.DataFrame({"code": ["01", "x"], "flag": ["True", "False"], "word": ["true", "a"]})
    scaler = make_scaler(ScaleParams(method="arcsinh", columns={}), schema).fit(training)
    assert text_columns(scaler) == ["code", "word"]
    found = [spell_booleans(c.inputs, scaler) for c in CsvFile(path).chunks(schema, 1)]
    assert [len(chunk) for chunk in found] == [1, 1, 1]
    found = pd.concat(found)
    assert found["code"].tolist() == ["01", "1", "x"]
    assert found["flag"].tolist() == ["True", "False", "True"]
    assert found["word"].tolist() == ["true", "a", "b"]


def test_wide_tables_get_shorter_chunks():
    assert chunk.rows_per_chunk(31) == 100_000
    assert chunk.rows_per_chunk(400) == 10_000
    assert chunk.rows_per_chunk(1_000_000) == 1_000


BAR = """
import sys, time
from pipeline.score.progress import progress_bar
with progress_bar("scoring", 10) as progress:
    for done in (3, 10):
        time.sleep(0.2)
        progress(done)
"""


def test_the_bar_is_drawn_on_a_terminal_alone():
    command = [sys.executable, "-c", BAR]
    quiet = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, timeout=60)
    assert quiet.stderr == quiet.stdout == b""
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=REPOSITORY, check=True, stderr=theirs, timeout=60)
    os.close(theirs)
    with io.FileIO(ours) as terminal:
        drawn = terminal.read(10_000).decode()
    assert "scoring" in drawn
    assert "100%" in drawn
