"""Asking again: with growing pauses, as long as the server wants, until a deadline."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from anomaliz.core.errors import SourceError

if TYPE_CHECKING:
    import httpx

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses that can be others a moment later."""
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
"""Seconds between attempts; each pause is up to twice the one before."""

LONGEST_REST = 3600.0
"""Seconds of `Retry-After` that are believed."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer:
    """What a server sent."""

    status: int
    headers: "httpx.Headers"
    content: bytes

    @property
    def text(self) -> str:
        """Return the beginning of the content on one line, for an error."""
        return " ".join(self.content[:400].decode("utf-8", "replace").split())


class PassingFault(Exception):  # noqa: N818
    """A fault of one attempt that the next may not have; its text says what it was."""

    def __init__(self, reason: str, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.answer = answer
        """What the server sent, where it sent something."""

    @property
    def pause(self) -> float:
        """Seconds that the server wants to be left alone."""
        return retry_after(self.answer.headers) if self.answer else 0.0


@dataclass
class Pauses:
    """Exponential pauses with jitter, so that many clients do not come back at once."""

    bound: float = FIRST_PAUSE

    def next(self, wanted: float = 0.0) -> float:
        """Return the next pause in seconds, no shorter than `wanted`."""
        pause = self.bound * random.uniform(0.5, 1.0)
        self.bound = min(2 * self.bound, LONGEST_PAUSE)
        return max(pause, wanted)


def persist(attempt: Callable[[float], Result], *, seconds: float, what: str, stop: Event) -> Result:
    """Return the first result of `attempt(until)`, repeated while it raises PassingFault.

    `until` is the deadline by `time.monotonic`. Raises SourceError, which begins with `what`, where the next
    attempt would begin after it, or where `stop` is set meanwhile.
    """
    until = time.monotonic() + seconds
    waits = Pauses()
    attempts = 0
    while True:
        attempts += 1
        try:
            return attempt(until)
        except PassingFault as fault:
            pause = waits.next(fault.pause)
            if time.monotonic() + pause >= until:
                raise SourceError(_gave_up(what, fault, attempts, seconds)) from None
        if stop.wait(pause):
            raise SourceError(f"{what}: it was closed meanwhile")


def _gave_up(what: str, fault: PassingFault, attempts: int, seconds: float) -> str:
    tried = "one attempt" if attempts == 1 else f"{attempts} attempts"
    wish = f", and it asks for {fault.pause:g} s of rest" if fault.pause else ""
    return (
        f"{what}: {fault} after {tried}{wish}; check that the system is up and its url right, or raise "
        f"the deadline of {seconds:g} s"
    )


def exchange(client: "httpx.Client", request: "httpx.Request", until: float) -> Answer:
    """Send `request` once and return the answer, read whole.

    Raises PassingFault where there is none by `until` (`time.monotonic`), where it breaks off, and on a
    passing status; SourceError where the server's certificate is not trusted.
    """
    import httpx

    try:
        response = client.send(request, stream=True)
        try:
            # A read's timeout is the longest silence: bytes that drip could go on for ever.
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if time.monotonic() > until:
                    raise PassingFault("the answer did not end in time")
        finally:
            response.close()
    except httpx.TimeoutException:
        raise PassingFault(f"no answer within {_silence(request):.2g} s") from None
    except httpx.RequestError as error:
        _refuse_untrusted(request, error)
        raise PassingFault(_reason(error)) from None
    answer = Answer(response.status_code, response.headers, bytes(content))
    if answer.status in PASSING:
        said = f" ({answer.text[:120]})" if answer.content else ""
        raise PassingFault(f"HTTP {answer.status}{said}", answer)
    return answer


def retry_after(headers: "httpx.Headers") -> float:
    """Return the seconds that `Retry-After` asks for, in either of its forms; 0 without it."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST_REST)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if then.tzinfo is None:
        return 0.0
    return min(max(0.0, (then - datetime.now(UTC)).total_seconds()), LONGEST_REST)


def _silence(request: "httpx.Request") -> float:
    return float(request.extensions["timeout"]["read"])


def _refuse_untrusted(request: "httpx.Request", error: Exception) -> None:
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        raise SourceError(
            f"{request.url.scheme}://{request.url.netloc.decode()} shows a certificate that is not trusted: "
            "give tls.ca_file, or tls.insecure_skip_verify: true"
        ) from None


def _reason(error: Exception) -> str:
    text = str(error).strip()
    return text[0].lower() + text[1:] if text else type(error).__name__
