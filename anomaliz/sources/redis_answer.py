"""Answers of Redis' time-series commands, in each of the shapes that clients give them.

Protocol 2 or 3, bytes or decoded, with redis-py's own reading (`client.ts()`) switched on or not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from anomaliz.core.types import Floats, Stamps

NOT_LABELS = ("__reducer__", "__source__")
"""What protocol 2 puts among the labels of a group."""


@dataclass(frozen=True)
class Samples:
    """The samples of one series, oldest first."""

    key: str
    """Of a group, `label=value`."""
    labels: Mapping[str, str]
    times: Stamps
    """`(n,)`, to the millisecond."""
    values: Floats
    """`(n,)`."""

    @classmethod
    def of(cls, key: object, labels: Any, samples: Any) -> Self:
        stamps = np.array([int(stamp) for stamp, _ in samples], np.int64)
        values = np.array([float(value) for _, value in samples], np.float64)
        ordered = np.argsort(stamps)
        times = stamps[ordered].view("datetime64[ms]")
        return cls(_text(key), _labels(labels), times, values[ordered])


def range_samples(key: str, labels: Mapping[str, str], answer: Any) -> Samples:
    """Return what TS.RANGE or TS.REVRANGE answered of `key`."""
    return Samples.of(key, labels, answer)


def ranges_samples(answer: Any) -> Iterator[Samples]:
    """Yield what TS.MRANGE or TS.MREVRANGE answered, series by series."""
    if isinstance(answer, Mapping):
        for key, (labels, *_, samples) in answer.items():
            yield Samples.of(key, labels, samples)
        return
    for series in answer:
        if isinstance(series, Mapping):
            yield from ranges_samples(series)
        else:
            key, labels, samples = series
            yield Samples.of(key, labels, samples)


def info_labels(answer: Any) -> Mapping[str, str]:
    """Return the labels in what TS.INFO answered."""
    if hasattr(answer, "labels"):
        return _labels(answer.labels)
    if not isinstance(answer, Mapping):
        answer = dict(zip(answer[::2], answer[1::2], strict=True))
    found = {_text(name): value for name, value in answer.items()}
    return _labels(found["labels"])


def _labels(labels: Any) -> Mapping[str, str]:
    pairs = labels.items() if isinstance(labels, Mapping) else labels or ()
    read = {_text(name): _text(value) for name, value in pairs}
    return {name: value for name, value in read.items() if name not in NOT_LABELS}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
