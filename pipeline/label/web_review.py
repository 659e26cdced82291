"""The review as a web page of this machine alone."""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.errors import CounterfoilError
from pipeline.files.given_labels import KEY
from pipeline.label.sheet import LABELS, Sheet, facts_of, reasons_of
from pipeline.pages.page import render

logger = logging.getLogger(__name__)

TEMPLATE = Path(__file__).with_name("review.html.jinja")
HOST = "127.0.0.1"
TOKEN_HEADER = "X-Counterfoil-Token"
LONGEST_REQUEST = 1_000  # bytes
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class ReviewServer(ThreadingHTTPServer):
    """Shows a sheet to the browser of whoever knows the token, and writes answers into it.

    The page itself holds no data. It asks for them with the token, which it takes from the part
    of its address behind ``#``; browsers send that part to nobody. Other pages do not know it, and
    requests that name another host, as after DNS rebinding, are refused.

    Parameters
    ----------
    sheet : Sheet
        The suggestions.
    by : str
        Who answers.
    port : int
        0 takes a free one.
    """

    daemon_threads = True

    def __init__(self, sheet: Sheet, by: str, port: int = 0) -> None:
        self.sheet, self.by = sheet, by
        self.token = secrets.token_urlsafe(32)
        self._one_at_a_time = threading.Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{HOST}:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        return f"{self.origin}/#{self.token}"

    def state(self) -> dict[str, Any]:
        """Return all that the page shows."""
        return {
            "file": str(self.sheet.path),
            "by": self.by,
            "rows": [
                {
                    "key": row[KEY], "label": row["label"], "guess": row["guess"],
                    "score": row["score"], "reasons": reasons_of(row), "facts": facts_of(row),
                }
                for row in self.sheet.rows
            ],
        }  # fmt: skip

    def answer(self, content: Any) -> dict[str, Any]:
        """Write one answer; return what is on the disk now.

        Raises
        ------
        ValueError
            If the request is none of the page's.
        CounterfoilError
            If it could not be written.
        """
        if not isinstance(content, dict):
            raise ValueError("expected an object")
        position, label, key = (content.get(name) for name in ("row", "label", "key"))
        if type(position) is not int or not 0 <= position < len(self.sheet.rows):
            raise ValueError("there is no such row")
        if label not in LABELS or key != self.sheet.rows[position][KEY]:
            raise ValueError("the page belongs to another file; load it again")
        with self._one_at_a_time:
            self.sheet.answer(position, label, self.by)
        return {"row": position, "label": label}


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    server_version = "Counterfoil"
    sys_version = ""

    def do_GET(self) -> None:
        """Give the empty page to anybody on this machine, and its data for the token."""
        if not self._is_ours():
            self._refuse(HTTPStatus.FORBIDDEN, "this address is not served here")
        elif self.path == "/":
            nonce = secrets.token_urlsafe(16)
            self._send(HTTPStatus.OK, "text/html; charset=utf-8", page(nonce), nonce)
        elif self.path != "/state":
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")
        elif not self._has_token():
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the command printed")
        else:
            self._send_json(self.server.state())

    def do_POST(self) -> None:
        """Take an answer, or end the review."""
        if not self._is_ours() or not self._has_token():
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the command printed")
        elif self.path == "/answer":
            self._take(self.server.answer)
        elif self.path == "/close":
            self._send_json({})
            threading.Thread(target=self.server.shutdown, daemon=True).start()
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is nothing here")

    def _take(self, work: Callable[[Any], dict[str, Any]]) -> None:
        try:
            length = int(self.headers.get("Content-Length", ""))
            if not 0 <= length <= LONGEST_REQUEST:
                raise ValueError("the request is too long")
            done = work(json.loads(self.rfile.read(length)))
        except CounterfoilError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        else:
            self._send_json(done)

    def _is_ours(self) -> bool:
        """Whether the request names this server, and comes from its own page if from any."""
        port = self.server.server_address[1]
        names = {f"{name}:{port}" for name in (HOST, "localhost")}
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in names and (
            origin is None or origin in {f"http://{name}" for name in names}
        )

    def _has_token(self) -> bool:
        given = self.headers.get(TOKEN_HEADER, "")
        return hmac.compare_digest(given.encode(), self.server.token.encode())

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self.close_connection = True
        self._send(status, "application/json", json.dumps({"error": reason}))

    def _send_json(self, content: dict[str, Any]) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(content))

    def _send(self, status: HTTPStatus, kind: str, text: str, nonce: str | None = None) -> None:
        body = text.encode()
        allowed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        if nonce is not None:
            allowed += (
                f"; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
                "img-src data:"
            )
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", allowed)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep requests out of the terminal."""
        logger.debug(format, *args)


def page(nonce: str) -> str:
    """Return the page, which holds no data; its style and script carry the nonce."""
    return render(
        TEMPLATE, {}, styles=("review.css",), scripts=("review.js",),
        nonce=nonce, token_header=TOKEN_HEADER,
    )  # fmt: skip


def review_in_browser(sheet: Sheet, by: str, write: Callable[[str], None], port: int = 0) -> None:
    """Serve the review until the page ends it, or Ctrl-C.

    Raises
    ------
    CounterfoilError
        If the port is taken.
    """
    try:
        server = ReviewServer(sheet, by, port)
    except OSError as error:
        raise CounterfoilError(
            f"port {port} of {HOST} cannot be used ({error.strerror}); give another one, or leave "
            "--port out"
        ) from error
    with server:
        write(f"Open {server.url}\nCtrl-C ends the review; every answer is kept at once.")
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            logger.debug("interrupted")
