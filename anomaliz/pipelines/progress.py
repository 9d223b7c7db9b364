"""How far a pipeline has come: what there is to score, what was written, and what is remembered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anomaliz.core.archive import pack, unpack
from anomaliz.core.labels import Labels, label_set
from anomaliz.core.types import Flags, Stamps
from anomaliz.store.state import PipelineState


@dataclass(frozen=True)
class Interval:
    """What a job is to score: [snapshot, end), of which [watermark, end) is new."""

    snapshot: np.datetime64
    watermark: np.datetime64
    end: np.datetime64


@dataclass(frozen=True)
class Memory:
    """What the model and the policies keep of the rows before."""

    model: bytes | None = None
    policies: bytes | None = None

    @classmethod
    def of(cls, state: PipelineState | None, version: str) -> "Memory":
        """Return the memory of `state`; that of a model of another version is of no use."""
        if state is None:
            return cls()
        arrays = {name: array.tobytes() or None for name, array in unpack(state.memory).items()}
        return cls(arrays["model"] if state.model == version else None, arrays["policies"])

    def packed(self) -> bytes:
        parts = {"model": self.model or b"", "policies": self.policies or b""}
        return pack({name: np.frombuffer(part, np.uint8) for name, part in parts.items()})


@dataclass(frozen=True, eq=False)
class Written:
    """Which points were written, from the snapshot to the watermark."""

    times: Stamps
    """`(n,)`."""
    labels: Sequence[Labels]
    """`k` of them."""
    flags: Flags
    """`(n, k)`."""

    @classmethod
    def of(cls, state: PipelineState | None) -> "Written":
        if state is None:
            return cls(np.empty(0, "datetime64[ns]"), (), np.empty((0, 0), np.bool_))
        arrays = unpack(state.written)
        labels = json.loads(arrays["labels"].tobytes())
        return cls(arrays["times"].view("datetime64[ns]"), labels, arrays["flags"])

    def packed(self) -> bytes:
        labels = np.frombuffer(json.dumps([dict(one) for one in self.labels]).encode(), np.uint8)
        return pack({"times": self.times.view(np.int64), "labels": labels, "flags": self.flags})

    def among(self, times: Stamps, labels: Sequence[Labels]) -> Flags:
        """Return which of the points at these `times (m,)` of these series were written, `(m, j)`."""
        flags = np.zeros((len(times), len(labels)), np.bool_)
        columns = {label_set(one): i for i, one in enumerate(self.labels)}
        pairs = [(i, columns[key]) for i, one in enumerate(labels) if (key := label_set(one)) in columns]
        rows = np.flatnonzero(np.isin(times, self.times))
        if pairs and len(rows):
            given, known = (np.array(part) for part in zip(*pairs, strict=True))
            before = np.searchsorted(self.times, times[rows])
            flags[np.ix_(rows, given)] = self.flags[np.ix_(before, known)]
        return flags
