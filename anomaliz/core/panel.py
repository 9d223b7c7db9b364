"""A panel: many series of the same features on common stamps, and what scoring says of their points."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.labels import Labels, label_set
from anomaliz.core.score import score_of
from anomaliz.core.stamps import require_increasing
from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.core.verdict import Status


@dataclass(frozen=True, eq=False)
class Panel:
    """`k` series of `f` features at `n` stamps, one step apart."""

    times: Stamps
    """UTC `datetime64[ns]`, strictly increasing, `(n,)`."""
    values: Floats
    """Float64, NaN = missing, `(n, k, f)`."""
    labels: tuple[Labels, ...]
    """What tells each series from the others, `k` distinct mappings."""
    features: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = (len(self.times), len(self.labels), len(self.features))
        if self.values.shape != shape:
            raise ValueError(f"values {self.values.shape} are not {shape}")
        if len({label_set(labels) for labels in self.labels}) < len(self.labels):
            raise ValueError("labels must be distinct")
        require_increasing(self.times)

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, part: slice) -> "Panel":
        """Return the panel at some of its stamps."""
        return Panel(self.times[part], self.values[part], self.labels, self.features)

    def until(self, stamp: np.datetime64) -> "Panel":
        """Return the panel before `stamp`."""
        return self.rows(slice(0, int(np.searchsorted(self.times, stamp))))

    def since(self, stamp: np.datetime64) -> "Panel":
        """Return the panel from `stamp` on."""
        return self.rows(slice(int(np.searchsorted(self.times, stamp)), None))

    def sampled(self) -> "Panel":
        """Return the panel without series that have no value."""
        kept = np.flatnonzero(self.present.any(axis=0))
        if len(kept) == len(self.labels):
            return self
        return Panel(self.times, self.values[:, kept], tuple(self.labels[i] for i in kept), self.features)

    @cached_property
    def present(self) -> Flags:
        """Whether a series has any value at a stamp, `(n, k)`."""
        flags: Flags = np.logical_not(np.isnan(self.values).all(axis=2))
        return flags


@dataclass(frozen=True, eq=False)
class PanelVerdicts:
    """Verdicts of `n` stamps of `k` series. Where `status` is not scored, readings are NaN."""

    times: Stamps
    labels: tuple[Labels, ...]
    features: tuple[str, ...]
    threshold: float
    """From which score on a point is an anomaly."""
    status: NDArray[np.int8]
    """Of `Status`, `(n, k)`."""
    surprise: Floats
    """`(n, k)`."""
    observed: Floats
    """`(n, k, f)`, as are those that follow."""
    expected: Floats
    expected_lower: Floats
    expected_upper: Floats
    contributions: Floats
    """Those of a point sum to 1."""

    def __len__(self) -> int:
        return len(self.times)

    def followed_by(self, later: "PanelVerdicts") -> "PanelVerdicts":
        """Return these verdicts and those of the stamps after them, of the same series."""
        return replace(
            self,
            times=np.concatenate([self.times, later.times]),
            status=np.concatenate([self.status, later.status]),
            surprise=np.concatenate([self.surprise, later.surprise]),
            observed=np.concatenate([self.observed, later.observed]),
            expected=np.concatenate([self.expected, later.expected]),
            expected_lower=np.concatenate([self.expected_lower, later.expected_lower]),
            expected_upper=np.concatenate([self.expected_upper, later.expected_upper]),
            contributions=np.concatenate([self.contributions, later.contributions]),
        )

    @cached_property
    def score(self) -> Floats:
        """In [0, 1], `(n, k)`."""
        return score_of(self.surprise)

    @cached_property
    def scored(self) -> Flags:
        """Whether each point has a score, `(n, k)`."""
        return self.status <= Status.degraded
