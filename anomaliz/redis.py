"""For scripts: watch a Redis time series, and get its anomalies.

monitor = SeriesMonitor(redis.Redis(), series=SeriesQuery(aggregation="avg", bucket=timedelta(minutes=1)))
result = monitor.monitor("metrics:cpu:usage")
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.core.stamps import infer_step
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.core.verdict import Event, Severity
from anomaliz.data.dataset import Dataset
from anomaliz.evaluation.backtest import Backtest, run_backtest
from anomaliz.sources.redis_answer import Samples
from anomaliz.sources.redis_timeseries import RedisTimeSeriesSource
from anomaliz.sources.series_query import SeriesQuery

if TYPE_CHECKING:
    import redis

__all__ = ["Anomaly", "DetectionSettings", "Metadata", "Monitored", "SeriesMonitor", "SeriesQuery"]

ALGORITHM = "series"
"""The profile that judges."""


@dataclass(frozen=True)
class DetectionSettings:
    """How a series is judged. None is what the settings of Anomaliz say."""

    train_ratio: float = 0.3
    """Share of the samples, the first ones (100 at least), that the detectors are fitted on, not judged."""
    alert_budget: float | None = None
    """Normal points to one false alarm."""
    step: np.timedelta64 | None = None
    """Distance of the samples; None is their median distance."""

    def __post_init__(self) -> None:
        if not 0 < self.train_ratio < 1:
            raise ValueError(f"train_ratio must lie between 0 and 1, got {self.train_ratio}")

    def settings(self) -> Settings:
        """Return the settings of Anomaliz with these laid over them; ConfigError for an impossible one."""
        return load_settings(overrides={"detection.threshold.alert_budget": self.alert_budget})


@dataclass(frozen=True)
class Anomaly:
    """An event: an alert, and the anomalous points that follow it without a break."""

    start: datetime
    end: datetime
    """A step behind its last point."""
    timestamp: datetime
    """Of its peak."""
    score: float
    """At the peak, in [0, 1]."""
    severity: Severity


@dataclass(frozen=True)
class Metadata:
    """What was analysed, and how."""

    key: str
    points_analysed: int
    """Samples that were read, those that were fitted on too."""
    points_fitted: int
    """The first ones, which have no score."""
    anomalies_found: int
    start: datetime
    """Of the first sample."""
    end: datetime
    """Of the last sample."""
    step_seconds: float
    threshold: float
    algorithm: str


@dataclass(frozen=True, eq=False)
class Monitored:
    """What a monitored series showed."""

    anomalies: Sequence[Anomaly]
    times: Stamps
    """Of each sample, and of each one missing between them, `(n,)`."""
    scores: Floats
    """`(n,)` in [0, 1]; NaN in the fitted part and where nothing can be judged."""
    anomalous: Flags
    """Whether each score reaches the threshold, `(n,)`."""
    metadata: Metadata


class SeriesMonitor:
    """Reads a series from Redis, fits the series profile on its first part and judges the others."""

    def __init__(
        self,
        redis_client: "redis.Redis",
        series: SeriesQuery | None = None,
        detection: DetectionSettings | None = None,
    ) -> None:
        self._source = RedisTimeSeriesSource(client=redis_client)
        self._series = series or SeriesQuery()
        self._detection = detection or DetectionSettings()

    def monitor(self, key: str) -> Monitored | None:
        """Return what the series at `key` shows, or None where there is no data.

        Each row is judged from the rows before it alone. Raises SourceError where Redis cannot be asked, and
        DataError for a series that is too short to fit on (about 150 samples are needed).
        """
        query = SeriesQuery.model_validate(_given(self._series) | {"key": key})
        found = [series for series in self._source.samples(query) if len(series.times)]
        if not found:
            return None
        (samples,) = found
        dataset = _dataset(samples, self._detection.step)
        backtest = run_backtest(dataset, self._detection.settings(), self._detection.train_ratio, budgets=())
        return _monitored(samples, backtest)


def _given(query: SeriesQuery) -> dict[str, object]:
    return {name: getattr(query, name) for name in query.model_fields_set}


def _dataset(samples: Samples, step: np.timedelta64 | None) -> Dataset:
    times = samples.times.astype("datetime64[ns]")
    values = np.where(np.isinf(samples.values), np.nan, samples.values)[:, np.newaxis]
    step = infer_step(times) if step is None else step.astype("timedelta64[ns]")
    return Dataset(values, times, (samples.key,), step=step, name=samples.key)


def _monitored(samples: Samples, backtest: Backtest) -> Monitored:
    series, verdicts = backtest.judged.series, backtest.verdicts
    assert series.times is not None
    fitted = np.full(series.n_train, np.nan)
    anomalies = [_anomaly(event, backtest) for event in backtest.events]
    return Monitored(
        anomalies=anomalies,
        times=series.times,
        scores=np.concatenate([fitted, verdicts.score]),
        anomalous=np.concatenate([fitted == 0, verdicts.anomaly]),
        metadata=Metadata(
            key=samples.key,
            points_analysed=len(samples.times),
            points_fitted=int((samples.times < backtest.times[0]).sum()),
            anomalies_found=len(anomalies),
            start=_datetime(samples.times[0]),
            end=_datetime(samples.times[-1]),
            step_seconds=float(backtest.step / np.timedelta64(1, "s")),
            threshold=verdicts.threshold,
            algorithm=ALGORITHM,
        ),
    )


def _anomaly(event: Event, backtest: Backtest) -> Anomaly:
    times = backtest.times
    return Anomaly(
        start=_datetime(times[event.start]),
        end=_datetime(times[event.end - 1] + backtest.step),
        timestamp=_datetime(times[event.peak]),
        score=event.score,
        severity=event.severity,
    )


def _datetime(stamp: np.datetime64) -> datetime:
    aware: datetime = stamp.astype("datetime64[us]").item().replace(tzinfo=UTC)
    return aware
