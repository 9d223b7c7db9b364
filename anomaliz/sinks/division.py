"""Division of a refused request, to find out which of its samples are at fault."""

import numpy as np

from anomaliz.sinks.write_request import EncodedSeries

Halves = tuple[list[EncodedSeries], list[EncodedSeries]]
OF_AGE = ("out of order", "duplicate sample", "out of bounds", "too old")
"""What Prometheus says where samples are older than those that it has."""


def is_for_age(reason: str) -> bool:
    """Return whether a server refuses samples since they are older than what it has, or may have."""
    return any(said in reason for said in OF_AGE)


def halves(series: list[EncodedSeries], reason: str) -> Halves | None:
    """Return two parts of `series`, to be sent one after the other; None where there is one sample only.

    A refusal for age is of all series up to some instant, as a rule, so it is the time that is divided, and
    else the list of series.
    """
    divisions = (_by_time, _by_series) if is_for_age(reason) else (_by_series, _by_time)
    return divisions[0](series) or divisions[1](series)


def _by_time(series: list[EncodedSeries]) -> Halves | None:
    stamps = np.unique(np.concatenate([one.stamps() for one in series]))
    if len(stamps) < 2:
        return None
    middle = stamps[len(stamps) // 2]
    earlier = [EncodedSeries(one.labels, one.samples[one.stamps() < middle]) for one in series]
    later = [EncodedSeries(one.labels, one.samples[one.stamps() >= middle]) for one in series]
    return [one for one in earlier if len(one)], [one for one in later if len(one)]


def _by_series(series: list[EncodedSeries]) -> Halves | None:
    middle = len(series) // 2
    return (series[:middle], series[middle:]) if middle else None
