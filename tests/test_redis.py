"""Watching a series of a real Redis from a script."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import redis

from anomaliz.core.errors import DataError, SourceError
from anomaliz.redis import DetectionSettings, Monitored, SeriesMonitor, SeriesQuery

KEY = "monitor:cpu"
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)
N = 1200
SPIKE = slice(1000, 1006)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """A daily wave with half an hour of trouble."""
    noise = np.random.default_rng(5).normal(0, 1, N)
    values = 50 + 10 * np.sin(np.arange(N) / 288 * 2 * np.pi) + noise
    values[SPIKE] += 40
    return values


@pytest.fixture(scope="module")
def client(redis_port: int, values: np.ndarray) -> Iterator[redis.Redis]:
    with redis.Redis(port=redis_port) as client:
        begin = int(BEGIN.timestamp() * 1000)
        for key, n in ((KEY, N), ("monitor:short", 60)):
            client.execute_command("TS.CREATE", key)
            samples = [word for i in range(n) for word in (key, begin + 300_000 * i, float(values[i]))]
            client.execute_command("TS.MADD", *samples)
        client.execute_command("TS.CREATE", "monitor:empty")
        yield client


@pytest.fixture(scope="module")
def monitored(client: redis.Redis) -> Monitored:
    found = SeriesMonitor(client).monitor(KEY)
    assert found is not None
    return found


def test_the_trouble_is_found_with_its_exact_peak(monitored: Monitored) -> None:
    (anomaly,) = monitored.anomalies
    begin = BEGIN + SPIKE.start * FIVE_MINUTES
    assert anomaly.start == begin
    # The score has a memory of some rows, so its peak may lie a little behind the trouble's end.
    assert begin <= anomaly.timestamp < min(begin + 12 * FIVE_MINUTES, anomaly.end)
    peak = (anomaly.timestamp - BEGIN) // FIVE_MINUTES
    assert anomaly.score == monitored.scores[peak] == np.nanmax(monitored.scores)
    assert anomaly.score >= monitored.metadata.threshold
    assert anomaly.severity in ("medium", "critical")


def test_every_point_has_a_place_in_the_score_series(monitored: Monitored) -> None:
    fitted = monitored.metadata.points_fitted
    assert fitted == int(N * 0.3)
    assert len(monitored.times) == len(monitored.scores) == len(monitored.anomalous) == N
    assert np.isnan(monitored.scores[:fitted]).all()
    assert np.isfinite(monitored.scores[fitted:]).all()
    assert not monitored.anomalous[:fitted].any()
    assert monitored.anomalous[SPIKE].all()


def test_it_says_what_was_analysed(monitored: Monitored) -> None:
    metadata = monitored.metadata
    assert (metadata.key, metadata.points_analysed, metadata.anomalies_found) == (KEY, N, 1)
    assert (metadata.start, metadata.end) == (BEGIN, BEGIN + (N - 1) * FIVE_MINUTES)
    assert (metadata.step_seconds, metadata.algorithm) == (300.0, "series")


def test_a_decoded_client_finds_the_same(redis_port: int, monitored: Monitored) -> None:
    with redis.Redis(port=redis_port, decode_responses=True, protocol=2) as client:
        client.ts()
        found = SeriesMonitor(client).monitor(KEY)
    assert found is not None
    assert found.anomalies == monitored.anomalies


def test_the_query_says_what_is_read(client: redis.Redis) -> None:
    series = SeriesQuery(
        start=BEGIN, end=BEGIN + 800 * FIVE_MINUTES, aggregation="avg", bucket=timedelta(minutes=10)
    )
    found = SeriesMonitor(client, series=series).monitor(KEY)
    assert found is not None
    assert found.metadata.points_analysed == 400
    assert found.metadata.step_seconds == 600
    assert found.metadata.end == BEGIN + 798 * FIVE_MINUTES
    assert not found.anomalies


def test_detection_settings_are_heeded(client: redis.Redis, monitored: Monitored) -> None:
    detection = DetectionSettings(train_ratio=0.5, alert_budget=20.0)
    found = SeriesMonitor(client, detection=detection).monitor(KEY)
    assert found is not None
    assert found.metadata.points_fitted == N // 2
    assert found.metadata.threshold < monitored.metadata.threshold


@pytest.mark.parametrize("key", ["monitor:none", "monitor:empty"])
def test_no_data_is_none(client: redis.Redis, key: str) -> None:
    assert SeriesMonitor(client).monitor(key) is None


def test_no_data_in_the_range_is_none(client: redis.Redis) -> None:
    assert SeriesMonitor(client, SeriesQuery(end=BEGIN)).monitor(KEY) is None


def test_a_series_too_short_to_learn_from_is_a_sentence(client: redis.Redis) -> None:
    with pytest.raises(DataError, match="monitor:short has 60 rows"):
        SeriesMonitor(client).monitor("monitor:short")


def test_a_series_of_one_sample_is_a_sentence(client: redis.Redis) -> None:
    with pytest.raises(DataError, match="longer series"):
        SeriesMonitor(client, SeriesQuery(count=1)).monitor(KEY)


def test_a_server_without_time_series_is_a_sentence(plain_redis_port: int) -> None:
    with (
        redis.Redis(port=plain_redis_port, password="sesame") as client,
        pytest.raises(SourceError, match="has no time-series commands"),
    ):
        SeriesMonitor(client).monitor(KEY)


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(ValueError, match="train_ratio"):
        DetectionSettings(train_ratio=1.0)


@pytest.mark.usefixtures("client")
def test_the_script_of_the_docs_runs(redis_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    docs = (Path(__file__).parents[1] / "docs" / "sources.md").read_text()
    (script,) = [block for block in docs.split("```python\n")[1:] if "SeriesMonitor(" in block]
    script = script.partition("```")[0].replace("6379", str(redis_port)).replace("metrics:cpu:usage", KEY)
    exec(compile(script, "docs/sources.md", "exec"), {})
    assert "anomalies_found=1" in capsys.readouterr().out
