"""Prometheus remote write: to Prometheus, VictoriaMetrics, Mimir and all that take it."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Condition, Event, Thread
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from anomaliz.config.settings import Count
from anomaliz.core.errors import MissingExtraError, SourceError
from anomaliz.sinks.disk_queue import DiskQueue, weight
from anomaliz.sinks.division import halves, is_for_age
from anomaliz.sinks.sink import Samples
from anomaliz.sinks.write_request import EncodedSeries, decode_request, encode_batch, encode_request
from anomaliz.transport.connection import HttpSettings, HttpUrl, connect
from anomaliz.transport.retrying import Answer, PassingFault, Pauses, exchange, persist

logger = logging.getLogger(__name__)

HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
PATH = "/api/v1/write"
MEBIBYTE = 2**20
DIVISIBLE = frozenset({400, 413, 422})
"""Refusals that can be about some of the series alone."""
MOST_DIVISIONS = 64
"""How often a refused batch and its parts are halved, to find out which samples are at fault."""
LOOK = 0.5
"""Seconds between looks at a queue that another process empties."""


def _with_path(url: str) -> str:
    return url if urlsplit(url).path else f"{url}{PATH}"


class RemoteWriteSettings(HttpSettings):
    """A server that takes Prometheus remote write."""

    type: Literal["remote_write"] = "remote_write"
    url: Annotated[HttpUrl, AfterValidator(_with_path)] = Field(
        f"http://localhost:9090{PATH}", description=f"Where samples go; `{PATH}` is added to a bare host."
    )
    batch_samples: Count = Field(5000, description="Most samples of a request.")
    queue_mebibytes: Count = Field(256, description="Largest size of the queue on disk.")


class RemoteWriteSink:
    """Samples go through a queue on disk, and from there in order, by a thread, to the server.

    What the server cannot take now (429, 5xx, no answer) is sent again until it does, with what came after it
    waiting. What it refuses (other 4xx) is dropped, logged and counted: of a batch, where possible, only
    the series at fault.
    """

    def __init__(self, settings: RemoteWriteSettings, directory: Path) -> None:
        """Go on with what waits in `directory`; SourceError where that cannot be a queue."""
        self._settings = settings
        self._compress, self._decompress = _snappy()
        self._client = connect(settings, connections=1)
        self._queue = DiskQueue(directory, settings.queue_mebibytes * MEBIBYTE)
        self._stop = Event()
        self._changed = Condition()
        self._fault = ""
        self.sent = 0
        """Samples that the server took."""
        self.dropped = 0
        """Samples that the server refused."""
        self.refusal = ""
        """What the server said when it last refused samples; empty where it has not."""
        self.retries = 0
        """Requests that had to be sent again."""
        self._thread = Thread(target=self._run, name="remote write", daemon=True)
        self._thread.start()

    def write(self, batch: Sequence[Samples]) -> None:
        """Put samples into the queue; SourceError where it is full, DataError where a name is not allowed."""
        self._queue.put(self._requests(batch))
        with self._changed:
            self._changed.notify_all()

    def check(self) -> None:
        """Send a request without samples; SourceError where the server does not take it."""
        what = f"{self._settings.url} cannot be used as a sink"
        answer = persist(
            lambda until: self._exchange(self._compress(b""), until),
            seconds=self._settings.timeout,
            what=what,
            stop=self._stop,
        )
        if not _is_taken(answer):
            raise SourceError(
                f"{what}: HTTP {answer.status} ({answer.text[:120]}); check the url and who we are"
            )

    def flush(self) -> None:
        """Wait until the queue is empty; SourceError, with nothing lost, where it is not by the deadline."""
        until = time.monotonic() + self._settings.deadline
        with self._changed:
            while waiting := self._queue.items():
                if time.monotonic() >= until or self._stop.is_set():
                    raise SourceError(self._overdue(sum(map(weight, waiting))))
                self._changed.wait(LOOK)

    def close(self) -> None:
        """Stop sending; what waits is sent when the queue is next opened."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(self._settings.timeout)
        self._client.close()

    def pending(self) -> int:
        """Return how many samples wait."""
        return sum(map(weight, self._queue.items()))

    def _overdue(self, n_samples: int) -> str:
        reason = f" ({self._fault})" if self._fault else ""
        return (
            f"{self._settings.url} has not taken {n_samples:,} samples yet{reason}: "
            "they wait in the queue; check that the server is up and its url right"
        )

    def _requests(self, batch: Sequence[Samples]) -> Iterator[tuple[int, bytes]]:
        """Yield compressed requests with their numbers of samples."""
        most = self._settings.batch_samples
        parts: list[EncodedSeries] = []
        samples = 0
        for series in encode_batch(batch, most):
            if samples + len(series) > most:
                yield samples, self._compress(encode_request(parts))
                parts, samples = [], 0
            parts.append(series)
            samples += len(series)
        if parts:
            yield samples, self._compress(encode_request(parts))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._queue.taking() as ours:
                    if ours:
                        self._drain()
            except Exception:
                # Without this thread nothing would ever be sent again.
                logger.exception("the queue of %s cannot be emptied", self._settings.url)
                ours = False
            with self._changed:
                if not self._stop.is_set() and not (ours and self._queue.items()):
                    self._changed.wait(LOOK)

    def _drain(self) -> None:
        for item in self._queue.items():
            try:
                self._deliver(item.read_bytes(), weight(item))
            except _Stopped:
                return
            item.unlink()
        with self._changed:
            self._changed.notify_all()

    def _deliver(self, request: bytes, n_samples: int) -> None:
        answer = self._post(request)
        if _is_taken(answer):
            self.sent += n_samples
        elif _is_divisible(answer):
            self._divide(decode_request(self._decompress(request)), answer)
        else:
            self._drop(n_samples, answer)

    def _divide(self, refused: list[EncodedSeries], answer: Answer) -> None:
        """Send the halves of what was refused, and theirs, so that only samples at fault are lost.

        A half is done with before the next one is sent: within a series, time goes forward.
        """
        waiting: list[list[EncodedSeries]] = []
        divisions = lost = 0
        while True:
            divisible = _is_divisible(answer) and divisions < MOST_DIVISIONS
            parts = halves(refused, answer.text) if divisible else None
            if parts:
                divisions += 1
                waiting += reversed(parts)
            else:
                lost += _count(refused)
                reason = answer
            while waiting:
                part = waiting.pop()
                answer = self._post(self._compress(encode_request(part)))
                if not _is_taken(answer):
                    refused = part
                    break
                self.sent += _count(part)
            else:
                break
        if lost:
            self._drop(lost, reason)

    def _drop(self, n_samples: int, answer: Answer) -> None:
        self.dropped += n_samples
        self.refusal = f"HTTP {answer.status} ({answer.text[:200].strip()})"
        logger.error("%s refuses %d samples, they are lost: %s", self._settings.url, n_samples, self.refusal)

    def _post(self, request: bytes) -> Answer:
        """Return the server's answer, however long it takes to be one."""
        waits = Pauses()
        while not self._stop.is_set():
            try:
                answer = self._exchange(request, time.monotonic() + self._settings.deadline)
            except (PassingFault, SourceError) as fault:
                self._fault = str(fault)
                self.retries += 1
                pause = waits.next(fault.pause if isinstance(fault, PassingFault) else 0.0)
                logger.warning("%s: %s; next attempt in %.1f s", self._settings.url, fault, pause)
                self._stop.wait(pause)
            else:
                self._fault = ""
                return answer
        raise _Stopped

    def _exchange(self, request: bytes, until: float) -> Answer:
        timeout = min(self._settings.timeout, max(until - time.monotonic(), 0.001))
        built = self._client.build_request(
            "POST", self._settings.url, content=request, headers=HEADERS, timeout=timeout
        )
        try:
            return exchange(self._client, built, until)
        except PassingFault as fault:
            # Some versions of Prometheus say 500 to old samples: they would stand in the way for ever.
            if fault.answer is not None and is_for_age(fault.answer.text):
                return fault.answer
            raise


class _Stopped(Exception):  # noqa: N818
    """The sink was closed while a request was on its way."""


def _is_taken(answer: Answer) -> bool:
    return 200 <= answer.status < 300


def _is_divisible(answer: Answer) -> bool:
    return answer.status in DIVISIBLE or is_for_age(answer.text)


def _count(series: list[EncodedSeries]) -> int:
    return sum(map(len, series))


def _snappy() -> tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    """Return how raw blocks of snappy are written and read."""
    try:
        from cramjam import snappy
    except ImportError:
        raise MissingExtraError.of("remote write", "sources") from None
    return lambda data: bytes(snappy.compress_raw(data)), lambda data: bytes(snappy.decompress_raw(data))
