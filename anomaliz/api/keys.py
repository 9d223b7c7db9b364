"""API keys: who has none is answered 401, except where a probe asks for life."""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from anomaliz.api.problems import ProblemError

OPEN_PATHS = frozenset({"/livez", "/readyz", "/health"})
SCHEME = "bearer "


class ApiKeys:
    """Lets a request pass that carries a key in `X-API-Key` or as `Authorization: Bearer`."""

    def __init__(self, app: ASGIApp, keys: Sequence[SecretStr]) -> None:
        self.app = app
        # Digests have one length, so that comparing them does not tell a key's length.
        self._digests = [sha256(key.get_secret_value().encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._may_pass(scope):
            await self.app(scope, receive, send)
        else:
            await _refusal().response(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        if scope["type"] == "lifespan" or not self._digests or scope["path"] in OPEN_PATHS:
            return True
        return self._knows(_offered(Headers(scope=scope)))

    def _knows(self, key: str) -> bool:
        # Headers are decoded as Latin-1; this gives back the bytes that were sent, UTF-8 as a rule.
        digest = sha256(key.encode("latin-1")).digest()
        # Every key is compared, so that the time does not tell which one is near.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(matches)


def _offered(headers: Headers) -> str:
    authorization = headers.get("authorization", "")
    if authorization[: len(SCHEME)].lower() == SCHEME:
        return authorization[len(SCHEME) :].strip()
    return headers.get("x-api-key", "")


def _refusal() -> ProblemError:
    return ProblemError(
        HTTPStatus.UNAUTHORIZED,
        "an API key is needed: send it as X-API-Key, or as Authorization: Bearer",
        headers={"WWW-Authenticate": 'Bearer realm="anomaliz"'},
    )
