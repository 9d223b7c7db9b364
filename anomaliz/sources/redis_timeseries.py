"""Redis TimeSeries: one series by its key, or all that have certain labels."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import numpy as np
from pydantic import Field, SecretStr

from anomaliz.config.settings import Count, Secret, Section
from anomaliz.core.errors import DataError, MissingExtraError, SourceError
from anomaliz.core.labels import NAME
from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import Readings
from anomaliz.sources.redis_answer import Samples, info_labels, range_samples, ranges_samples
from anomaliz.sources.series_query import Command, SeriesQuery

if TYPE_CHECKING:
    import redis

MILLISECOND = np.timedelta64(1, "ms")
RETRIES = 2
NO_COMMANDS = "has no time-series commands: use Redis 8 or Redis Stack, or load the module redistimeseries.so"
NEWEST = 2**63 - 2
"""Milliseconds: no stamp is later."""
NEVER_A_KEY = "anomaliz:check"


class RedisTimeSeriesSettings(Section):
    """A Redis server with the time-series module."""

    type: Literal["redis_timeseries"] = "redis_timeseries"
    url: Secret = Field(
        SecretStr("redis://localhost:6379"),
        description="`redis://user:password@host:port/db`, or `rediss://` for TLS.",
    )
    timeout: Annotated[float, Field(gt=0)] = Field(
        10.0, description="Seconds until a connection or an answer is given up."
    )
    chunk_rows: Count = Field(
        10_000, description="Most stamps in a chunk, and in one question to the server."
    )


class RedisTimeSeriesSource:
    """A source of Redis time series. A query is what `SeriesQuery.parse` reads.

    Without an aggregation the server itself takes the newest sample of each step. A series' labels are its
    own, and its key is the metric's name; those of a group are the label that it was made by.
    """

    looks_back = False

    def __init__(
        self, settings: RedisTimeSeriesSettings | None = None, client: "redis.Redis | None" = None
    ) -> None:
        """Read with a connection of its own, or with `client`, bytes or decoded; connects to nothing yet.

        Raises SourceError for a URL that is none.
        """
        settings = settings or RedisTimeSeriesSettings()
        self._chunk_rows = settings.chunk_rows
        self._client = client or _client(settings)
        self._name = "Redis" if client else f"Redis at {_place(settings.url.get_secret_value())}"

    def read(
        self, query: str, start: np.datetime64, end: np.datetime64, step: np.timedelta64
    ) -> Iterator[Readings]:
        """Yield chunks as `Source.read` says; DataError for a query that cannot be read."""
        grid = Grid.of(start, end, step)
        if grid.step % MILLISECOND or (grid.start - np.datetime64(0, "ns")) % MILLISECOND:
            raise DataError(
                "Redis counts in milliseconds: give a start and a step of whole ones", field="step"
            )
        return self._chunks(SeriesQuery.parse(query), grid)

    def samples(self, query: SeriesQuery) -> list[Samples]:
        """Return the samples of `query` as they are stored or aggregated, not on a grid.

        Raises SourceError as `Source.read` does, and DataError for an aggregation without a bucket.
        """
        if query.aggregation and query.bucket is None:
            raise DataError(f"aggregation {query.aggregation} needs a bucket", field="bucket")
        first = query.start or 0
        last = NEWEST if query.end is None else query.end - 1
        if last < first:
            return []
        if query.align == "end" and query.end is None:
            raise DataError("align 'end' needs an end to align to: give end", field="align")
        return self._asked(query, query.command(first, last, query.bucket, query.aligned(first, last + 1)))

    def check(self) -> None:
        """Raise SourceError where the server cannot be reached or has no time-series commands."""
        self._ask(["TS.RANGE", NEVER_A_KEY, 0, 0])

    def close(self) -> None:
        self._client.close()

    def _chunks(self, query: SeriesQuery, grid: Grid) -> Iterator[Readings]:
        step = int(grid.step // MILLISECOND)
        if query.count is None:
            # Without a count the order says nothing; and backwards the server takes `last` for the first.
            query = query.model_copy(update={"aggregation": query.aggregation or "last", "reversed": False})
        bucket = (query.bucket or step) if query.aggregation else None
        # A count is of the whole read, so that is asked for at once.
        parts = grid.parts(len(grid) if query.count and len(grid) else self._chunk_rows)
        for part in parts:
            yield self._readings(query, grid, part, bucket)

    def _readings(self, query: SeriesQuery, grid: Grid, part: Grid, bucket: int | None) -> Readings:
        start, end = _milliseconds(grid.start), _milliseconds(grid.end)
        align = query.aligned(start, end) if query.align is not None else start
        first, last = _milliseconds(part.start), _milliseconds(part.end)
        if bucket:
            # Whole buckets, also where one lies across the border of two chunks.
            first = max(first - (first - align) % bucket, start)
            last = min(last + (align - last) % bucket, end)
        found = []
        if last > max(first, 0):
            found = self._asked(query, query.command(max(first, 0), last - 1, bucket, align))
        columns = [part.newest(series.times.astype("datetime64[ns]"), series.values) for series in found]
        named = query.group_by is None
        labels = tuple({**series.labels, **({NAME: series.key} if named else {})} for series in found)
        values = np.stack(columns, axis=1) if columns else np.empty((len(part), 0))
        return Readings(part.times, values, labels)

    def _asked(self, query: SeriesQuery, command: Command) -> list[Samples]:
        answer = self._ask(command)
        if answer is None:
            return []
        try:
            if query.key is None:
                return list(ranges_samples(answer))
            return [range_samples(query.key, info_labels(self._ask(["TS.INFO", query.key])), answer)]
        except (TypeError, ValueError, KeyError, OverflowError):
            raise SourceError(f"{self._name} gave an answer to {command[0]} that is not one") from None

    def _ask(self, command: Command) -> Any:
        """Return the server's answer, or None where it knows no such key."""
        from redis import exceptions

        try:
            return self._client.execute_command(*command)  # type: ignore[no-untyped-call]
        except exceptions.ResponseError as error:
            if "key does not exist" in str(error):
                return None
            raise SourceError(f"{self._name} {_refusal(error, command)}") from None
        except exceptions.TimeoutError:
            raise SourceError(
                f"{self._name} did not answer in time: raise timeout, or ask for less"
            ) from None
        except exceptions.AuthenticationError:
            raise SourceError(f"{self._name} refuses the user and password: check the URL") from None
        except exceptions.ConnectionError as error:
            raise SourceError(
                f"{self._name} cannot be reached ({_first_line(error)}): check the URL"
            ) from None
        except (exceptions.RedisError, ValueError, OSError) as error:
            raise SourceError(
                f"{self._name} gave no answer that can be read ({_first_line(error)})"
            ) from None


def _client(settings: RedisTimeSeriesSettings) -> "redis.Redis":
    try:
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry
    except ImportError:
        raise MissingExtraError.of("reading Redis", "sources") from None
    try:
        return redis.Redis.from_url(
            settings.url.get_secret_value(),
            socket_timeout=settings.timeout,
            socket_connect_timeout=settings.timeout,
            retry=Retry(ExponentialBackoff(cap=1.0, base=0.05), RETRIES),
        )
    except ValueError:
        raise SourceError(
            "the Redis URL cannot be read: give redis://host:port, rediss:// or unix://", field="url"
        ) from None


def _milliseconds(stamp: np.datetime64) -> int:
    """Return the first whole millisecond at or after the stamp."""
    return -int((np.datetime64(0, "ns") - stamp) // MILLISECOND)


def _refusal(error: Exception, command: Command) -> str:
    reason = _first_line(error)
    if "unknown command" in reason.lower():
        return NO_COMMANDS
    if "WRONGTYPE" in reason:
        return f"has no time series at {command[1]!r} but another kind of value: check the key"
    return f"refuses {command[0]} ({reason}): check the query"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def _place(url: str) -> str:
    """Return the URL's server without user and password."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.path
