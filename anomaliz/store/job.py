"""Jobs that somebody asked for and asks after, and the models that are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

JobStatus = Literal["queued", "running", "done", "failed"]
UNFINISHED: tuple[JobStatus, ...] = ("queued", "running")


@dataclass(frozen=True)
class Job:
    """A job as it stands."""

    id: str
    pipeline: str
    kind: str
    arguments: Mapping[str, Any]
    status: JobStatus
    message: str
    """One sentence; empty while there is nothing to tell."""
    progress: float
    """In [0, 1]."""
    created: float
    """Seconds since the epoch, as is `updated`."""
    updated: float

    @property
    def finished(self) -> bool:
        return self.status not in UNFINISHED


@dataclass(frozen=True)
class ModelEntry:
    """A kept model, without its content."""

    version: str
    created: float
    """Seconds since the epoch."""
    facts: str
    """One sentence: what it was fitted on."""


@dataclass(frozen=True)
class StoredModel(ModelEntry):
    """A kept model."""

    content: bytes
