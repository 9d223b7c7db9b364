"""When what has failed is tried again."""

import time
from collections.abc import Callable

FIRST, LONGEST = 60.0, 900.0
"""Seconds until the next attempt, after the first failure and at most."""


class Backoff:
    """Attempts, by name: each failure in a row doubles the pause after it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pauses: dict[str, float] = {}
        self._not_before: dict[str, float] = {}

    def ready(self, name: str) -> bool:
        """Return whether it may be tried now."""
        return self._clock() >= self._not_before.get(name, float("-inf"))

    def failed(self, name: str) -> float:
        """Note a failure; return the seconds until the next attempt."""
        pause = min(2 * self._pauses[name], LONGEST) if name in self._pauses else FIRST
        self._pauses[name] = pause
        self._not_before[name] = self._clock() + pause
        return pause

    def forget(self, name: str) -> None:
        """Begin anew: it may be tried at once."""
        self._pauses.pop(name, None)
        self._not_before.pop(name, None)
