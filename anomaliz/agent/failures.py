"""What can go wrong with an LLM, told apart by what there is to do about it."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Literal

from anomaliz.agent.price import Usage

Cause = Literal["unreachable", "rejected", "rate_limited", "failed", "unreadable", "timeout"]


class LLMError(Exception):
    """A call that brought no answer of the form that was asked for; the text is one sentence."""

    def __init__(
        self, reason: str, cause: Cause, *, retry_after: float | None = None, usage: Usage | None = None
    ) -> None:
        super().__init__(reason)
        self.cause = cause
        self.retry_after = retry_after
        """Seconds, where the server said so."""
        self.usage = usage or Usage()
        """An answer that cannot be used has cost tokens too."""

    @property
    def may_pass(self) -> bool:
        """Whether the same call can go well a moment later."""
        return self.cause != "rejected"


def failure(error: Exception, place: str) -> LLMError:
    """Return what an exception of a client library means; `place` names server and model.

    The libraries' own texts are not passed on: they may hold what was sent, and run over many lines.
    """
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status > 0:
        return _of_status(status, _retry_after(error), place)
    kind = type(error).__name__
    if isinstance(error, TimeoutError) or "Timeout" in kind:
        return LLMError(f"{place} did not answer in time", "timeout")
    if isinstance(error, ConnectionError) or "Connect" in kind or _is_transport(error):
        return LLMError(f"{place} cannot be reached: start it, or mend its base URL", "unreachable")
    return LLMError(f"{place} answered what cannot be read ({kind})", "unreadable")


def _of_status(status: int, retry_after: float | None, place: str) -> LLMError:
    said = f"{place} answered {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return LLMError(f"{said}: too many requests", "rate_limited", retry_after=retry_after)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return LLMError(f"{said}: its log says why", "failed", retry_after=retry_after)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return LLMError(f"{said}: mend its API key", "rejected")
    if status == HTTPStatus.NOT_FOUND:
        return LLMError(f"{said}: mend its model or its base URL", "rejected")
    return LLMError(f"{said}: it does not take what was asked", "rejected")


def _is_transport(error: Exception) -> bool:
    """Say whether it is an error of httpx, under either of the names that it is packaged as."""
    return any(base.__name__ == "TransportError" for base in type(error).__mro__)


def _retry_after(error: Exception) -> float | None:
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        return _seconds_until(text)


def _seconds_until(date: str) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    return max((then - datetime.now(UTC)).total_seconds(), 0.0) if then.tzinfo else None
