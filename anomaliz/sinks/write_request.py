"""Prometheus' remote write protocol, version 0.1.0: samples as a protobuf message, and back to its series.

WriteRequest { repeated TimeSeries timeseries = 1 }
TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2 }
Label        { string name = 1; string value = 2 }
Sample       { double value = 1; int64 timestamp = 2 }   milliseconds
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.errors import DataError
from anomaliz.core.labels import NAME
from anomaliz.core.types import Floats, Stamps
from anomaliz.sinks.sink import Samples

METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

# A tag is the field's number, then how it is coded: 0 varint, 1 eight bytes, 2 length and bytes.
FIRST_BYTES = b"\x0a"
SECOND_BYTES = b"\x12"
VALUE_TAG = 0x09
TIMESTAMP_TAG = 0x10
STAMP_BYTES = 10
"""Of a varint that holds any 64 bits. It may be longer than it must, which makes all samples one length."""
SHIFTS = np.arange(0, 7 * STAMP_BYTES, 7, dtype=np.uint64)
SAMPLE = np.dtype(
    [
        ("tag", "u1"),
        ("length", "u1"),
        ("value_tag", "u1"),
        ("value", "<f8"),
        ("timestamp_tag", "u1"),
        ("timestamp", "u1", (STAMP_BYTES,)),
    ]
)


@dataclass(frozen=True, eq=False)
class EncodedSeries:
    """Samples of one series, encoded."""

    labels: bytes
    samples: NDArray[np.void]
    """Of type SAMPLE, `(n,)`."""

    def __len__(self) -> int:
        return len(self.samples)

    def stamps(self) -> NDArray[np.uint64]:
        """Return the samples' milliseconds since the epoch, `(n,)`."""
        sevens = self.samples["timestamp"].astype(np.uint64) & np.uint64(0x7F)
        stamps: NDArray[np.uint64] = np.bitwise_or.reduce(sevens << SHIFTS, axis=1)
        return stamps

    def to_bytes(self) -> bytes:
        """Return the series as a field of a WriteRequest."""
        body = self.labels + self.samples.tobytes()
        return FIRST_BYTES + _varint(len(body)) + body


def encode_batch(batch: Sequence[Samples], most: int) -> Iterator[EncodedSeries]:
    """Yield the series in pieces of at most `most` samples, without NaN.

    Raises DataError where Prometheus does not allow a name.
    """
    if not batch:
        return
    values = np.concatenate([samples.values for samples in batch])
    encoded = _encode_samples(values, np.concatenate([samples.times for samples in batch]))
    end = 0
    for samples in batch:
        start, end = end, end + len(samples.values)
        labels = encode_labels(samples.labels)
        found = encoded[start:end][~np.isnan(samples.values)]
        for first in range(0, len(found), most):
            yield EncodedSeries(labels, found[first : first + most])


def encode_request(series: Iterable[EncodedSeries]) -> bytes:
    """Return a WriteRequest."""
    return b"".join(one.to_bytes() for one in series)


def decode_request(request: bytes) -> list[EncodedSeries]:
    """Return the series of what `encode_request` made."""
    found = []
    for _, _, content, end in _fields(request):
        series = request[content:end]
        first = min(start for tag, start, *_ in _fields(series) if tag == SECOND_BYTES[0])
        found.append(EncodedSeries(series[:first], np.frombuffer(series, dtype=SAMPLE, offset=first)))
    return found


def encode_labels(labels: Mapping[str, str]) -> bytes:
    """Return the labels sorted by name, without empty ones, which mean the same as none."""
    pairs = sorted((name, value) for name, value in labels.items() if value)
    if not METRIC.fullmatch(labels.get(NAME, "")):
        raise DataError(
            f"a written series needs a metric name such as anomaly_score, got {labels.get(NAME)!r}",
            field=NAME,
        )
    return b"".join(_encode_label(name, value) for name, value in pairs)


@lru_cache(maxsize=100_000)
def _encode_label(name: str, value: str) -> bytes:
    if not LABEL.fullmatch(name):
        raise DataError(f"{name!r} is no label that Prometheus allows: use letters, digits and _", field=name)
    key, text = name.encode(), value.encode("utf-8", "replace")
    body = FIRST_BYTES + _varint(len(key)) + key + SECOND_BYTES + _varint(len(text)) + text
    return FIRST_BYTES + _varint(len(body)) + body


def _encode_samples(values: Floats, times: Stamps) -> NDArray[np.void]:
    encoded = np.empty(len(values), dtype=SAMPLE)
    encoded["tag"] = SECOND_BYTES[0]
    encoded["length"] = SAMPLE.itemsize - 2
    encoded["value_tag"] = VALUE_TAG
    encoded["value"] = values
    encoded["timestamp_tag"] = TIMESTAMP_TAG
    stamps = times.astype("datetime64[ms]").view(np.uint64)
    encoded["timestamp"] = stamps[:, None] >> SHIFTS & np.uint64(0x7F)
    encoded["timestamp"][:, :-1] |= 0x80
    return encoded


def _varint(number: int) -> bytes:
    """Return seven bits a byte, the lowest first; all bytes but the last have the eighth set."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field's tag, start, start of the content, and end. All must be of length and bytes."""
    start = 0
    while start < len(message):
        length, content = _read_varint(message, start + 1)
        yield message[start], start, content, content + length
        start = content + length


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return the number at `start` and where it ends."""
    number = shift = 0
    while True:
        byte = data[start]
        number |= (byte & 0x7F) << shift
        start += 1
        shift += 7
        if byte < 0x80:
            return number, start
