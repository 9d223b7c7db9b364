"""Events: when strange points become anomalies, by warm-up, points in a row, and the quiet after an event.

An event begins with a strange point that makes `consecutive` of them in a row, unless the series is new or
an event has ended shortly before. It ends with the next normal point, whose score is below the threshold.
Points without a score, because of missing data or of the calendar, neither end an event nor break a row. One
that is held back for its direction or its deviation breaks a row, but ends nothing: else noise around the
expected value would make a hundred events of one.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from anomaliz.core.types import Flags, Stamps
from anomaliz.pipelines.policies.memory import NEVER, Memory

FORGOTTEN = np.timedelta64(7, "D")
FORGOTTEN_STEPS = 100
"""A series that has had no value for longer than this, and than FORGOTTEN, is new when it comes back."""


@dataclass(frozen=True)
class Events:
    """The rules; times in nanoseconds."""

    consecutive: int
    warm_up: int
    cooldown: int
    forgotten: int

    @classmethod
    def of(cls, consecutive: int, warm_up: float, cooldown: float, step: np.timedelta64) -> Self:
        """Return the rules for a number of points, and for seconds."""
        forgotten = max(FORGOTTEN, FORGOTTEN_STEPS * step) // np.timedelta64(1, "ns")
        return cls(consecutive, round(warm_up * 1e9), round(cooldown * 1e9), int(forgotten))

    def advance(
        self, times: Stamps, present: Flags, normal: Flags, weak: Flags, strange: Flags, memory: Memory
    ) -> tuple[Flags, Flags]:
        """Return which points are anomalies, and which begin an event, each `(n, k)`.

        Of the points `(n, k)` that are `present`, those with a score are `normal`, `strange` enough to be an
        anomaly, or `weak`, held back. The `memory` of the k series is brought to the newest stamp.
        """
        anomaly, began = np.zeros_like(strange), np.zeros_like(strange)
        for i, time in enumerate(times.astype("datetime64[ns]").view(np.int64).tolist()):
            self._welcome(time, present[i], memory)
            began[i] = self._begin(time, strange[i], memory)
            anomaly[i] = strange[i] & memory.open
            memory.run[weak[i] | normal[i]] = 0
            self._end(time, normal[i], memory)
        return anomaly, began

    def remembered(self, memory: Memory, newest: np.datetime64) -> Memory:
        """Return the memory of those series that, after the `newest` stamp, differ from new ones."""
        time = int(newest.astype("datetime64[ns]").astype(np.int64))
        # What is over is as if it had never been, however the stamps were divided.
        memory.quiet_until[memory.quiet_until <= time] = NEVER
        differs = (memory.run > 0) | memory.open | (memory.quiet_until > NEVER) | (self.warm_up > 0)
        return memory.part(differs & ~self._forgotten(time, memory))

    def _welcome(self, time: int, present: Flags, memory: Memory) -> None:
        """Begin with the series that are new."""
        new = present & self._forgotten(time, memory)
        if new.any():
            memory.run[new], memory.open[new], memory.quiet_until[new] = 0, False, time + self.warm_up
        memory.seen[present] = time

    def _forgotten(self, time: int, memory: Memory) -> Flags:
        flags: Flags = memory.seen < time - self.forgotten
        return flags

    def _begin(self, time: int, strange: Flags, memory: Memory) -> Flags:
        memory.run[strange] += 1
        ready = (memory.run >= self.consecutive) & (memory.quiet_until <= time)
        begins: Flags = strange & ready & ~memory.open
        memory.open |= begins
        return begins

    def _end(self, time: int, normal: Flags, memory: Memory) -> None:
        memory.quiet_until[normal & memory.open] = time + self.cooldown
        memory.open[normal] = False
