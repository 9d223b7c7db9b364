"""Samples of many series on a grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.sources.gathering import Gathering
from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import joined

START = np.datetime64("2026-01-05", "ns")
MINUTE = np.timedelta64(1, "m")
SECOND = np.timedelta64(1, "s")
N = 10


def grid() -> Grid:
    return Grid.of(START, START + N * MINUTE, MINUTE)


def seconds(values: list[int]) -> np.ndarray:
    return START + np.array(values, np.int64) * SECOND


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(-90, 60 * N + 90),
            st.one_of(st.integers(0, 9).map(float), st.just(np.nan), st.just(np.inf)),
        ),
        max_size=60,
    ),
    st.integers(1, 60),
)
def test_pieces_in_any_order_give_the_newest_sample_of_each_step(
    samples: list[tuple[int, int, float]], size: int
) -> None:
    gathering = Gathering(grid())
    labels = [{"host": name} for name in "abc"]
    for begin in range(0, len(samples), size):
        series, stamps, values = zip(*samples[begin : begin + size], strict=True)
        gathering.add(labels, np.array(series), seconds(list(stamps)), np.array(values))
    found = joined(gathering.readings(3))
    expected: dict[str, np.ndarray] = {}
    for number, name in enumerate("abc"):
        own = [(stamp, value) for s, stamp, value in samples if s == number and np.isfinite(value)]
        if any(0 <= stamp < 60 * N for stamp, _ in own):
            stamps = seconds([stamp for stamp, _ in own])
            expected[name] = grid().newest(stamps, np.array([value for _, value in own]))
    columns = zip(found.labels, found.values.T, strict=True)
    by_host = {labels["host"]: column for labels, column in columns}
    assert by_host.keys() == expected.keys()
    for name, column in expected.items():
        assert np.array_equal(by_host[name], column, equal_nan=True)


def test_there_is_room_for_many_series() -> None:
    gathering = Gathering(grid())
    labels = [{"host": str(i)} for i in range(1000)]
    gathering.add(labels, np.arange(1000), np.full(1000, START), np.arange(1000.0))
    found = joined(gathering.readings(N))
    assert len(found.labels) == 1000
    assert {int(x["host"]): v for x, v in zip(found.labels, found.values[0], strict=True)} == {
        i: i for i in range(1000)
    }


def test_series_without_a_sample_on_the_grid_are_not_there() -> None:
    gathering = Gathering(grid())
    gathering.add([{"a": "b"}], np.zeros(1, int), seconds([-1]), np.ones(1))
    (whole,) = gathering.readings(N)
    assert whole.labels == ()
    assert len(whole) == N


@pytest.mark.parametrize("size", [1, 4, 100])
def test_chunks_follow_one_another(size: int) -> None:
    gathering = Gathering(grid())
    gathering.add([{}], np.zeros(N, int), grid().times, np.arange(float(N)))
    chunks = list(gathering.readings(size))
    assert max(map(len, chunks)) == min(size, N)
    assert joined(chunks).values[:, 0].tolist() == list(range(N))
