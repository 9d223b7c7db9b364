"""What a job gives: samples to write, then the state to commit, and what to tell of it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from anomaliz.core.labels import Labels
from anomaliz.core.types import Flags, Floats
from anomaliz.pipelines.definition import Pipeline
from anomaliz.sinks.sink import Samples
from anomaliz.store.state import PipelineState

Kind = Literal["score", "train", "backfill"]
RunStatus = Literal["ok", "no_data", "failed"]


@dataclass(frozen=True, eq=False)
class Latest:
    """The newest scored point of each of `k` series; NaN where a series has none."""

    labels: tuple[Labels, ...]
    """As they are written: the source's and `pipeline`."""
    features: tuple[str, ...]
    times: np.ndarray
    """`(k,)`, NaT where there is none."""
    anomaly_score: Floats
    """Score divided by threshold, `(k,)`."""
    anomaly: Flags
    """`(k,)`."""
    expected: Floats
    """`(k, f)`, as are those that follow."""
    expected_lower: Floats
    expected_upper: Floats
    observed: Floats
    contributions: Floats


@dataclass(frozen=True)
class Report:
    """What a job did, for logs, metrics and people."""

    pipeline: str
    kind: Kind
    status: RunStatus
    message: str
    """One sentence."""
    ended: float
    """Seconds since the epoch."""
    seconds: float
    data_age: float | None = None
    """Seconds from the newest sample to now; None where there was never one."""
    series: int = 0
    rows: int = 0
    """Stamps that were read: the context and the new ones."""
    points: int = 0
    """Points that got a score."""
    anomalies: int = 0
    events: int = 0
    """Anomalies that began."""
    samples: int = 0
    """Samples that are written."""
    latest: Latest | None = None


@dataclass(frozen=True)
class TrainedModel:
    """A model that has passed its validation."""

    version: str
    """Begins with the fingerprint of its pipeline."""
    content: bytes
    facts: str
    """One sentence: what it was fitted on."""


def version_of(pipeline: Pipeline, version: str) -> str:
    """Return the version of a model as a pipeline has it, with the fingerprint."""
    return f"{pipeline.fingerprint}-{version}"


def is_of(version: str, pipeline: Pipeline) -> bool:
    """Return whether what has this version belongs to `pipeline` as it is defined now."""
    return version.startswith(f"{pipeline.fingerprint}-")


@dataclass(frozen=True)
class Outcome:
    """What a job gives back from where it ran. Nothing of it is written or committed yet."""

    report: Report
    samples: tuple[Samples, ...] = ()
    state: PipelineState | None = None
    """To be committed once every sink has taken the samples; None leaves it as it is."""
    model: TrainedModel | None = None
