"""Reads a pipeline's queries into a panel, on every stamp of an interval."""

from collections.abc import Mapping

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.labels import Labels
from anomaliz.core.panel import Panel
from anomaliz.core.types import Floats, Stamps
from anomaliz.pipelines.definition import Pipeline
from anomaliz.sources.grid import Grid
from anomaliz.sources.joining import JoinedSeries, join
from anomaliz.sources.readings import joined
from anomaliz.sources.source import Source


def read_panel(source: Source, pipeline: Pipeline, start: np.datetime64, end: np.datetime64) -> Panel:
    """Return what the pipeline's queries give in [start, end), NaN where that is nothing.

    Raises SourceError where the source cannot be asked, and DataError for results that make no panel.
    """
    grid = Grid.of(start, end, pipeline.step_ns)
    found = {
        feature: joined(source.read(query, grid.start, grid.end, grid.step)).sampled()
        for feature, query in pipeline.named_queries.items()
    }
    if pipeline.queries or pipeline.group_by:
        return _of_series(grid, join(found, pipeline.group_by), pipeline.features)
    (readings,) = found.values()
    return _panel(grid, readings.times, readings.values[:, :, np.newaxis], readings.labels, pipeline.features)


def _of_series(grid: Grid, series: tuple[JoinedSeries, ...], features: tuple[str, ...]) -> Panel:
    times = series[0].times if series else grid.times[:0]
    values = np.full((len(times), len(series), len(features)), np.nan)
    for i, one in enumerate(series):
        values[:, i] = one.values
    kept = np.flatnonzero(np.logical_not(np.isnan(values).all(axis=(0, 2))))
    return _panel(grid, times, values[:, kept], tuple(series[i].labels for i in kept), features)


def _panel(
    grid: Grid, times: Stamps, values: Floats, labels: tuple[Labels, ...], features: tuple[str, ...]
) -> Panel:
    """Return the panel on the whole grid; an infinity is no measurement."""
    spread = np.full((len(grid), *values.shape[1:]), np.nan)
    spread[grid.positions(times)] = np.where(np.isinf(values), np.nan, values)
    return Panel(grid.times, spread, labels, features)


def side_by_side(earlier: Panel, later: Panel) -> Panel:
    """Return two panels, the second of which follows the first, as one with the series of both."""
    if earlier.features != later.features:
        raise DataError("panels of different features cannot be joined")
    labels = _known(earlier.labels, later.labels)
    columns = {key: i for i, key in enumerate(labels)}
    values = np.full((len(earlier) + len(later), len(labels), len(earlier.features)), np.nan)
    for panel, rows in ((earlier, slice(0, len(earlier))), (later, slice(len(earlier), None))):
        places = [columns[frozenset(found.items())] for found in panel.labels]
        values[rows, places] = panel.values
    times = np.concatenate([earlier.times, later.times])
    return Panel(times, values, tuple(labels.values()), earlier.features)


def _known(*groups: tuple[Labels, ...]) -> Mapping[frozenset[tuple[str, str]], Labels]:
    return {frozenset(labels.items()): labels for group in groups for labels in group}
