"""What the series detectors read off labelled series: once for each series, for everything tried on it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from anomaliz.bundle.series import ASSUMED_DAY, QUIETS_A_DAY, SHORTEST_QUIET, Scales
from anomaliz.core.stamps import infer_step, rows_a_day
from anomaliz.core.types import Floats
from anomaliz.data.nab import Nab, NabFolder
from anomaliz.detection.series_profile import shape_of
from anomaliz.evaluation.labelled import Labelled
from anomaliz.evaluation.labelled_file import find_files, read_labelled
from anomaliz.evaluation.progress import shown
from anomaliz.evaluation.protocols import Protocol, labelled
from anomaliz.models.series.autoregression import Autoregression
from anomaliz.models.series.detector import SeriesDetector
from anomaliz.models.series.registry import series_detectors
from anomaliz.models.series.window_novelty import WindowNovelty
from anomaliz.preprocessing.gaps import forward_fill
from anomaliz.training.processes import run_tasks

Result = TypeVar("Result")

NAB, SERVERS = "NAB", "asd"
"""The two data sets: single series, and servers of several metrics."""


Transform = Callable[[Floats], Floats]
"""Of values in spreads from their median, `(n, n_features)`."""


@dataclass(frozen=True)
class Readings:
    """Errors of every series detector and of every candidate, fitted on the training rows, for all rows."""

    series: Labelled
    period: int
    """Rows in a day, 0 = unknown."""
    errors: Mapping[str, Floats]
    """`(n, n_readings)` by detector, NaN where it has too little before the row."""
    members: Sequence[str]
    """Those detectors that are shipped."""

    @property
    def n_train(self) -> int:
        return self.series.n_train

    @property
    def shape(self) -> Literal["single", "several"]:
        """The shape of data, as the series profile calls it."""
        return shape_of(len(self.series.features))

    def quiet(self, quiets_a_day: float | None = None) -> int:
        """Return how many rows an alert keeps others away for: a share of a day; None is the shipped one."""
        quiets = QUIETS_A_DAY[self.shape] if quiets_a_day is None else quiets_a_day
        return max(int((self.period or ASSUMED_DAY) // quiets), SHORTEST_QUIET)


def read(series: Labelled, transform: Transform | None = None) -> Readings:
    """Fit the detectors on the training rows of `series`, transformed if so wanted, and read all rows."""
    period, n_features = _rows_a_day(series), len(series.features)
    values = forward_fill(series.values, limit=len(series.values))
    if transform:
        spreads = Scales.fit(series.values[: series.n_train]).spreads
        values = spreads.invert(transform(spreads.transform(values)))
    shipped = {detector.name: detector for detector in series_detectors(n_features, period)}
    errors = _errors(shipped | candidates(n_features), values, series.n_train, period)
    return Readings(series, period, errors, tuple(shipped))


def candidates(n_features: int) -> dict[str, SeriesDetector]:
    """Return detectors that were tried and are not shipped."""
    if n_features == 1:
        return {
            "autoregression": Autoregression(),
            "autoregression, 12 steps": Autoregression(horizon=12),
        }
    return {
        "vector autoregression, robust": Autoregression(across=True, scale="robust"),
        "autoregression, 6 steps": Autoregression(horizon=6),
        "autoregression, 12 steps": Autoregression(horizon=12),
        "nearest raw rows": WindowNovelty(lengths=(1,), scale="range"),
    }


def _errors(
    detectors: Mapping[str, SeriesDetector], values: Floats, n_train: int, period: int
) -> dict[str, Floats]:
    scales = Scales.fit(values[:n_train])
    training, whole = scales.rows(values[:n_train], period), scales.rows(values, period)
    position, errors = np.arange(len(values)), {}
    for name, detector in detectors.items():
        detector.fit(training[detector.scale])
        found = detector.read(whole[detector.scale], len(values)).errors
        first = max(detector.min_history, detector.rows_learnt)
        errors[name] = np.where((position >= first)[:, np.newaxis], found, np.nan)
    return errors


def nab_series(shared: Path) -> list[Labelled]:
    """Return NAB's series in the folder `shared`, sorted, divided as NAB's own protocol does."""
    nab = Nab(NabFolder(shared / "nab"))
    return [labelled(nab.read(path), Protocol.NAB) for path in nab.paths]


def server_series(shared: Path) -> list[Labelled]:
    """Return the servers in the folder `shared`, sorted."""
    return [read_labelled(path) for path in find_files([str(shared / "asd" / "*.csv.gz")])]


def by_series(function: Callable[[Labelled], Result], series: Sequence[Labelled], jobs: int) -> list[Result]:
    """Return what `function` makes of each of `series`, in their order, `jobs` at a time."""
    found: dict[int, Result] = {}
    with shown(len(series)) as done:
        for i, (result, seconds) in run_tasks(partial(_timed, function), series, jobs):
            found[i] = result
            done(series[i].name, seconds)
    return [found[i] for i in range(len(series))]


def _timed(function: Callable[[Labelled], Result], series: Labelled) -> tuple[Result, float]:
    began = time.perf_counter()
    return function(series), time.perf_counter() - began


def _rows_a_day(series: Labelled) -> int:
    return 0 if series.times is None else rows_a_day(infer_step(series.times[: series.n_train]))
