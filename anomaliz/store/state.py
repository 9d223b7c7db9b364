"""What a pipeline keeps between its jobs."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Totals:
    """What a pipeline has counted since it was first run."""

    runs: int = 0
    no_data: int = 0
    """Runs that found no data."""
    failures: int = 0
    points: int = 0
    """Points that got a score."""
    events: int = 0
    """Anomalies, each counted once however long it lasts."""


@dataclass(frozen=True)
class PipelineState:
    """Where scoring goes on. It is committed after its samples were taken by every sink."""

    watermark: np.datetime64
    """The first stamp that was not scored yet."""
    snapshot: np.datetime64
    """The stamp before which `memory` was taken, at most the watermark; late points are scored from it."""
    memory: bytes
    """Of the model and the policies, as they were at `snapshot`."""
    model: str
    """Version of the model that the memory belongs to."""
    written: bytes
    """Which points in [snapshot, watermark) were written."""
    totals: Totals
