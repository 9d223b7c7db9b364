"""How far a pipeline has come: what there is to score, what was written, and what is remembered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.archive import pack, unpack
from anomaliz.core.labels import Labels, label_set
from anomaliz.core.types import Flags, Stamps
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import is_of
from anomaliz.pipelines.times import ceiling
from anomaliz.store.state import PipelineState


@dataclass(frozen=True)
class Interval:
    """What a job is to score: [snapshot, end), of which [watermark, end) is new."""

    snapshot: np.datetime64
    watermark: np.datetime64
    end: np.datetime64


def continued(state: PipelineState | None, pipeline: Pipeline) -> PipelineState | None:
    """Return the state that `pipeline` goes on from.

    Of one whose definition read something else, or on another grid, no more is of use than how far it came:
    so no stamp is left out, and none is scored by both.
    """
    if state is None or is_of(state.model, pipeline):
        return state
    start = ceiling(state.watermark, pipeline.step_ns)
    memory, written = Memory().packed(), Written.nothing().packed()
    return replace(state, watermark=start, snapshot=start, memory=memory, written=written)


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
    foretold: Stamps
    """The stamp before which each series' `expected` was written ahead, `(k,)`; NaT where none was."""

    @classmethod
    def nothing(cls) -> "Written":
        none = np.empty(0, "datetime64[ns]")
        return cls(none, (), np.empty((0, 0), np.bool_), none)

    @classmethod
    def of(cls, state: PipelineState | None) -> "Written":
        if state is None:
            return cls.nothing()
        arrays = unpack(state.written)
        times, foretold = (arrays[name].view("datetime64[ns]") for name in ("times", "foretold"))
        return cls(times, json.loads(arrays["labels"].tobytes()), arrays["flags"], foretold)

    def packed(self) -> bytes:
        labels = np.frombuffer(json.dumps([dict(one) for one in self.labels]).encode(), np.uint8)
        times, foretold = self.times.view(np.int64), self.foretold.view(np.int64)
        return pack({"times": times, "labels": labels, "flags": self.flags, "foretold": foretold})

    def among(self, times: Stamps, labels: Sequence[Labels]) -> Flags:
        """Return which of the points at these `times (m,)` of these series were written, `(m, j)`."""
        flags = np.zeros((len(times), len(labels)), np.bool_)
        rows = np.flatnonzero(np.isin(times, self.times))
        before = np.searchsorted(self.times, times[rows])
        given, known = self._places(labels)
        flags[np.ix_(rows, given)] = self.flags[np.ix_(before, known)]
        return flags

    def foretold_of(self, labels: Sequence[Labels]) -> Stamps:
        """Return `foretold` of these series, `(j,)`."""
        stamps = np.full(len(labels), np.datetime64("NaT"), "datetime64[ns]")
        given, known = self._places(labels)
        stamps[given] = self.foretold[known]
        return stamps

    def _places(self, labels: Sequence[Labels]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return where the series that are known stand among `labels`, and where they stand here."""
        columns = {label_set(one): i for i, one in enumerate(self.labels)}
        found = np.array([columns.get(label_set(one), -1) for one in labels], np.intp)
        given = np.flatnonzero(found >= 0)
        return given, found[given]
