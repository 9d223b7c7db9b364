"""Reading from a real Redis with time series."""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import numpy as np
import pytest
import redis
from pydantic import SecretStr, ValidationError

from anomaliz.core.errors import DataError, SourceError
from anomaliz.core.labels import NAME
from anomaliz.sources.readings import Readings, joined
from anomaliz.sources.redis_timeseries import RedisTimeSeriesSettings, RedisTimeSeriesSource
from anomaliz.sources.series_query import SeriesQuery

START = np.datetime64("2026-01-05T00:00:00", "ns")
START_MS = 1_767_571_200_000
MINUTE = np.timedelta64(60, "s")
N = 60
KEY = "metrics:cpu:usage"
KINDS = ["avg", "sum", "min", "max", "range", "count", "first", "last", "std.p", "std.s", "var.p", "var.s"]


@pytest.fixture(scope="module")
def client(redis_port: int) -> Iterator[redis.Redis]:
    """Two series of a sample every 10 s for an hour, and a third that is not a series."""
    with redis.Redis(port=redis_port) as client:
        for key, host, offset in ((KEY, "web1", 0.0), ("metrics:cpu:other", "web2", 100.0)):
            labels = ("LABELS", "host", host, "metric", "cpu", "region", "eu")
            client.execute_command("TS.CREATE", key, *labels)
            for i in range(6 * N):
                client.execute_command("TS.ADD", key, START_MS + 10_000 * i, i + offset)
        client.set("text", "x")
        client.execute_command("TS.CREATE", "metrics:idle")
        yield client


@pytest.fixture
def source(redis_port: int) -> Iterator[RedisTimeSeriesSource]:
    source = RedisTimeSeriesSource(RedisTimeSeriesSettings(url=SecretStr(f"redis://127.0.0.1:{redis_port}")))
    yield source
    source.close()


def read(
    source: RedisTimeSeriesSource, query: str, minutes: int = N, step: np.timedelta64 = MINUTE
) -> Readings:
    return joined(source.read(query, START, START + minutes * MINUTE, step))


@pytest.mark.usefixtures("client")
class TestReading:
    def test_the_newest_sample_of_each_step_is_read_with_the_series_labels(
        self, source: RedisTimeSeriesSource
    ) -> None:
        found = read(source, KEY)
        assert found.labels == ({NAME: KEY, "host": "web1", "metric": "cpu", "region": "eu"},)
        assert (found.times == START + np.arange(N) * MINUTE).all()
        assert found.values[:, 0].tolist() == [6 * i + 5 for i in range(N)]

    def test_the_interval_is_half_open(self, source: RedisTimeSeriesSource) -> None:
        found = joined(source.read(KEY, START, START + np.timedelta64(10, "s"), MINUTE))
        assert found.values.tolist() == [[0.0]]

    def test_a_filter_reads_every_series_that_has_the_labels(self, source: RedisTimeSeriesSource) -> None:
        found = read(source, "FILTER metric=cpu region=eu", 2)
        columns = zip(found.labels, found.values.T, strict=True)
        by_host = {labels["host"]: column.tolist() for labels, column in columns}
        assert by_host == {"web1": [5, 11], "web2": [105, 111]}

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_aggregation_is_the_servers(self, source: RedisTimeSeriesSource, kind: str) -> None:
        expected: dict[str, Callable[[np.ndarray], float]] = {
            "avg": np.mean,
            "range": np.ptp,
            "count": len,
            "first": lambda values: values[0],
            "last": lambda values: values[-1],
            "std.p": np.std,
            "std.s": lambda values: np.std(values, ddof=1),
            "var.p": np.var,
            "var.s": lambda values: np.var(values, ddof=1),
            "sum": np.sum,
            "min": np.min,
            "max": np.max,
        }
        found = read(source, f"{KEY} AGGREGATION {kind} 60000", 3)
        samples = np.arange(18.0).reshape(3, 6)
        assert found.values[:, 0] == pytest.approx([expected[kind](bucket) for bucket in samples])

    def test_a_bucket_may_be_left_out_and_is_then_the_step(self, source: RedisTimeSeriesSource) -> None:
        assert read(source, f"{KEY} AGGREGATION avg", 2).values.tolist() == [[2.5], [8.5]]

    def test_the_time_weighted_average_is_known_too(self, source: RedisTimeSeriesSource) -> None:
        assert read(source, f"{KEY} AGGREGATION twa 60000", 2).values[0, 0] == pytest.approx(3.0)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ("FILTER_BY_VALUE 2 7", [5, 7, None]),
            (f"FILTER_BY_TS {START_MS + 10_000} {START_MS + 120_000}", [1, None, 12]),
            ("AGGREGATION sum 60000 FILTER_BY_VALUE 0 3", [6, None, None]),
            ("COUNT 2", [1, None, None]),
            ("REVERSED COUNT 2", [None, None, 17]),
            ("REVERSED", [5, 11, 17]),
            ("AGGREGATION sum 120000", [66, None, 87]),
            (f"AGGREGATION sum 120000 ALIGN {START_MS - 60_000}", [None, sum(range(6, 18)), None]),
            ("AGGREGATION sum 60000 FILTER_BY_VALUE 0 3 EMPTY", [6, None, None]),
            ("LATEST", [5, 11, 17]),
        ],
    )
    def test_options_are_the_servers(
        self, source: RedisTimeSeriesSource, options: str, expected: Sequence[float | None]
    ) -> None:
        found = read(source, f"{KEY} {options}", 3).values[:, 0]
        assert [None if np.isnan(value) else value for value in found] == expected

    def test_series_are_grouped(self, source: RedisTimeSeriesSource) -> None:
        found = read(source, "AGGREGATION max 60000 FILTER metric=cpu GROUPBY region REDUCE sum", 1)
        assert found.labels == ({"region": "eu"},)
        assert found.values.tolist() == [[110.0]]

    @pytest.mark.parametrize("options", ["", " AGGREGATION avg 60000", " AGGREGATION sum 420000 ALIGN 0"])
    def test_chunks_give_what_one_question_gives(
        self, source: RedisTimeSeriesSource, redis_port: int, options: str
    ) -> None:
        url = SecretStr(f"redis://127.0.0.1:{redis_port}")
        cut = RedisTimeSeriesSource(RedisTimeSeriesSettings(url=url, chunk_rows=7))
        chunks = list(cut.read(KEY + options, START, START + N * MINUTE, MINUTE))
        cut.close()
        assert [len(chunk) for chunk in chunks] == [7] * 8 + [4]
        assert np.array_equal(joined(chunks).values, read(source, KEY + options).values, equal_nan=True)

    @pytest.mark.parametrize("query", ["metrics:none", "FILTER metric=none"])
    def test_what_does_not_exist_is_no_data(self, source: RedisTimeSeriesSource, query: str) -> None:
        found = read(source, query, 3)
        assert found.labels == ()
        assert not found.has_data

    def test_a_series_without_samples_is_no_data(self, source: RedisTimeSeriesSource) -> None:
        found = read(source, "metrics:idle", 3)
        assert found.labels == ({NAME: "metrics:idle"},)
        assert not found.has_data

    def test_times_before_the_epoch_are_no_data(self, source: RedisTimeSeriesSource) -> None:
        early = np.datetime64("1969-12-31T23:59:00")
        assert not joined(source.read(KEY, early, early + MINUTE, MINUTE)).has_data

    @pytest.mark.parametrize(
        "step", [np.timedelta64(1, "us"), np.timedelta64(1_500_000, "ns"), np.timedelta64(0, "s")]
    )
    def test_a_step_is_whole_milliseconds(self, source: RedisTimeSeriesSource, step: np.timedelta64) -> None:
        with pytest.raises(DataError, match="step"):
            read(source, KEY, 1, step)

    def test_a_key_of_another_kind_is_refused(self, source: RedisTimeSeriesSource) -> None:
        with pytest.raises(SourceError, match="no time series at 'text' but another kind of value"):
            read(source, "text", 1)

    def test_what_the_server_refuses_is_said(self, source: RedisTimeSeriesSource) -> None:
        with pytest.raises(SourceError, match="at least one matcher"):
            read(source, "FILTER metric!=cpu", 1)

    @pytest.mark.parametrize("protocol", [2, 3])
    @pytest.mark.parametrize("decoded", [False, True])
    @pytest.mark.parametrize("read_by_library", [False, True])
    def test_any_client_will_do(
        self, redis_port: int, protocol: int, decoded: bool, read_by_library: bool
    ) -> None:
        with redis.Redis(port=redis_port, protocol=protocol, decode_responses=decoded) as client:
            if read_by_library:
                client.ts()  # from here on the library reads the answers of these commands
            source = RedisTimeSeriesSource(client=client)
            source.check()
            one = read(source, KEY, 2)
            assert one.labels == ({NAME: KEY, "host": "web1", "metric": "cpu", "region": "eu"},)
            assert one.values.tolist() == [[5.0], [11.0]]
            every = read(source, "FILTER metric=cpu", 2)
            assert {labels[NAME] for labels in every.labels} == {KEY, "metrics:cpu:other"}
            assert all(labels["region"] == "eu" for labels in every.labels)
            group = read(source, "AGGREGATION max FILTER metric=cpu GROUPBY region REDUCE sum", 2)
            assert group.labels == ({"region": "eu"},)
            assert not read(source, "FILTER metric=none", 1).has_data

    def test_samples_are_as_they_are_stored(self, client: redis.Redis) -> None:
        source = RedisTimeSeriesSource(client=client)
        start = datetime(2026, 1, 5, tzinfo=UTC)
        query = SeriesQuery(key=KEY, start=start, end=start + timedelta(seconds=30))
        (samples,) = source.samples(query)
        assert samples.times.astype(int).tolist() == [START_MS, START_MS + 10_000, START_MS + 20_000]
        assert samples.values.tolist() == [0, 1, 2]

    @pytest.mark.parametrize("backwards", [False, True])
    def test_samples_come_oldest_first(self, client: redis.Redis, backwards: bool) -> None:
        (samples,) = RedisTimeSeriesSource(client=client).samples(
            SeriesQuery(key=KEY, count=3, reversed=backwards)
        )
        assert samples.values.tolist() == ([357, 358, 359] if backwards else [0, 1, 2])

    def test_buckets_may_be_counted_from_either_end(self, client: redis.Redis) -> None:
        source = RedisTimeSeriesSource(client=client)
        asked = {"key": KEY, "start": START_MS, "end": START_MS + 50_000, "aggregation": "count"}
        (plain,) = source.samples(SeriesQuery(**asked, bucket=timedelta(seconds=20)))
        (from_end,) = source.samples(SeriesQuery(**asked, bucket=timedelta(seconds=20), align="end"))
        assert plain.values.tolist() == [2, 2, 1]
        assert from_end.values.tolist() == [1, 2, 2]

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"aggregation": "avg"}, "needs a bucket"),
            ({"aggregation": "avg", "bucket": 1000, "align": "end"}, "give end"),
        ],
    )
    def test_an_aggregation_says_what_it_lacks(
        self, client: redis.Redis, fields: dict[str, object], words: str
    ) -> None:
        with pytest.raises(DataError, match=words):
            RedisTimeSeriesSource(client=client).samples(SeriesQuery(key=KEY, **fields))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a:b", {"key": "a:b"}),
        ("'a key' count 5", {"key": "a key", "count": 5}),
        ("a aggregation AVG 5", {"key": "a", "aggregation": "avg", "bucket": 5}),
        ("a AGGREGATION avg 5 ALIGN +", {"key": "a", "aggregation": "avg", "bucket": 5, "align": "end"}),
        ("FILTER a=b c!=d", {"filters": ("a=b", "c!=d")}),
        ("LATEST FILTER a=(b,c)", {"filters": ("a=(b,c)",), "latest": True}),
    ],
)
def test_a_query_is_what_one_would_write_for_redis(text: str, fields: dict[str, object]) -> None:
    assert SeriesQuery.parse(text) == SeriesQuery(**fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "give a key, or FILTER label=value"),
        ("FILTER", "give a key, or FILTER label=value"),
        ("a AGGREGATION av 5", "'av' is not an aggregation, did you mean 'avg'?"),
        ("a AGGREGATION", "AGGREGATION needs a value"),
        ("a COUN 3", "'COUN' is not an option, did you mean 'COUNT'?"),
        ("a COUNT x", "count"),
        ("a COUNT 0", "count"),
        ("a FILTER b=c", "a key or filters, not both"),
        ("a EMPTY", "empty needs an aggregation"),
        ("a FILTER_BY_VALUE 5 1", "from the least to the greatest"),
        ("a FILTER_BY_VALUE nan 1", "finite"),
        ("FILTER a=b GROUPBY a", "GROUPBY needs a value"),
        ("FILTER a=b GROUPBY a BY sum", "needs REDUCE"),
        ("a GROUPBY b REDUCE sum", "group_by needs filters"),
        ("a 'b", "No closing quotation"),
    ],
)
def test_a_query_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(DataError) as raised:
        SeriesQuery.parse(text)
    assert words in str(raised.value)
    assert repr(text) in str(raised.value)


def test_a_script_cannot_ask_for_the_impossible() -> None:
    with pytest.raises(ValidationError, match="bucket needs an aggregation"):
        SeriesQuery(key="a", bucket=timedelta(minutes=1))


class TestFaults:
    def test_a_server_without_time_series_is_named(self, plain_redis_port: int) -> None:
        url = SecretStr(f"redis://:sesame@127.0.0.1:{plain_redis_port}")
        with pytest.raises(SourceError) as raised:
            RedisTimeSeriesSource(RedisTimeSeriesSettings(url=url)).check()
        assert str(raised.value).startswith(
            f"Redis at 127.0.0.1:{plain_redis_port} has no time-series commands"
        )

    def test_a_wrong_password_is_named_and_not_shown(self, plain_redis_port: int) -> None:
        url = SecretStr(f"redis://:open@127.0.0.1:{plain_redis_port}")
        with pytest.raises(SourceError, match="refuses the user and password") as raised:
            RedisTimeSeriesSource(RedisTimeSeriesSettings(url=url)).check()
        assert "open" not in str(raised.value)

    def test_nobody_there(self, free_port: int) -> None:
        url = SecretStr(f"redis://127.0.0.1:{free_port}")
        with pytest.raises(SourceError, match=f"127.0.0.1:{free_port} cannot be reached"):
            RedisTimeSeriesSource(RedisTimeSeriesSettings(url=url)).check()

    def test_a_url_that_is_none(self) -> None:
        with pytest.raises(SourceError, match="give redis://host:port"):
            RedisTimeSeriesSource(RedisTimeSeriesSettings(url=SecretStr("http://x")))

    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (b"", "cannot be reached"),
            (None, "did not answer in time"),
            (b"*2\r\n*2\r\n:1\r\n", "cannot be reached"),
            (b"+hello\r\n", "that is not one"),
            (b"*1\r\n*2\r\n:1\r\n$1\r\nx\r\n", "that is not one"),
            (b"?\r\n", "no answer that can be read|cannot be reached"),
        ],
        ids=["reset", "stall", "half an answer", "another answer", "no number", "garbage"],
    )
    def test_a_server_that_fails_is_a_sentence(self, reply: bytes | None, words: str) -> None:
        with answering(reply) as port:
            url = SecretStr(f"redis://127.0.0.1:{port}?protocol=2")
            source = RedisTimeSeriesSource(RedisTimeSeriesSettings(url=url, timeout=0.2))
            with pytest.raises(SourceError, match=words):
                read(source, KEY, 1)
            source.close()


@contextmanager
def answering(reply: bytes | None) -> Iterator[int]:
    """Serve a Redis that answers every time-series command so and hangs up; None says nothing."""
    import socket

    over = Event()

    def serve(connection: socket.socket) -> None:
        with connection:
            while asked := connection.recv(65536):
                if b"TS.RANGE" not in asked:
                    connection.sendall(b"+OK\r\n" * asked.count(b"*"))
                    continue
                if reply is None:
                    over.wait(10)
                elif reply:
                    connection.sendall(reply)
                else:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            threads.append(Thread(target=serve, args=(connection,)))
            threads[-1].start()

    threads: list[Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        accepting = Thread(target=accept)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            for thread in (accepting, *threads):
                thread.join()
