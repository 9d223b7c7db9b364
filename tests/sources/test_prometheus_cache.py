"""What is kept on disk, and what is asked for again."""

import json
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest
from scripted_server import Handler, ScriptedServer, serving

from anomaliz.sources.prometheus import BLOCK, PrometheusSettings, PrometheusSource
from anomaliz.sources.readings import Readings, joined

STEP = np.timedelta64(60, "s")
START = np.datetime64("2026-01-05T00:07:00", "ns")
SECOND = np.timedelta64(1, "s")


class Metrics:
    """Answers `query_range`: a series is the minute since 1970, another comes and goes."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.date: float | None = None
        self.offset = 0.0
        self.is_empty = False

    def __call__(self, handler: Handler) -> None:
        fields = handler.asked.fields
        first, last, step = (float(fields[name]) for name in ("start", "end", "step"))
        stamps = np.arange(first, last + step / 2, step)
        a = [[stamp, str(stamp / 60 + self.offset)] for stamp in stamps]
        b = [[stamp, str(-stamp)] for stamp in stamps if (stamp // 36_000) % 2]
        result = [
            {"metric": {"i": name}, "values": points} for name, points in (("a", a), ("b", b)) if points
        ]
        data = {"resultType": "matrix", "result": [] if self.is_empty else result}
        answer = {"status": "success", "data": data, "warnings": self.warnings}
        date = {} if self.date is None else {"Date": formatdate(self.date, usegmt=True)}
        handler.answer(200, json.dumps(answer).encode(), date)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(metrics: Metrics) -> Iterator[ScriptedServer]:
    with serving(metrics) as server:
        yield server


Reader = Callable[..., Readings]


@pytest.fixture
def read(server: ScriptedServer, tmp_path: Path) -> Iterator[Reader]:
    """Read `n` minutes from the `first` one on, by a source of its own each time."""
    sources = []

    def read(
        first: int,
        n: int,
        *,
        start: np.datetime64 = START,
        query: str = "m",
        cached: bool = True,
        **settings: object,
    ) -> Readings:
        cache = {"cache": tmp_path / "cache"} if cached else {}
        source = PrometheusSource(PrometheusSettings.model_validate({"url": server.url} | cache | settings))
        sources.append(source)
        begin = start + first * STEP
        return joined(source.read(query, begin, begin + n * STEP, STEP))

    yield read
    for source in sources:
        source.close()


def asked_points(server: ScriptedServer) -> int:
    """Points of a series that were asked for since this was last called."""
    spans = [(float(asked.fields["end"]) - float(asked.fields["start"])) / 60 + 1 for asked in server.asked]
    server.asked.clear()
    return round(sum(spans))


def same(one: Readings, other: Readings) -> bool:
    return (
        np.array_equal(one.times, other.times)
        and one.labels == other.labels
        and np.array_equal(one.values, other.values, equal_nan=True)
    )


def test_closed_blocks_are_asked_for_once(server: ScriptedServer, read: Reader) -> None:
    first = read(0, 3000)
    assert asked_points(server) <= 3000 + 2 * BLOCK
    assert same(read(0, 3000), first)
    assert asked_points(server) == 0


@pytest.mark.parametrize(("first", "n"), [(0, 1), (5, 700), (300, 2000), (2999, 1), (100, 4000), (-500, 900)])
def test_what_is_read_through_the_cache_is_what_the_server_says(read: Reader, first: int, n: int) -> None:
    read(0, 3000)
    assert same(read(first, n), read(first, n, cached=False))


def test_only_what_is_missing_is_asked_for_in_one_piece(server: ScriptedServer, read: Reader) -> None:
    read(0, 1000)
    asked_points(server)
    read(0, 3000)
    assert len(server.asked) == 1
    assert asked_points(server) <= 2000 + 2 * BLOCK


def test_blocks_are_cut_at_the_servers_limit(server: ScriptedServer, read: Reader) -> None:
    plain = read(0, 3000, cached=False)
    server.asked.clear()
    assert same(read(0, 3000, max_points=600), plain)
    spans = [float(asked.fields["end"]) - float(asked.fields["start"]) for asked in server.asked]
    assert max(spans) / 60 + 1 <= 600
    assert same(read(0, 3000, max_points=100), plain)


def newest(metrics: Metrics, minutes: int) -> float:
    """Let the server's clock show `minutes` after START."""
    metrics.date = float((START + minutes * STEP - np.datetime64(0, "ns")) / SECOND)
    return metrics.date


def test_the_newest_block_is_never_kept(server: ScriptedServer, metrics: Metrics, read: Reader) -> None:
    newest(metrics, 2000)
    read(0, 2000)
    asked_points(server)
    metrics.offset = 0.5
    again = read(0, 2000)
    assert 0 < asked_points(server) <= 2 * BLOCK
    # What was closed is as it was, the newest points are new.
    kept = again.values[0, 0] % 1
    assert (kept, again.values[-1, 0] % 1) == (0.0, 0.5)


def test_the_lag_keeps_late_samples_from_being_missed(
    server: ScriptedServer, metrics: Metrics, read: Reader
) -> None:
    newest(metrics, 2000)
    read(0, 2000, cache_lag="1d")
    asked_points(server)
    read(0, 2000, cache_lag="1d")
    assert 24 * 60 <= asked_points(server) <= 24 * 60 + 2 * BLOCK


def test_a_server_whose_clock_is_behind_closes_nothing_early(
    server: ScriptedServer, metrics: Metrics, read: Reader
) -> None:
    newest(metrics, -10_000)
    read(0, 1000)
    asked_points(server)
    read(0, 1000)
    assert asked_points(server) >= 1000


def test_a_server_whose_clock_jumped_ahead_closes_nothing_that_is_to_come(
    server: ScriptedServer, metrics: Metrics, read: Reader
) -> None:
    ours = np.datetime64("now").astype("datetime64[m]").astype("datetime64[ns]")
    metrics.date = 4e9
    read(-100, 100, start=ours)
    asked_points(server)
    read(-100, 100, start=ours)
    assert asked_points(server) >= 10


@pytest.mark.parametrize("fault", ["warnings", "is_empty"])
def test_what_may_be_incomplete_is_not_kept(
    server: ScriptedServer, metrics: Metrics, read: Reader, fault: str
) -> None:
    setattr(metrics, fault, ["a store is out of reach"] if fault == "warnings" else True)
    read(0, 1000)
    asked_points(server)
    read(0, 1000)
    assert asked_points(server) >= 1000


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "b"},
        {"bearer_token": "x"},
        {"headers": {"X-Team": "b"}},
        {"parameters": {"dedup": "false"}},
        {"query": "n"},
        {"start": START + SECOND},
        {"basic_auth": {"username": "u", "password": "p"}},
    ],
)
def test_what_changes_the_answer_has_blocks_of_its_own(
    server: ScriptedServer, read: Reader, change: dict[str, object]
) -> None:
    read(0, 1000)
    asked_points(server)
    read(0, 1000, **change)
    assert asked_points(server) >= 1000
    read(0, 1000, **change)
    assert asked_points(server) == 0


def test_a_damaged_block_is_asked_for_again(server: ScriptedServer, read: Reader, tmp_path: Path) -> None:
    plain = read(0, 1000)
    blocks = sorted((tmp_path / "cache").glob("*/*.npz"))
    blocks[0].write_bytes(b"nonsense")
    blocks[1].write_bytes(blocks[1].read_bytes()[:-100])
    content = bytearray(blocks[2].read_bytes())
    content[len(content) // 2] ^= 0xFF
    blocks[2].write_bytes(content)
    asked_points(server)
    assert same(read(0, 1000), plain)
    assert 2 * BLOCK <= asked_points(server) <= 3 * BLOCK


def test_no_secret_is_in_the_folder(read: Reader, tmp_path: Path) -> None:
    read(0, 1000, bearer_token="s3cret")
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert files
    assert not any(b"s3cret" in path.read_bytes() or "s3cret" in str(path) for path in files)


def test_the_folder_keeps_to_its_size(read: Reader, tmp_path: Path, server: ScriptedServer) -> None:
    read(0, 200_000, cache_mebibytes=1)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= 2**20
    assert asked_points(server) >= 200_000
