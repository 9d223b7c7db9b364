"""Reading from real servers."""

import logging
from collections.abc import Callable, Iterator
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
Load = Callable[[str, dict[str, np.ndarray]], None]


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
    yield from opened(url=loaded)


def opened(**settings: object) -> Iterator[PrometheusSource]:
    source = PrometheusSource(PrometheusSettings.model_validate(settings))
    yield source
    source.close()


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
