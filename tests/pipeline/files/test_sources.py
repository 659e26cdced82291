"""Files are read whole and alike; OpenML is downloaded once and verified at every reading."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.files.openml import parse_arff, read_openml
from pipeline.files.sources import read_files
from pipeline.files.tables import read_table
from pipeline.params.sections import OpenMLParams


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_csv_and_parquet_give_the_same_numbers(tmp_path, values):
    frame = pd.DataFrame({"V1": values, "Class": 0})
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet", index=False)
    from_csv, from_parquet = read_table(tmp_path / "x.csv"), read_table(tmp_path / "x.parquet")
    assert np.array_equal(from_csv["V1"].astype(float), values)
    assert np.array_equal(from_parquet["V1"], values)


def test_a_folder_is_one_table_sorted_by_name(tmp_path, transactions):
    transactions[120:].to_csv(tmp_path / "b.csv", index=False)
    transactions[:120].to_parquet(tmp_path / "a.parquet", index=False)
    (tmp_path / "README.md").write_text("no data")
    (tmp_path / ".b.csv.swp").write_text("no data")
    (tmp_path / "sub").mkdir()
    source = read_files(tmp_path)
    pd.testing.assert_frame_equal(source.frame, transactions)
    assert [(file.name, file.n_rows) for file in source.files] == [
        ("a.parquet", 120),
        ("b.csv", 80),
    ]
    digest = hashlib.sha256((tmp_path / "b.csv").read_bytes()).hexdigest()
    assert source.files[1].sha256 == digest
    assert [source.locate(row) for row in (0, 119, 120, 199)] == [
        ("a.parquet", 1), ("a.parquet", 120), ("b.csv", 1), ("b.csv", 80),
    ]  # fmt: skip


def test_files_may_order_their_columns_differently(tmp_path, transactions):
    transactions[:100].to_csv(tmp_path / "a.csv", index=False)
    transactions[100:][transactions.columns[::-1]].to_csv(tmp_path / "b.csv", index=False)
    pd.testing.assert_frame_equal(read_files(tmp_path).frame, transactions)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["0742", "A100"], ["0742", "0763"]),
        (["0763", "0742"], ["A100", ""]),
        (["true", "false"], ["true", "maybe"]),
    ],
)
def test_codes_are_text_in_all_files_where_they_are_text_in_one(tmp_path, first, second):
    for name, codes in {"a": first, "b": second}.items():
        pd.DataFrame({"code": codes, "V1": [0.1, 0.2]}).to_csv(
            tmp_path / f"{name}.csv", index=False
        )
    read = read_files(tmp_path).frame
    assert read["code"].fillna("").tolist() == first + second
    assert read["V1"].tolist() == [0.1, 0.2] * 2


def test_a_file_without_one_value_of_a_column_says_nothing_of_its_kind(tmp_path):
    (tmp_path / "a.csv").write_text("code,V1\nA1,1\n")
    (tmp_path / "b.csv").write_text("code,V1\n,2\n")
    (tmp_path / "c.csv").write_text("code,V1\n")
    read = read_files(tmp_path).frame
    assert read["code"].fillna("").tolist() == ["A1", ""]
    assert read["V1"].tolist() == [1, 2]


@pytest.mark.parametrize("change", [lambda text: "\ufeff" + text, lambda text: text.rstrip("\n")])
def test_a_byte_order_mark_or_a_missing_last_newline_are_harmless(tmp_path, transactions, change):
    text = transactions.to_csv(index=False)
    (tmp_path / "x.csv").write_text(change(text), encoding="utf-8")
    pd.testing.assert_frame_equal(read_table(tmp_path / "x.csv"), transactions)


def test_an_index_of_pandas_is_no_column_unless_it_has_a_name(tmp_path, transactions):
    transactions[::-1].to_parquet(tmp_path / "plain.parquet")
    transactions.rename_axis("key").to_parquet(tmp_path / "named.parquet")
    assert list(read_table(tmp_path / "plain.parquet").columns) == list(transactions.columns)
    assert read_table(tmp_path / "named.parquet").columns[0] == "key"


# OpenML, played by a server of our own.

ARFF = """% comment
@RELATION creditcard
@ATTRIBUTE V1 REAL
@attribute 'an amount' REAL
@ATTRIBUTE "Class" {'0','1'}
@DATA
-1.25,149.62,'0'
% comment

0.1,?,'1'
"""


class OpenMLServer(ThreadingHTTPServer):
    """Answers like openml.org for data set 1597 and counts the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.arff = ARFF.encode()
        self.md5 = hashlib.md5(self.arff).hexdigest()
        self.announced_length = None
        self.requests = []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/api/v1/json/data/1597":
            url = f"{self.server.address}/data/v1/download/1673544/creditcard.arff"
            about = {"id": "1597", "name": "creditcard", "url": url, "format": "ARFF"}
            about["md5_checksum"] = self.server.md5
            self._answer(200, json.dumps({"data_set_description": about}).encode())
        elif self.path.endswith(".arff"):
            self._answer(200, self.server.arff, self.server.announced_length)
        else:
            self._answer(412, b'{"error": {"code": "111", "message": "Unknown dataset"}}')

    def _answer(self, code, body, length=None):
        self.send_response(code)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    server = OpenMLServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OPENML_SERVER", server.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


PARAMS = OpenMLParams(id=1597, cache="cache/openml")


def test_openml_is_downloaded_once_and_read_offline_afterwards(server, tmp_path, monkeypatch):
    frame, name, sha256 = read_openml(PARAMS, tmp_path)
    assert list(frame.columns) == ["V1", "an amount", "Class"]
    assert frame["V1"].tolist() == [-1.25, 0.1]
    assert np.isnan(frame["an amount"][1])
    assert frame["Class"].astype(int).tolist() == [0, 1]
    assert (name, sha256) == ("data.arff", hashlib.sha256(server.arff).hexdigest())
    assert len(server.requests) == 2

    monkeypatch.setenv("OPENML_SERVER", "http://127.0.0.1:9")  # nobody there
    again, _, same = read_openml(PARAMS, tmp_path)
    pd.testing.assert_frame_equal(frame, again)
    assert same == sha256
    assert len(server.requests) == 2


def test_openml_a_wrong_checksum_keeps_nothing(server, tmp_path):
    server.arff = server.arff.replace(b"-1.25", b"-9.25")
    with pytest.raises(InputError, match=r"damaged: MD5 .* expected .* nothing was kept"):
        read_openml(PARAMS, tmp_path)
    assert _files(tmp_path) == []


def test_openml_a_broken_download_keeps_nothing(server, tmp_path):
    server.announced_length = len(server.arff) + 1000
    with pytest.raises(InputError, match=r"creditcard\.arff cannot be reached"):
        read_openml(PARAMS, tmp_path)
    assert _files(tmp_path) == []


def test_openml_a_changed_cache_is_noticed(server, tmp_path):
    read_openml(PARAMS, tmp_path)
    file = tmp_path / "cache/openml/1597/data.arff"
    file.write_bytes(file.read_bytes().replace(b"149.62", b"149.63"))
    with pytest.raises(InputError, match=r"has changed since it was downloaded .* delete .*1597"):
        read_openml(PARAMS, tmp_path)


def test_openml_an_incomplete_cache_is_noticed(server, tmp_path):
    read_openml(PARAMS, tmp_path)
    (tmp_path / "cache/openml/1597/source.json").unlink()
    with pytest.raises(InputError, match=r"incomplete .* delete this folder"):
        read_openml(PARAMS, tmp_path)


def test_openml_an_unknown_id_is_named(server, tmp_path):
    with pytest.raises(InputError, match=r"no such data set.*data\.openml\.id \(is 4\)"):
        read_openml(OpenMLParams(id=4, cache="cache"), tmp_path)


@pytest.mark.parametrize(
    ("address", "match"),
    [
        ("http://127.0.0.1:9", r"cannot be reached .*data\.source: file"),
        ("file:///etc", "is no web address; check OPENML_SERVER"),
    ],
)
def test_openml_an_unreachable_server_has_a_cure(monkeypatch, tmp_path, address, match):
    monkeypatch.setenv("OPENML_SERVER", address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(InputError, match=match):
        read_openml(PARAMS, tmp_path)
    assert _files(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"<html>", "no ARFF file"),
        (b"@attribute a real\n@data\n{0 1.5}\n", "sparse"),
        (b"@attribute a real\n@data\n1,2\n1,2,3\n", "do not match its header"),
        (b"@attribute a real\n@data\n\xff\n", "not UTF-8"),
    ],
)
def test_arff_that_cannot_be_read(content, match):
    with pytest.raises(InputError, match=match):
        parse_arff(content, "x.arff")


def test_openml_without_time_asks_for_null(server, run_stages, tmp_path):
    openml = {"data__source": "openml", "data__amount": "an amount"}
    with pytest.raises(InputError, match=r"column Time .* data\.time: null"):
        run_stages("ingest", **openml)
    with pytest.raises(InputError, match="an amount: missing value"):
        run_stages("ingest", **openml, data__time=None)
    server.arff = ARFF.replace("?", "3.5").encode()
    server.md5 = hashlib.md5(server.arff).hexdigest()
    artifacts = run_stages(
        "ingest", **openml, data__time=None, data__openml__cache=str(tmp_path / "other")
    )
    assert artifacts.data_summary()["files"][0]["name"] == "data.arff"
    assert len(artifacts.transactions()) == 2


def _files(folder: Path):
    return [path for path in folder.rglob("*") if path.is_file()]
