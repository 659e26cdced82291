"""Small tables, a way to run single stages, and the list of bad inputs that all must refuse."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.files.atomic import file_sha256, read_json, write_json
from pipeline.params.sections import load_params
from pipeline.stages.artifacts import Artifacts
from pipeline.stages.context import StageContext

REPOSITORY = Path(__file__).parents[2]


def make_transactions(n_rows=200, n_frauds=20, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n_rows, 4)), columns=["V1", "V2", "V3", "V4"])
    table.insert(0, "Time", np.sort(rng.uniform(0, 4 * 86_400, n_rows)).round())
    table["Amount"] = rng.lognormal(3, 1, n_rows).round(2)
    table["Class"] = 0
    table.loc[rng.choice(n_rows, n_frauds, replace=False), "Class"] = 1
    return table


@pytest.fixture
def transactions():
    """200 rows, 20 of them frauds, in order of time over four days."""
    return make_transactions()


@pytest.fixture
def run_stages(tmp_path):
    """Run stages one after the other in `tmp_path`, as the command would; gives the artifacts.

    Parameters are given as ``data__path=...`` for ``data.path``.
    """

    def run(*stages, root=tmp_path, artifacts=None, **overrides):
        artifacts = artifacts or Artifacts(tmp_path / "artifacts")
        dotted = {key.replace("__", "."): value for key, value in overrides.items()}
        params = load_params(REPOSITORY / "params.yaml", dotted)
        for stage in stages:
            function = getattr(importlib.import_module(f"pipeline.stages.{stage}"), stage)
            with artifacts.replacing(stage) as output:
                function(StageContext(params, artifacts, output, tmp_path / "work", root))
        return artifacts

    return run


@dataclass(frozen=True)
class BadInput:
    """A mistake in the data.

    `write` puts the data into a folder and returns its path; `stage` is the stage that must
    refuse it; `says` are regular expressions that the message must match.
    """

    name: str
    write: Callable[[Path], Path]
    says: tuple[str, ...]
    stage: str = "ingest"
    overrides: dict = field(default_factory=dict)


def _csv(change=lambda table: table, **options):
    def write(folder):
        path = folder / "bad.csv"
        change(make_transactions()).to_csv(path, index=False, **options)
        return path

    return write


def _parquet(change):
    def write(folder):
        path = folder / "bad.parquet"
        change(make_transactions()).to_parquet(path, index=False)
        return path

    return write


def _bytes(name, make):
    def write(folder):
        path = folder / name
        path.write_bytes(make(make_transactions()))
        return path

    return write


def _with(column, row, value):
    def change(table):
        table[column] = table[column].astype(object)
        table.loc[row, column] = value
        return table

    return change


def _as_csv(table, encoding="utf-8"):
    return table.to_csv(index=False).encode(encoding)


def _as_parquet(table):
    return table.to_parquet(index=False)


def _folder_of(*names_and_changes):
    def write(folder):
        place = folder / "many"
        place.mkdir()
        for name, change in names_and_changes:
            change(make_transactions()).to_csv(place / name, index=False)
        return place

    return write


def _nowhere(folder):
    return folder / "nowhere.csv"


def _empty_folder(folder):
    place = folder / "empty"
    place.mkdir()
    (place / "README.md").write_text("no data yet")
    return place


def _same(table):
    return table


_LISTED = {"data.features": ["V1", "V2", "V3", "V4"]}

BAD_INPUTS = [
    BadInput(
        "label column missing",
        _csv(lambda t: t.rename(columns={"Class": "Classes"})),
        ("bad.csv", r"column Class \(data.label", "missing", "did you mean Classes"),
    ),
    BadInput(
        "time column missing",
        _csv(lambda t: t.drop(columns="Time")),
        ("column Time", "missing", "data.time: null"),
    ),
    BadInput(
        "amount column missing",
        _csv(lambda t: t.drop(columns="Amount")),
        ("column Amount", "missing", "data.amount: null"),
    ),
    BadInput(
        "listed feature missing",
        _csv(lambda t: t.drop(columns=["V2", "V3"])),
        ("column V2", "column V3", "data.features", "missing"),
        overrides=_LISTED,
    ),
    BadInput(
        "column that the list does not name",
        _csv(lambda t: t.assign(V5=0.5)),
        ("does not name: V5", "data.features", "data.ignored"),
        overrides=_LISTED,
    ),
    BadInput(
        "text key among the features",
        _csv(lambda t: t.assign(card=[f"card-{i}" for i in range(len(t))])),
        ("column card", "200 different values", "data.ignored"),
    ),
    BadInput(
        "column of timestamps among the features",
        _parquet(lambda t: t.assign(when=pd.Timestamp("2024-01-01"))),
        ("column when", "datetime64", "expected numbers, text or true/false"),
    ),
    BadInput(
        "text where a number belongs",
        _csv(_with("V3", 16, "abc")),
        ("column V3", "not a number", "row 17 of bad.csv", "'abc'", "quarantine"),
    ),
    BadInput(
        "text for an amount",
        _csv(lambda t: t.assign(Amount="ten euros")),
        ("200 of 200 rows", "column Amount", "not a number"),
    ),
    BadInput(
        "missing value",
        _csv(_with("V1", 4, None)),
        ("1 of 200 rows", "column V1", "missing value", "row 5 of bad.csv"),
    ),
    BadInput(
        "infinite value",
        _parquet(lambda t: t.assign(V1=[np.inf] + [0.0] * (len(t) - 1))),
        ("column V1", "infinite", "row 1 of bad.parquet", "got inf"),
    ),
    BadInput(
        "label outside 0 and 1",
        _csv(_with("Class", 9, 2)),
        ("column Class", r"expected 0 \(genuine\) or 1 \(fraud\)", "row 10 of bad.csv", "got 2"),
    ),
    BadInput(
        "negative time",
        _csv(_with("Time", 0, -5.0)),
        ("column Time", "negative", "row 1 of bad.csv", "got -5"),
    ),
    BadInput(
        "several mistakes at once",
        _csv(lambda t: _with("V2", 3, "x")(_with("Class", 7, 3)(t))),
        ("2 of 200 rows", "column V2", "column Class", "row 4", "row 8"),
    ),
    BadInput(
        "only genuine rows",
        _csv(lambda t: t.assign(Class=0)),
        ("column Class", r"0 \(genuine\) in all 200 rows", "expected both classes"),
    ),
    BadInput(
        "only frauds",
        _csv(lambda t: t.assign(Class=1)),
        ("column Class", "in all 200 rows", "expected both classes"),
    ),
    BadInput("empty file", _bytes("bad.csv", lambda t: b""), ("bad.csv is empty", "export")),
    BadInput("empty Parquet file", _bytes("bad.parquet", lambda t: b""), ("bad.parquet is empty",)),
    BadInput("header without rows", _csv(lambda t: t[:0]), ("no transactions", "0 rows")),
    BadInput(
        "truncated Parquet file",
        _bytes("bad.parquet", lambda t: _as_parquet(t)[:-200]),
        ("bad.parquet is not a whole Parquet file", "truncated"),
    ),
    BadInput(
        "CSV under the name of a Parquet file",
        _bytes("bad.parquet", _as_csv),
        ("bad.parquet is not a whole Parquet file",),
    ),
    BadInput(
        "Parquet under the name of a CSV file",
        _bytes("bad.csv", _as_parquet),
        ("bad.csv is not UTF-8 text|bad.csv is not a regular CSV file",),
    ),
    BadInput(
        "truncated CSV file",
        _bytes("bad.csv", lambda t: _as_csv(t)[:-30]),
        ("bad.csv ends in the middle of a row", r"\d of 7 values", "truncated"),
    ),
    BadInput(
        "not UTF-8",
        _bytes("bad.csv", lambda t: _as_csv(t.assign(land="Österreich"), "latin-1")),
        ("bad.csv is not UTF-8", "0xd6", "save it as UTF-8"),
    ),
    BadInput(
        "row longer than the header",
        _bytes("bad.csv", lambda t: _as_csv(t) + b"1,2,3,4,5,6,7,8,9\n"),
        ("bad.csv is not a regular CSV file", "7 values separated by commas"),
    ),
    BadInput(
        "every row longer than the header",
        _bytes("bad.csv", lambda t: _as_csv(t).replace(b",V4,", b",", 1)),
        ("bad.csv is not a regular CSV file", "6 values separated by commas"),
    ),
    BadInput("semicolons", _csv(sep=";"), ("another separator", "separated by commas")),
    BadInput(
        "columns named twice",
        _bytes("bad.csv", lambda t: _as_csv(t).replace(b"V2", b"V1", 1)),
        ("columns named twice: V1", "rename"),
    ),
    BadInput(
        "column without a name",
        _bytes("bad.csv", lambda t: t.to_csv().encode()),
        ("column without a name", "column 1 of 8"),
    ),
    BadInput("path that does not exist", _nowhere, ("nowhere.csv does not exist", "data.path")),
    BadInput("folder without files", _empty_folder, ("holds no .csv or .parquet", "data.path")),
    BadInput("unknown suffix", _bytes("bad.xlsx", _as_csv), ("suffix .xlsx", ".csv or .parquet")),
    BadInput(
        "files with different columns",
        _folder_of(("a.csv", _same), ("b.csv", lambda t: t.rename(columns={"V4": "W4"}))),
        ("b.csv lacks V4 and has in addition W4", "compared with a.csv"),
    ),
    BadInput(
        "file of a folder damaged",
        _folder_of(("a.csv", _same), ("b.csv", _with("V1", 2, "?!"))),
        ("row 3 of b.csv", r"'\?!'"),
    ),
    BadInput(
        "fewer frauds than the split needs",
        _csv(lambda t: t.assign(Class=[1, 1, 1] + [0] * (len(t) - 3))),
        ("too few frauds", "has 3 frauds", "at least train 2", "split.test_fraction"),
        stage="split",
    ),
    BadInput(
        "no frauds in the last days",
        _csv(lambda t: t.assign(Class=[1] * 20 + [0] * (len(t) - 20))),
        ("too few frauds in the validation and test part", "split.method: stratified"),
        stage="split",
        overrides={"split.method": "time"},
    ),
    BadInput(
        "delay longer than the data",
        _csv(),
        ("in the train part", "split.delay_days"),
        stage="split",
        overrides={"split.method": "time", "split.delay_days": 30.0},
    ),
    BadInput(
        "split by time without time",
        _csv(lambda t: t.drop(columns="Time")),
        ("split.method: time", "data.time: null"),
        stage="split",
        overrides={"split.method": "time", "data.time": None},
    ),
    BadInput(
        "larger label budget than frauds",
        _csv(),
        ("split.n_labelled_frauds", "from 2 to 12", "got 13"),
        stage="split",
        overrides={"split.n_labelled_frauds": 13},
    ),
]


def write_evidence_of(folder, n_rows=600, has_time=True, has_amount=True, seed=0):
    """Write the evidence of a made-up model into a packaged model, and name it in model.json.

    A tenth of the rows are frauds, of higher scores; figures are weighted to a prevalence of 1 %.
    """
    rng = np.random.default_rng(seed)
    label = (rng.random(2 * n_rows) < 0.1).astype(np.int8)
    rows = pd.DataFrame(
        {
            "row_id": np.arange(2 * n_rows),
            "part": np.repeat(["validation", "test"], n_rows),
            "label": label,
            "score": rng.beta(1 + 4 * label, 6),
            "time": np.sort(rng.uniform(0, 4 * 86_400, 2 * n_rows)),
            "amount": rng.lognormal(3, 1, 2 * n_rows).round(2),
        }
    )
    absent = [*(["time"] * (not has_time)), *(["amount"] * (not has_amount))]
    evidence = folder / "evidence"
    evidence.mkdir(exist_ok=True)
    rows.drop(columns=absent).to_parquet(evidence / "rows.parquet", index=False)
    (evidence / "epochs.csv").write_text("epoch\n0\n")
    write_json({}, evidence / "inputs.json")
    time = {"n_days": 4.0} if has_time else None
    data = {
        "n_rows": 2 * n_rows, "n_frauds": int(label.sum()), "n_unlabelled": 0, "time": time,
    }  # fmt: skip
    write_json({"data": data, "params": {"evaluate": {"prevalence": 0.01}}}, evidence / "run.json")
    manifest = read_json(folder / "model.json")
    found = {f"evidence/{path.name}": file_sha256(path) for path in evidence.iterdir()}
    write_json(manifest | {"files": manifest["files"] | found}, folder / "model.json")
    return rows


@pytest.fixture
def add_evidence():
    """Write made-up evidence into a packaged model: ``add_evidence(folder)`` gives its rows."""
    return write_evidence_of


@pytest.fixture(params=BAD_INPUTS, ids=lambda bad: bad.name.replace(" ", "-"))
def bad_input(request):
    """Each of `BAD_INPUTS` in turn."""
    return request.param
