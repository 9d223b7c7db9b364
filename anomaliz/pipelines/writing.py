"""The samples that a pipeline writes of its verdicts."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from anomaliz.core.labels import NAME, Labels
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.pipelines.definition import Pipeline
from anomaliz.sinks.sink import Samples

DIGITS = 9
"""Significant digits of what is written: a replay gives the same, whatever was computed beside it."""
METRIC = "metric"
"""The label that keeps the name which a series has in its source."""
PIPELINE = "pipeline"
FEATURE = "feature"
CONTRIBUTION = "contribution"
BY_FEATURE = frozenset({"expected", "expected_lower", "expected_upper", CONTRIBUTION})
NO_DATA = "no_data"


class Writer:
    """Names what a pipeline writes."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._several = len(pipeline.features) > 1

    @property
    def written(self) -> tuple[str, ...]:
        """The series that are written; one feature's contribution says nothing."""
        return tuple(name for name in self._pipeline.score.write if self._several or name != CONTRIBUTION)

    def example(self, name: str, source: Labels) -> Labels:
        """Return name and labels of what is written as `name` of a series, and of its first feature."""
        more = {FEATURE: self._pipeline.features[0]} if self._several and name in BY_FEATURE else {}
        return self.labels(source) | more | {NAME: self._pipeline.series_name(name)}

    def labels(self, source: Labels) -> dict[str, str]:
        """Return the labels of what is written for a series with these labels in its source.

        A label of the source whose name is needed is called `exported_` and that, as Prometheus does.
        """
        added = {PIPELINE: self._pipeline.name}
        if NAME in source:
            added[METRIC] = source[NAME]
        needed = {*added, FEATURE} if self._several else added.keys()
        found = {_free(key, needed, source): value for key, value in source.items() if key != NAME}
        return found | added

    def by_point(
        self, name: str, times: Stamps, labels: Sequence[Labels], values: Floats, written: Flags
    ) -> Iterator[Samples]:
        """Yield a series for each of `values (n, k)` that have something `written (n, k)`."""
        if name not in self.written:
            return
        yield from self._samples(name, times, [self.labels(one) for one in labels], values, written)

    def by_feature(
        self, name: str, times: Stamps, labels: Sequence[Labels], values: Floats, written: Flags
    ) -> Iterator[Samples]:
        """Yield a series for each feature of `values (n, k, f)`, by a label where there are several."""
        if name not in self.written:
            return
        for i, feature in enumerate(self._pipeline.features):
            more = {FEATURE: feature} if self._several else {}
            named = [self.labels(one) | more for one in labels]
            yield from self._samples(name, times, named, values[:, :, i], written)

    def no_data(self, now: np.datetime64, missing: bool) -> Samples:
        """Return the sample that says whether there was no data, for pipelines that alert on it."""
        labels = {NAME: self._pipeline.series_name(NO_DATA), PIPELINE: self._pipeline.name}
        return Samples(labels, np.array([now], "datetime64[ns]"), np.array([float(missing)]))

    def _samples(
        self,
        name: str,
        times: Stamps,
        labels: Sequence[Mapping[str, str]],
        values: Floats,
        written: Flags,
    ) -> Iterator[Samples]:
        there = written & ~np.isnan(values)
        rounded = significant(values)
        given = self._pipeline.series_name(name)
        for column in np.flatnonzero(there.any(axis=0)).tolist():
            rows = there[:, column]
            yield Samples({**labels[column], NAME: given}, times[rows], rounded[rows, column])


def _free(key: str, needed: Collection[str], source: Labels) -> str:
    """Return a label's name, made longer until it is neither needed nor another label's."""
    if key not in needed:
        return key
    while key in needed or key in source:
        key = f"exported_{key}"
    return key


def significant(values: Floats) -> Floats:
    """Return `values`, of any shape, to DIGITS significant digits."""
    with np.errstate(divide="ignore"):
        magnitude = np.floor(np.log10(np.abs(values)))
    places = DIGITS - 1 - np.where(np.isfinite(magnitude), magnitude, 0)
    # Powers of ten are exact up to 22, and a division by one rounds once.
    down = 10.0 ** np.clip(places, 0, 300)
    up = 10.0 ** np.clip(-places, 0, 300)
    rounded: Floats = np.where(places >= 0, np.round(values * down) / down, np.round(values / up) * up)
    return rounded
