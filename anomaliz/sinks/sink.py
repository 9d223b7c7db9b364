"""What every sink can do, and what it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from anomaliz.core.labels import Labels
from anomaliz.core.stamps import require_increasing
from anomaliz.core.types import Floats, Stamps


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one series. A NaN is no sample and is not written."""

    labels: Labels
    """The series' name under `__name__`, and its labels."""
    times: Stamps
    """UTC `datetime64[ns]`, strictly increasing, `(n,)`."""
    values: Floats
    """Float64, `(n,)`."""

    def __post_init__(self) -> None:
        if self.times.shape != self.values.shape or self.times.ndim != 1:
            raise ValueError(f"times {self.times.shape} and values {self.values.shape} do not fit")
        require_increasing(self.times)


class Sink(Protocol):
    """A system that scores are written to. The same samples may be written twice: it makes no difference."""

    def write(self, batch: Sequence[Samples]) -> None:
        """Take all samples of `batch`, or none of them: when it returns, they survive a crash.

        Raises SourceError where it cannot take them, DataError where the system allows no such labels.
        """

    def check(self) -> None:
        """Raise SourceError where the system cannot be reached or does not accept the credentials."""

    def flush(self) -> None:
        """Return when all that was written has arrived, or was refused.

        Raises SourceError where it has not in time; it is not lost then, and still on its way.
        """

    def close(self) -> None:
        """Let go of files and connections; what has not arrived is sent by the next sink of its place."""
