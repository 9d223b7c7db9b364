"""What every source can do."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from anomaliz.sources.readings import Readings


class Source(Protocol):
    """A system that metrics are read from. Its queries are in its own language."""

    @property
    def looks_back(self) -> bool:
        """Whether the value at a stamp is of samples up to it, and so known at once.

        If not it is the newest of those in [t, t + step), and known a step later.
        """

    def read(
        self, query: str, start: np.datetime64, end: np.datetime64, step: np.timedelta64
    ) -> Iterator[Readings]:
        """Yield consecutive chunks of [start, end), each on the grid `start + i * step`.

        A source whose samples are not on the grid puts at stamp t the newest sample in [t, t + step). A
        stamp without a sample is NaN or absent; no data at all is readings without series, never an error
        and never zeros. Stamps are UTC.

        Raises SourceError, in one sentence with the source, the query and the fix, where the system cannot be
        reached in time or refuses the query; DataError where the step is not positive.
        """

    def check(self) -> None:
        """Raise SourceError where the system cannot be reached or does not accept the credentials."""

    def close(self) -> None:
        """Let go of connections; a closed source is not used again."""
