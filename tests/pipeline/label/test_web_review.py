"""The review as a page: who may use it, and that every answer is on the disk, in real Chromium."""

import http.client
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.errors import CounterfoilError
from pipeline.label.sheet import Sheet
from pipeline.label.web_review import TOKEN_HEADER, ReviewServer, review_in_browser

REPOSITORY = Path(__file__).resolve().parents[3]
_spec = importlib.util.spec_from_file_location(
    "browsing", REPOSITORY / "tests/pipeline/compare/browsing.py"
)
browsing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(browsing)


@pytest.fixture
def server(sheet):
    server = ReviewServer(sheet, "Ada")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join(30)
    server.server_close()


def request(server, method, path, content=None, **headers):
    """Send a request; returns status, headers and content."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=30)
    try:
        body = content if isinstance(content, str | None) else json.dumps(content)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read().decode()
    finally:
        connection.close()


def with_token(server):
    return {TOKEN_HEADER: server.token}


def test_only_this_machine_is_served(server):
    assert server.server_address[0] == "127.0.0.1"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#[\w-]{40,}", server.url)


def test_the_page_holds_no_data_and_may_load_nothing(server, sheet):
    status, headers, text = request(server, "GET", "/")
    assert status == 200
    assert server.token not in text
    assert all(row["transaction_key"] not in text for row in sheet.rows)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    nonces = re.findall(r'nonce="([^"]+)"', text)
    assert len(nonces) == 2
    assert f"'nonce-{nonces[0]}'" in policy
    assert headers["Referrer-Policy"] == "no-referrer"
    assert nonces[0] not in request(server, "GET", "/")[2]  # another one each time


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TOKEN_HEADER: "guessed"},
        {TOKEN_HEADER: "käse".encode().decode("latin-1")},
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
)
def test_without_the_token_and_from_other_pages_nothing_is_given_or_changed(server, path, headers):
    before = path.read_bytes()
    given = headers if not headers or TOKEN_HEADER in headers else with_token(server) | headers
    key = server.sheet.rows[0]["transaction_key"]
    answer = {"row": 0, "key": key, "label": "1"}
    for method, place, content in (
        ("GET", "/state", None), ("POST", "/answer", answer), ("POST", "/close", {}),
    ):  # fmt: skip
        status, _, text = request(server, method, place, content, **given)
        assert status == 403
        assert key not in text
    assert path.read_bytes() == before
    assert request(server, "GET", "/state", **with_token(server))[0] == 200


def test_with_the_token_an_answer_is_on_the_disk(server, path, labels_of):
    state = json.loads(request(server, "GET", "/state", **with_token(server))[2])
    assert [row["guess"] for row in state["rows"]] == list("101010")
    assert ["V14", "-5.123456789012345", "2.1"] in state["rows"][0]["reasons"]
    answer = {"row": 3, "key": state["rows"][3]["key"], "label": "1"}
    status, _, text = request(server, "POST", "/answer", answer, **with_token(server))
    assert (status, json.loads(text)) == (200, {"row": 3, "label": "1"})
    assert labels_of(path) == "...1.."


@pytest.mark.parametrize(
    "content",
    [
        {"row": 0, "key": "t-" + "f" * 20, "label": "1"},
        {"row": 99, "key": "", "label": "1"},
        {"row": -1, "key": "", "label": "1"},
        {"row": True, "key": "", "label": "1"},
        {"row": 0, "key": f"t-{0:020x}", "label": "2"},
        {"row": 0, "key": f"t-{0:020x}", "label": 1},
        [],
        "{",
        "x" * 2000,
    ],
)
def test_requests_that_no_page_of_ours_sends_are_refused(server, path, content):
    before = path.read_bytes()
    assert request(server, "POST", "/answer", content, **with_token(server))[0] == 400
    assert path.read_bytes() == before


def test_other_addresses_and_a_taken_port(server, sheet):
    assert request(server, "GET", "/etc/passwd")[0] == 404
    assert request(server, "POST", "/state", {}, **with_token(server))[0] == 404
    with pytest.raises(CounterfoilError, match=r"port \d+ of 127.0.0.1 cannot be used"):
        review_in_browser(sheet, "Ada", print, server.server_address[1])


@contextmanager
def command(path):
    """Run the real command; gives the process and the address that it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "label", "review", str(path), "--web", "--by", "Ada"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        first = process.stdout.readline()
        assert first.startswith("Open http://127.0.0.1:"), first + process.stdout.read()
        yield process, first.split()[1]
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        process.stdout.close()


def shown(page, text):
    page.wait_for_function(
        "text => document.getElementById('count').textContent.includes(text)", arg=text
    )


@browsing.needs_chromium
@pytest.mark.slow
def test_a_review_by_keys_closed_in_the_middle_and_taken_up(path, labels_of):
    with command(path) as (process, url):
        with browsing.opened(url) as (page, said):
            shown(page, "Row 1 of 6, 0 answered")
            page.keyboard.press("y")
            shown(page, "Row 2 of 6, 1 answered")
            assert labels_of(path) == "1....."
            page.keyboard.press("n")
            shown(page, "Row 3 of 6")
            page.keyboard.press("s")
            shown(page, "Row 4 of 6")
            page.keyboard.press("ArrowLeft")
            shown(page, "Row 3 of 6")
            page.keyboard.press("Enter")
            shown(page, "Row 4 of 6, 3 answered")
        # The browser is gone in mid-review, and so is the command.
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        said = [line for line in said if not line.startswith(url.split("#")[0])]
        assert said == []
    assert labels_of(path) == "111..."
    with command(path) as (process, url), browsing.opened(url) as (page, _):
        shown(page, "Row 4 of 6, 3 answered")
        page.click("text=Wrong: fraud")
        shown(page, "Row 5 of 6, 4 answered")
        page.reload()
        shown(page, "Row 5 of 6, 4 answered")
        page.keyboard.press("g")
        shown(page, "Row 6 of 6, 5 answered")
        page.keyboard.press("s")
        page.wait_for_selector("#end:not([hidden])")
        assert page.inner_text("#ending") == "1 row has no answer yet"
        page.click("text=End the review")
        assert process.wait(30) == 0
    assert labels_of(path) == "11110."


@browsing.needs_chromium
@pytest.mark.slow
def test_an_answer_that_could_not_be_saved_is_said_and_the_row_stays(server, path, labels_of):
    with browsing.opened(server.url) as (page, _):
        shown(page, "Row 1 of 6")
        other = Sheet.read(path)
        other.answer(5, "1", "Bob")
        page.keyboard.press("y")
        page.wait_for_selector("#trouble:not([hidden])")
        assert "was not saved" in page.inner_text("#trouble")
        assert "changed by another program" in page.inner_text("#trouble")
        shown(page, "Row 1 of 6, 0 answered")
    assert labels_of(path) == ".....1"


@browsing.needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_page_no_wider_than_the_screen_that_keys_alone_can_work(server, width, scheme):
    with browsing.opened(server.url, width=width, scheme=scheme) as (page, said):
        shown(page, "Row 1 of 6")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.inner_text("h1") == "The model says fraud, score 0.01"
        for _ in range(4):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.dataset.key") == "n":
                break
        page.keyboard.press("Enter")  # of the button: the guess is wrong
        shown(page, "Row 2 of 6, 1 answered")
        colours = page.evaluate(
            "[...document.querySelectorAll('button')].filter(b => b.offsetParent)"
            ".map(b => getComputedStyle(b).color)"
        )
        assert len(colours) == 5
        folder = os.environ.get("COUNTERFOIL_SCREENSHOTS")
        if folder:
            page.screenshot(path=f"{folder}/review_{width}_{scheme}.png", full_page=True)
    assert server.sheet.rows[0]["label"] == "0"
    assert [line for line in said if not line.startswith(server.origin)] == []


@browsing.needs_chromium
@pytest.mark.slow
def test_without_the_token_the_page_says_what_to_do(server):
    with browsing.opened(server.origin + "/") as (page, _):
        page.wait_for_selector("#trouble:not([hidden])")
        assert page.inner_text("#trouble") == "open the address that the command printed"
