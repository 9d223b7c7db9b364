"""One log line, one count and one id for every request."""

import logging
import re
import secrets
from contextvars import ContextVar
from http import HTTPStatus
from time import perf_counter
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anomaliz.api.monitoring import Monitoring
from anomaliz.api.problems import ProblemError

logger = logging.getLogger(__name__)

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request in whose course something is logged."""

HEADER = b"x-request-id"
SANE = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
CLIENT_GONE = 499
"""What is logged when a client left before it was answered; nginx's number."""


class RequestLog:
    """Gives each request its id, and says how it ended. Outermost, so that it sees every answer."""

    def __init__(self, app: ASGIApp, monitoring: Monitoring) -> None:
        self.app = app
        self.monitoring = monitoring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = Exchange(_request_id(scope), send)
        REQUEST_ID.set(exchange.request_id)
        try:
            await self._answer(scope, receive, exchange)
        finally:
            self._record(scope, exchange)

    async def _answer(self, scope: Scope, receive: Receive, exchange: "Exchange") -> None:
        try:
            await self.app(scope, receive, exchange.send)
        except Exception:
            logger.exception("request failed")
            if exchange.status:
                raise
            await _internal_error().response(scope, receive, exchange.send)

    def _record(self, scope: Scope, exchange: "Exchange") -> None:
        seconds = perf_counter() - exchange.started
        status = exchange.status or CLIENT_GONE
        self.monitoring.answered(_route(scope), scope["method"], status, seconds)
        if logger.isEnabledFor(logging.INFO):
            fields = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "duration_ms": round(seconds * 1000, 3),
            }
            logger.info("request", extra=fields)


class Exchange:
    """A request and what has been answered so far."""

    __slots__ = ("_send", "request_id", "started", "status")

    def __init__(self, request_id: str, send: Send) -> None:
        self.request_id = request_id
        self.started = perf_counter()
        self.status = 0
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (HEADER, self.request_id.encode())]
        await self._send(message)


def _request_id(scope: Scope) -> str:
    """Return the client's id if it is fit to be logged, else a new one."""
    for name, value in scope["headers"]:
        if name == HEADER and SANE.fullmatch(value):
            return cast("bytes", value).decode()
    return secrets.token_hex(16)


def _route(scope: Scope) -> str:
    """Return the template of the route that answered: a label of few values, whatever clients ask for."""
    return getattr(scope.get("route"), "path", "other")


def _internal_error() -> ProblemError:
    return ProblemError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the service failed at this request: its log says why, under the request id of this answer",
    )
