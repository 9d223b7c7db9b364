"""Jumps of the clock on the wall: set back, set forward, or stood still while the machine slept."""

import time
from collections.abc import Callable

TOLERANCE = 2.0
"""Seconds by which the clock may be set without anybody minding: it is kept right in small steps."""


class Clock:
    """Compares the clock on the wall with one that never jumps."""

    def __init__(
        self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._difference = wall() - steady()

    def jump(self) -> float:
        """Return by how many seconds the clock was set since the last call; 0 for less than two."""
        difference = self._wall() - self._steady()
        jump = difference - self._difference
        self._difference = difference
        return jump if abs(jump) > TOLERANCE else 0.0
