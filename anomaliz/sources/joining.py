"""Several named queries joined: each becomes a feature of one series, or of one series per label set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.labels import Labels
from anomaliz.core.suggestion import suggestion
from anomaliz.core.types import Floats, Stamps
from anomaliz.sources.readings import Readings

Key = tuple[str, ...]
"""A group's values of the labels that are grouped by."""


@dataclass(frozen=True, eq=False)
class JoinedSeries:
    """One series with a feature for each query."""

    labels: Labels
    """The labels that were grouped by, and no others: what else the queries say may change."""
    features: tuple[str, ...]
    """The queries' names, `f` of them."""
    times: Stamps
    """UTC, strictly increasing, `(n,)`."""
    values: Floats
    """NaN = no sample; a query without a series for these labels is all NaN. `(n, f)`."""


def join(queries: Mapping[str, Readings], group_by: Sequence[str] = ()) -> tuple[JoinedSeries, ...]:
    """Return the series that the queries' readings make, on the union of their stamps, sorted by labels.

    Without `group_by` that is one series, and each query must have given one at most. With it, there is a
    series for each combination of those labels' values in any query. An absent label is an empty one.

    Raises DataError where a query gives several series for one place, naming the labels in which they differ,
    or does not know a label to group by.
    """
    columns = {name: _columns(name, readings, tuple(group_by)) for name, readings in queries.items()}
    keys = sorted({key for found in columns.values() for key in found} | ({()} if not group_by else set()))
    times = np.unique(np.concatenate([readings.times for readings in queries.values()]))
    series = []
    for key in keys:
        values = np.full((len(times), len(queries)), np.nan)
        for feature, (name, readings) in enumerate(queries.items()):
            if key in columns[name]:
                rows = np.searchsorted(times, readings.times)
                values[rows, feature] = readings.values[:, columns[name][key]]
        labels = {label: value for label, value in zip(group_by, key, strict=True) if value}
        series.append(JoinedSeries(labels, tuple(queries), times, values))
    return tuple(series)


def _columns(name: str, readings: Readings, group_by: Key) -> dict[Key, int]:
    """Return which column of the readings belongs to which group."""
    _require_known(name, readings, group_by)
    members: dict[Key, list[int]] = {}
    for column, labels in enumerate(readings.labels):
        members.setdefault(tuple(labels.get(label, "") for label in group_by), []).append(column)
    for key, found in members.items():
        if len(found) > 1:
            raise DataError(_several(name, [readings.labels[i] for i in found], group_by, key), field=name)
    return {key: found[0] for key, found in members.items()}


def _require_known(name: str, readings: Readings, group_by: Key) -> None:
    known = {label for labels in readings.labels for label in labels}
    for label in group_by:
        if readings.labels and label not in known:
            raise DataError(
                f"query {name!r} gives no label {label!r} to group by{suggestion(label, known)}: "
                f"aggregate it by ({label}), or leave {label!r} out of group_by",
                field="group_by",
            )


def _several(name: str, labels: Sequence[Labels], group_by: Key, key: Key) -> str:
    differing = ", ".join(_differing(labels))
    place = ", ".join(f"{label}={value!r}" for label, value in zip(group_by, key, strict=True))
    where = f" for {place}" if place else ""
    return (
        f"query {name!r} gives {len(labels)} series{where} that differ in {differing}: "
        f"add {differing} to group_by, or aggregate over it in the query"
    )


def _differing(labels: Sequence[Labels]) -> list[str]:
    names = sorted({name for one in labels for name in one})
    return [name for name in names if len({one.get(name, "") for one in labels}) > 1]
