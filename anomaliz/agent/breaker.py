"""A circuit breaker: leaves alone for a while what has failed several times in a row."""

import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "half_open", "open"]
Clock = Callable[[], float]


class Breaker:
    """Counts failures in a row. For one thread, or one event loop."""

    def __init__(self, failures: int, open_seconds: float, clock: Clock = time.monotonic) -> None:
        self.failures = failures
        self.open_seconds = open_seconds
        self._clock = clock
        self._in_a_row = 0
        self._opened: float | None = None
        self._trying = False

    @property
    def state(self) -> State:
        """Closed lets through, open does not, half open lets one through to try."""
        if self._opened is None:
            return "closed"
        return "half_open" if self._clock() - self._opened >= self.open_seconds else "open"

    def lets_through(self) -> bool:
        """Say whether to go on. Who is let through has to say how it went, or that it gave up."""
        state = self.state
        if state == "half_open" and not self._trying:
            self._trying = True
            return True
        return state == "closed"

    def succeeded(self) -> None:
        self._in_a_row = 0
        self._opened = None
        self._trying = False

    def failed(self) -> None:
        self._in_a_row += 1
        if self._trying or self._in_a_row >= self.failures:
            self._opened = self._clock()
        self._trying = False

    def gave_up(self) -> None:
        """Say that nothing was learnt: another one may try."""
        self._trying = False
