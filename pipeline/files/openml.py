"""Data sets of openml.org, downloaded once and verified at every reading.

`sklearn.datasets.fetch_openml` does nearly this, but its server is fixed, it has no timeout, and
it does not verify what it finds in its cache against a record of ours.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InputError
from pipeline.files.atomic import read_json, write_json
from pipeline.files.tables import exact_numbers
from pipeline.params.sections import OpenMLParams

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_SERVER = "https://www.openml.org"
TIMEOUT_SECONDS = 30
_OFFLINE_CURE = (
    "check the connection (HTTPS_PROXY is respected), or download the data by other means and use "
    "data.source: file"
)
_ATTRIBUTE = re.compile(
    r"""@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\S+))\s+(.+)""", re.IGNORECASE
)


def read_openml(params: OpenMLParams, root: Path) -> tuple[pd.DataFrame, str, str]:
    """Return the table of an OpenML data set, its file name and the SHA-256 of the file.

    The file is downloaded into ``<cache>/<id>/`` when it is not there yet; from then on no
    network is needed. OpenML's MD5 is checked once, our SHA-256 at every reading. The environment
    variable OPENML_SERVER replaces https://www.openml.org.

    Raises
    ------
    InputError
        If the data set cannot be had, or a checksum is wrong.
    """
    folder = root / params.cache / str(params.id)
    if not folder.is_dir():
        _download(params.id, folder)
    try:
        record = read_json(folder / "source.json")
        content = (folder / record["file"]).read_bytes()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"the cached copy in {folder} is incomplete ({error}); delete this folder to download "
            "it again"
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != record["sha256"]:
        raise InputError(
            f"{folder / record['file']} has changed since it was downloaded (SHA-256 {sha256}, "
            f"expected {record['sha256']}); delete {folder} to download it again"
        )
    return parse_arff(content, record["file"]), record["file"], sha256


def _download(data_id: int, folder: Path) -> None:
    """Fill the cache folder of a data set; it appears only when it is complete and verified."""
    server = os.environ.get("OPENML_SERVER") or DEFAULT_SERVER
    page = f"{server.rstrip('/')}/api/v1/json/data/{data_id}"
    try:
        description: dict[str, Any] = json.loads(_get(page, data_id))["data_set_description"]
        url, md5 = description["url"], description["md5_checksum"].lower()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{page} does not describe an OpenML data set (missing or unreadable: {error}); check "
            "data.openml.id and OPENML_SERVER"
        ) from error
    content = _get(urllib.parse.urljoin(page, url), data_id)
    received = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if received != md5:
        raise InputError(
            f"the download of OpenML data set {data_id} is damaged: MD5 {received}, expected "
            f"{md5}; nothing was kept; run again"
        )
    parse_arff(content, f"OpenML data set {data_id}")
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        fresh.mkdir(parents=True)
        (fresh / "data.arff").write_bytes(content)
        record = {
            "file": "data.arff",
            "id": data_id,
            "name": str(description.get("name", "")),
            "url": url,
            "md5": md5,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        write_json(record, fresh / "source.json")
        fresh.rename(folder)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}; set data.openml.cache in params.yaml "
            "to another folder"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _get(url: str, data_id: int) -> bytes:
    """Return the body of a web page; every failure is an InputError with its cure."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"{url} is no web address; check OPENML_SERVER")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
            body: bytes = response.read()
    except urllib.error.HTTPError as error:
        with error:
            # OpenML answers 412 where others say 404.
            reason = "it has no such data set" if error.code in (404, 412) else error.reason
        raise InputError(
            f"{url} answered {error.code} ({reason}); check data.openml.id (is {data_id}), or try "
            "again later"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        raise InputError(f"{url} cannot be reached ({cause}); {_OFFLINE_CURE}") from error
    return body


def parse_arff(content: bytes, name: str) -> pd.DataFrame:
    """Return the table of a dense ARFF file; ``?`` is a missing value.

    Raises
    ------
    InputError
        If the content is no dense ARFF.
    """
    import pandas as pd

    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not UTF-8 text; data.source: openml reads ARFF") from error
    start = re.search(r"^[ \t]*@data[^\n]*\n", text, re.IGNORECASE | re.MULTILINE)
    header = text[: start.start()] if start else ""
    names = [
        next(group for group in match.groups()[:3] if group is not None)
        for match in map(_ATTRIBUTE.match, map(str.strip, header.splitlines()))
        if match
    ]
    if start is None or not names:
        raise InputError(
            f"{name} is no ARFF file (no @attribute or @data line); expected a dense ARFF file"
        )
    body = text[start.end() :]
    first_line = next((line for line in body.splitlines() if line.strip()), "")
    if first_line.startswith("{"):
        raise InputError(f"{name} is a sparse ARFF file; expected a dense one")
    try:
        return pd.read_csv(
            io.StringIO(body),
            names=names,
            header=None,
            index_col=False,
            comment="%",
            quotechar='"' if '"' in first_line else "'",
            na_values=["?"],
            skipinitialspace=True,
            low_memory=False,
            **exact_numbers(),
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{name} has rows that do not match its header: {error}") from error
