"""Reading from real servers."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest

from anomaliz.core.errors import DataError, SourceError
from anomaliz.sinks.remote_write import RemoteWriteSettings, RemoteWriteSink
from anomaliz.sinks.sink import Samples
from anomaliz.sources.prometheus import PrometheusSettings, PrometheusSource
from anomaliz.sources.readings import Readings, joined

START = np.datetime64("2026-01-05T00:00:00", "ns")
STEP = np.timedelta64(300, "s")
N = 1000


def stamps(n: int = N) -> np.ndarray:
    return START + np.arange(n) * STEP


def load(url: str, folder: Path, metric: str, series: dict[str, np.ndarray]) -> None:
    """Write a series for each instance, by our own sink."""
    sink = RemoteWriteSink(RemoteWriteSettings(url=url), folder)
    try:
        sink.write(
            [
                Samples(
                    {"__name__": metric, "instance": instance, "job": "node"}, stamps(len(values)), values
                )
                for instance, values in series.items()
            ]
        )
        sink.flush()
        assert sink.dropped == 0
    finally:
        sink.close()


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {f"host-{i}": rng.normal(size=N) * 10.0 ** rng.integers(-8, 8, N) for i in range(5)}


@pytest.fixture(scope="module")
def loaded(prometheus: str, values: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> str:
    load(prometheus, tmp_path_factory.mktemp("queue"), "load", values)
    return prometheus


@pytest.fixture
def source(loaded: str) -> Iterator[PrometheusSource]:
    with opened(url=loaded) as source:
        yield source


def opened(**settings: object) -> closing[PrometheusSource]:
    return closing(PrometheusSource(PrometheusSettings.model_validate(settings)))


def columns(readings: Readings) -> dict[str, np.ndarray]:
    return {found["instance"]: readings.values[:, i] for i, found in enumerate(readings.labels)}


def read(source: PrometheusSource, query: str, n: int = N, first: int = 0) -> Readings:
    return joined(source.read(query, START + first * STEP, START + n * STEP, STEP))


def test_every_series_comes_back_bit_for_bit_with_its_labels(
    source: PrometheusSource, values: dict[str, np.ndarray]
) -> None:
    source.check()
    readings = read(source, "load")
    assert np.array_equal(readings.times, stamps())
    assert {found["job"] for found in readings.labels} == {"node"}
    assert {found["__name__"] for found in readings.labels} == {"load"}
    found = columns(readings)
    assert set(found) == set(values)
    assert all(np.array_equal(found[instance], values[instance]) for instance in values)


def test_chunks_are_consecutive_and_no_larger_than_the_limit(
    loaded: str, values: dict[str, np.ndarray]
) -> None:
    with opened(url=loaded, max_points=300) as source:
        chunks = list(source.read("load", START, START + N * STEP, STEP))
        assert [len(chunk) for chunk in chunks] == [300, 300, 300, 100]
        assert np.array_equal(np.concatenate([chunk.times for chunk in chunks]), stamps())
        assert np.array_equal(columns(joined(chunks))["host-3"], values["host-3"])


def test_a_request_covers_no_more_time_than_the_server_allows(loaded: str) -> None:
    with opened(url=loaded, max_range="1d") as source:
        chunks = list(source.read("load", START, START + N * STEP, STEP))
        assert max(chunk.times[-1] - chunk.times[0] for chunk in chunks) == np.timedelta64(1, "D")


def test_the_servers_own_limit_is_told_with_the_fix(loaded: str) -> None:
    limit = pytest.raises(SourceError, match="lower max_points")
    with opened(url=loaded, max_points=20_000) as source, limit:
        read(source, "load", n=12_000)


def test_the_end_is_not_read(source: PrometheusSource) -> None:
    assert len(read(source, "load", n=1)) == 1
    assert len(read(source, "load", n=0)) == 0


def test_no_data_is_empty_and_no_error(source: PrometheusSource) -> None:
    readings = read(source, "nothing_of_that_name")
    assert readings.labels == ()
    assert not readings.has_data


def test_nothing_is_read_before_and_after_the_series(source: PrometheusSource) -> None:
    readings = read(source, "load", first=-3, n=2)
    assert np.isnan(readings.values[:3]).all()
    assert not np.isnan(readings.values[3:]).any()
    # Prometheus shows a sample for five minutes.
    assert not read(source, "load", first=N + 1, n=N + 3).has_data


@pytest.mark.parametrize("query", ["1 / (load * 0)", "-1 / (load * 0)", "0 / (load * 0)"])
def test_values_that_are_no_numbers_are_missing(source: PrometheusSource, query: str) -> None:
    assert not read(source, query, n=5).has_data


def test_a_gap_is_missing_and_never_zero(prometheus: str, tmp_path: Path) -> None:
    gap = np.arange(20.0)
    gap[5:12] = np.nan
    load(prometheus, tmp_path, "gap", {"a": gap})
    with opened(url=prometheus) as source:
        assert np.array_equal(
            columns(read(source, "sum by (instance) (last_over_time(gap[1m]))", n=20))["a"],
            gap,
            equal_nan=True,
        )


def test_a_series_that_comes_later_is_missing_before(prometheus: str, tmp_path: Path) -> None:
    late = np.r_[np.full(700, np.nan), np.arange(300.0)]
    load(prometheus, tmp_path, "late", {"a": np.arange(1000.0), "b": late})
    with opened(url=prometheus, max_points=400) as source:
        found = columns(read(source, "late"))
        assert np.array_equal(found["a"], np.arange(1000.0))
        assert np.array_equal(found["b"], late, equal_nan=True)


def test_a_scalar_is_a_series_without_labels(source: PrometheusSource) -> None:
    readings = read(source, "1 + 1", n=3)
    assert readings.labels == ({},)
    assert readings.values.tolist() == [[2], [2], [2]]


@pytest.mark.parametrize("query", ["load{", "nonsense(load)", '"text"', ""])
def test_a_query_that_cannot_be_is_refused_at_once_with_the_servers_reason(
    source: PrometheusSource, query: str
) -> None:
    with pytest.raises(
        SourceError, match=r"does not answer .*HTTP 400 \(bad_data: .*\); mend the query"
    ) as fault:
        read(source, query)
    assert "\n" not in str(fault.value)


def test_queries_may_be_sent_by_get(loaded: str, values: dict[str, np.ndarray]) -> None:
    with opened(url=loaded, method="GET") as source:
        assert np.array_equal(columns(read(source, "load"))["host-0"], values["host-0"])


def test_stamps_finer_than_a_millisecond_are_refused(source: PrometheusSource) -> None:
    with pytest.raises(DataError, match="whole milliseconds"):
        list(source.read("load", START, START + STEP, np.timedelta64(1_000_001, "ns")))
    with pytest.raises(DataError, match="whole milliseconds"):
        list(source.read("load", START + np.timedelta64(1, "us"), START + STEP, STEP))


def test_steps_may_be_milliseconds(source: PrometheusSource, values: dict[str, np.ndarray]) -> None:
    step = np.timedelta64(250, "ms")
    readings = joined(
        source.read('load{instance="host-1"}', START + STEP - 2 * step, START + STEP + step, step)
    )
    assert readings.values[:, 0].tolist() == [*values["host-1"][[0, 0, 1]]]


def test_victoria_metrics_gives_the_stamps_that_are_asked_for(victoria_metrics: str, tmp_path: Path) -> None:
    # It keeps about twelve digits of the largest value in a block.
    values = {f"host-{i}": np.random.default_rng(i).uniform(1, 2, N) for i in range(3)}
    load(victoria_metrics, tmp_path, "load", values)
    httpx.get(f"{victoria_metrics}/internal/force_flush").raise_for_status()
    with opened(url=victoria_metrics) as source:
        source.check()
        found = columns(read(source, "load"))
        assert all(np.allclose(found[name], values[name], rtol=1e-11, atol=0) for name in values)
        # Off the multiples of the step it would move the stamps, were it not told otherwise.
        ahead = np.timedelta64(7, "s")
        shifted = joined(source.read("load", START + ahead, START + ahead + N * STEP, STEP))
        assert np.array_equal(shifted.times, stamps() + ahead)
        assert np.allclose(columns(shifted)["host-2"], values["host-2"], rtol=1e-11, atol=0)
        with pytest.raises(SourceError, match="mend the query"):
            read(source, "load{")
