"""A small HTTP server that answers what a test tells it, faults at the socket included."""

import json
import socket
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """A request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """Fields of the query string or of the form."""
        return dict(parse_qsl(urlsplit(self.path).query) + parse_qsl(self.body.decode("latin-1")))


Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "ScriptedServer"
    asked: Asked

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked = Asked(self.command, self.path, dict(self.headers.items()), body)
        self.server.asked.append(self.asked)
        replies = self.server.replies
        (replies.pop(0) if len(replies) > 1 else replies[0])(self)

    def do_GET(self) -> None:
        self.do_POST()

    def answer(
        self, status: int, content: bytes, headers: Mapping[str, str], sent: int | None = None
    ) -> None:
        self.send_response_only(status)
        usual = {"Content-Length": str(len(content)), "Date": self.date_time_string()}
        for name, value in (usual | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[:sent])
        if sent is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class ScriptedServer(ThreadingHTTPServer):
    """Gives one reply after the other; the last one for all further requests."""

    replies: list[Reply]
    asked: list[Asked] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    scheme = "http"
    daemon_threads = True

    def __post_init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Clients that go away are what the tests are about."""


def status(code: int, content: object = "", **headers: str) -> Reply:
    """Answer a status, with text or JSON; `Retry_After="1"` is a header."""
    body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.answer(code, body, named)


def half(content: object) -> Reply:
    """Send half of an answer, and close."""
    body = json.dumps(content).encode()
    return lambda handler: handler.answer(200, body, {}, sent=len(body) // 2)


def reset(handler: Handler) -> None:
    """Cut the connection with a reset."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def stall(handler: Handler) -> None:
    """Take the request and say nothing, until the server ends."""
    handler.server.over.wait(30)
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """Send a byte every now and then, for ever."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b" ")


@contextmanager
def serving(*replies: Reply, context: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    server = ScriptedServer(list(replies))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.scheme = "https"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
