"""Prometheus, and what speaks its HTTP API: VictoriaMetrics, Thanos, Mimir, Cortex."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import groupby
from pathlib import Path
from reprlib import Repr
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from anomaliz.config.duration import Seconds, SecondsOrZero
from anomaliz.config.settings import Count, Location, Text
from anomaliz.core.errors import DataError
from anomaliz.sources.block_cache import EPOCH, BlockCache, Blocks
from anomaliz.sources.grid import Grid
from anomaliz.sources.prometheus_answer import (
    MILLISECOND,
    parse_json,
    parse_matrix,
    require_success,
    said_warnings,
)
from anomaliz.sources.readings import Readings, joined
from anomaliz.transport.connection import HttpSettings, HttpUrl, connect
from anomaliz.transport.retrying import Answer, exchange, persist

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

MEBIBYTE = 2**20
BLOCK = 256
"""Stamps of a cached block."""
SHORT = Repr()
SHORT.maxstring = 120


class PrometheusSettings(HttpSettings):
    """A server with Prometheus' HTTP API."""

    type: Literal["prometheus"] = "prometheus"
    url: HttpUrl = Field(
        "http://localhost:9090", description="Where the server is: what stands before `/api/v1`."
    )
    method: Literal["POST", "GET"] = Field(
        "POST", description="How queries are sent; GET where a proxy wants it."
    )
    parameters: dict[Text, str] = Field(
        default_factory=dict, description="Further ones, such as Thanos' `dedup`."
    )
    max_points: Count = Field(11_000, description="Most points of a series in one request.")
    max_range: Seconds | None = Field(
        None, description="Longest time in one request, where the server limits it."
    )
    parallel: Count = Field(4, description="Requests at once.")
    cache: Location | None = Field(
        None, description="Folder for what will not change any more; none keeps nothing."
    )
    cache_lag: SecondsOrZero = Field(600.0, description="Samples older than this do not change any more.")
    cache_mebibytes: Count = Field(1024, description="Largest size of the folder.")


class PrometheusSource:
    """Range queries, cut at the server's limit, several at once, kept on disk where they will not change."""

    looks_back = True

    def __init__(self, settings: PrometheusSettings) -> None:
        """Connect to nothing yet; SourceError where a file for TLS cannot be used."""
        self._settings = settings
        self._client = connect(settings, connections=settings.parallel)
        self._threads = ThreadPoolExecutor(settings.parallel, thread_name_prefix="prometheus")
        self._closed = Event()
        self._cache = settings.cache and BlockCache(settings.cache, settings.cache_mebibytes * MEBIBYTE)

    def read(
        self, query: str, start: np.datetime64, end: np.datetime64, step: np.timedelta64
    ) -> Iterator[Readings]:
        """Yield chunks of [start, end), as `Source.read` says; each has all its stamps.

        A stamp's value is what the query gives at that instant, so it looks back and never ahead.
        """
        grid = Grid.of(start, end, step)
        _require_milliseconds(grid)
        ahead: deque[Future[Readings]] = deque()
        try:
            for part in self._parts(grid):
                ahead.append(self._threads.submit(self._part, query, part))
                if len(ahead) > self._settings.parallel:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()
            if self._cache:
                self._cache.prune()

    def check(self) -> None:
        """Ask for a number, once and again for as long as one attempt may take; SourceError without it."""
        what = f"{self._settings.url} cannot be used as a source"
        self._ask("query", {"query": "vector(1)"}, what, self._settings.timeout)

    def close(self) -> None:
        """Give up what is being read and let go of the connections."""
        self._closed.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _parts(self, grid: Grid) -> Iterator[Grid]:
        """Yield the pieces that a request each can answer; with a cache they end where blocks end."""
        most = self._most_points(grid.step)
        if not self._cache or not len(grid):
            yield from grid.parts(most)
            return
        blocks = self._blocks(grid)
        together = most // blocks.size
        for first in range(blocks.number(grid.start), blocks.number(grid.times[-1]) + 1, together):
            whole = blocks.grid(first, first + together - 1)
            yield Grid(max(whole.start, grid.start), min(whole.end, grid.end), grid.step)

    def _most_points(self, step: np.timedelta64) -> int:
        longest = self._settings.max_range
        if longest is None:
            return self._settings.max_points
        return max(1, min(self._settings.max_points, int(round(longest * 1e9) // step.astype(np.int64)) + 1))

    def _blocks(self, grid: Grid) -> Blocks:
        return Blocks.of(grid, min(BLOCK, self._most_points(grid.step)))

    def _part(self, query: str, part: Grid) -> Readings:
        if not self._cache:
            return self._fetch(query, part).readings
        blocks = self._blocks(part)
        folder = self._cache.folder(self._asked(query), blocks)
        numbers = range(blocks.number(part.start), blocks.number(part.times[-1]) + 1)
        kept = {number: self._cache.load(folder, number, blocks.grid(number, number)) for number in numbers}
        found = [readings for readings in kept.values() if readings is not None]
        for first, last in _runs([number for number in numbers if kept[number] is None]):
            fetched = self._fetch(query, self._widened(part, blocks, first, last))
            found.append(fetched.readings)
            for number in range(first, last + 1):
                self._keep(folder, number, blocks.grid(number, number), fetched)
        # In the order of time, so that series are in the order in which they appear.
        found.sort(key=lambda readings: readings.times[0])
        return joined(found).between(part.start, part.end).sampled()

    def _widened(self, part: Grid, blocks: Blocks, first: int, last: int) -> Grid:
        """Return the stamps to ask for so that blocks which seem to be closed can be kept whole."""
        start, end = blocks.grid(first, first), blocks.grid(last, last)
        now = _local_now()
        return Grid(
            start.start if self._is_closed(start, now) else max(start.start, part.start),
            end.end if self._is_closed(end, now) else min(end.end, part.end),
            part.step,
        )

    def _is_closed(self, block: Grid, now: np.datetime64) -> bool:
        lag = np.timedelta64(round(self._settings.cache_lag * 1e9), "ns")
        return bool(block.end + lag <= now)

    def _keep(self, folder: Path, number: int, block: Grid, fetched: "Fetched") -> None:
        """Keep what is whole, closed and not empty: nothing at all may be data that come later."""
        readings = fetched.readings.between(block.start, block.end)
        whole = len(readings) == len(block) and fetched.is_complete
        if self._cache and whole and readings.has_data and self._is_closed(block, fetched.now):
            self._cache.store(folder, number, readings.sampled())

    def _asked(self, query: str) -> list[str]:
        parameters = [f"{name}={value}" for name, value in sorted(self._settings.parameters.items())]
        return [*self._settings.identity(), *parameters, query]

    def _fetch(self, query: str, part: Grid) -> "Fetched":
        what = f"{self._settings.url} does not answer {SHORT.repr(query)}"
        fields = {
            "query": query,
            "start": _seconds(part.start - EPOCH),
            "end": _seconds(part.times[-1] - EPOCH),
            "step": _seconds(part.step),
            # Without it VictoriaMetrics moves start and end to multiples of the step.
            "nocache": "1",
        }
        answer, content = self._ask("query_range", fields, what, self._settings.deadline)
        warnings = said_warnings(content)
        for warning in warnings:
            logger.warning("%s answers %s with a warning: %s", self._settings.url, SHORT.repr(query), warning)
        readings = parse_matrix(content, part, what).sampled()
        return Fetched(readings, _server_now(answer), is_complete=not warnings)

    def _ask(
        self, endpoint: str, fields: dict[str, str], what: str, deadline: float
    ) -> tuple[Answer, dict[str, Any]]:
        url = f"{self._settings.url}/api/v1/{endpoint}"
        sent = self._settings.parameters | fields

        def attempt(until: float) -> tuple[Answer, dict[str, Any]]:
            timeout = min(self._settings.timeout, max(until - time.monotonic(), 0.001))
            answer = exchange(self._client, self._request(url, sent, timeout), until)
            require_success(answer, what)
            return answer, parse_json(answer)

        return persist(attempt, seconds=deadline, what=what, stop=self._closed)

    def _request(self, url: str, fields: dict[str, str], timeout: float) -> "httpx.Request":
        if self._settings.method == "POST":
            return self._client.build_request("POST", url, data=fields, timeout=timeout)
        return self._client.build_request("GET", url, params=fields, timeout=timeout)


@dataclass(frozen=True)
class Fetched:
    """An answer, and how far it can be relied on."""

    readings: Readings
    now: np.datetime64
    """The server's clock, or ours where that is behind."""
    is_complete: bool
    """Whether the server warned of nothing."""


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield first and last of each run of consecutive numbers."""
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield members[0], members[-1]


def _require_milliseconds(grid: Grid) -> None:
    if (grid.step % MILLISECOND) or (grid.start - EPOCH) % MILLISECOND:
        raise DataError("Prometheus knows whole milliseconds: round start and step to them", field="step")


def _seconds(interval: np.timedelta64) -> str:
    return f"{int(interval // MILLISECOND) / 1000:.3f}"


def _local_now() -> np.datetime64:
    return np.datetime64(time.time_ns(), "ns")


def _server_now(answer: Answer) -> np.datetime64:
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return _local_now()
    return min(_local_now(), np.datetime64(round(date.timestamp() * 1e9), "ns"))
