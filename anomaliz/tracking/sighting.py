"""What a look at the registry found. The watching process sends reports of it as lines of JSON."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from anomaliz.core.errors import BundleError


@dataclass(frozen=True)
class Sighting:
    """What a URI stands for, as far as is known."""

    uri: str
    folder: Path | None
    """The bundle in the cache; None where there is none that can be used."""
    version: str | None = None
    """Of the model, or the run's id; None where it is not known."""
    reachable: bool = True
    """Whether the registry answered."""
    message: str | None = None
    """Why the registry did not answer, or why there is no folder: a sentence."""

    def found(self) -> Path:
        """Return the folder; raises BundleError with the reason where there is none."""
        if self.folder is None:
            raise BundleError(f"{self.message}")
        return self.folder


@dataclass(frozen=True)
class Report:
    """One look at every URI."""

    asked: int
    """Number of the newest ask that the watching process had heard when this look began."""
    sightings: tuple[Sighting, ...]

    def to_line(self) -> bytes:
        return _REPORT.dump_json(self) + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> "Report":
        """Return the report in a line; raises ValueError for another line."""
        return _REPORT.validate_json(line)


@dataclass(frozen=True)
class Task:
    """What a watching process is to do. It comes over stdin: a process's arguments are seen by everyone."""

    tracking_uri: str
    cache_dir: Path
    uris: tuple[str, ...]
    seconds: float
    """Between two looks; 0 looks only when asked to."""
    asked: int = 0
    """Number of the newest ask so far."""

    def to_line(self) -> bytes:
        return _TASK.dump_json(self) + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> "Task":
        return _TASK.validate_json(line)


_REPORT = TypeAdapter(Report)
_TASK = TypeAdapter(Task)
