"""The report of a run while it trains, served to this machine alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any

import yaml

from pinn.files import CHECKPOINT, CONFIG, HISTORY, RESULT, read_history, read_result
from pinn.report.html import plotly_name, plotly_source
from pinn.report.page import page
from pinn.report.sampled import sampled
from pinn.schema import check
from pinn.solution import Solution

LOOPBACK = "127.0.0.1"
PATIENCE = 30.0  # seconds
WAITING = 512  # connections


@dataclass
class Live:
    """The page of a run as it is now; its pictures change when the run has saved a checkpoint.

    Attributes:
        directory: Of the run.
        load: Gives the solution that the directory holds: the checkpoint's, or, before there is one, an untrained one.
    """

    directory: Path
    load: Callable[[Path], Solution]
    _tag: str = ""
    _text: str = ""
    _views: tuple[str, Solution | None, list[dict[str, Any]]] = ("unknown", None, [])
    _lock: Lock = field(default_factory=Lock)

    @property
    def tag(self) -> str:
        """What identifies the present state."""
        return '"' + "-".join(self._stamp(name) for name in (HISTORY, CHECKPOINT, RESULT)) + '"'

    def page(self) -> tuple[str, str]:
        """The page and its tag. While a file is being written the page before stays."""
        with self._lock:
            tag = self.tag
            if tag != self._tag:
                try:
                    self._text, self._tag = self._page(tag), tag
                except (ValueError, EOFError):  # half a line, half a checkpoint
                    if not self._text:
                        raise
            return self._text, self._tag

    def _page(self, tag: str) -> str:
        settings = (self.directory / CONFIG).read_text()
        stamp = self._stamp(CHECKPOINT)
        if stamp != self._views[0]:
            solution = self.load(self.directory)
            self._views = (stamp, solution, sampled(solution) if stamp != "none" else [])
        _, solution, views = self._views
        assert solution is not None
        return page(
            solution, check(yaml.safe_load(settings)), read_result(self.directory / RESULT),
            read_history(self.directory / HISTORY), settings=settings, name=str(self.directory), views=views, live=tag,
        )  # fmt: skip

    def _stamp(self, name: str) -> str:
        try:
            return f"{(self.directory / name).stat().st_mtime_ns:x}"
        except FileNotFoundError:
            return "none"


def server(live: Live, port: int = 0) -> ThreadingHTTPServer:
    """A server on loopback that answers with the page and plotly's JavaScript, and with nothing else.

    Args:
        live: The page.
        port: Where; 0 takes a free one.
    """

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE  # of a connection that asks for nothing

        def do_GET(self) -> None:  # noqa: N802 - the library's name
            if self.headers.get("Host", "").partition(":")[0] not in (LOOPBACK, "localhost"):
                return self.send_error(HTTPStatus.FORBIDDEN)  # another site's name for this address
            path = self.path.partition("?")[0]
            if path == f"/{plotly_name()}":
                return self._send(plotly, "text/javascript", "")
            if path != "/":
                return self.send_error(HTTPStatus.NOT_FOUND)
            text, tag = live.page()
            if self.headers.get("If-None-Match") == tag:
                self.send_response(HTTPStatus.NOT_MODIFIED)
                return self.end_headers()
            return self._send(text.encode(), "text/html; charset=utf-8", tag)

        def _send(self, body: bytes, kind: str, tag: str) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if tag:
                self.send_header("ETag", tag)
            self.send_header("Cache-Control", "no-cache")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Content-Security-Policy", "frame-ancestors 'none'")  # beside what the page says itself
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    plotly = plotly_source().read_bytes()
    return _Server((LOOPBACK, port), Answer)


class _Server(ThreadingHTTPServer):
    """A thread a connection, of which many may wait; one that breaks off is nobody's concern."""

    request_queue_size = WAITING
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what is a bug, and nothing of a reader who has gone."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def watch(live: Live, port: int, say: Callable[[str], Any]) -> None:
    """Serve until Ctrl-C."""
    with server(live, port) as serving:
        say(f"http://{LOOPBACK}:{serving.server_port}/  (Ctrl-C ends it)")
        with suppress(KeyboardInterrupt):
            serving.serve_forever()
