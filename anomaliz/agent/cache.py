"""A cache of explanations: an incident of the same facts gets the same explanation for a while."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")

MOST = 1024


class CoolDown(Generic[Value]):
    """Keeps values for so many seconds, the newest 1,024 of them."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()

    def get(self, key: Hashable) -> Value | None:
        """Return what was put under the key, if that is not too long ago."""
        kept = self._kept.get(key)
        if kept is None or self._clock() - kept[0] >= self.seconds:
            return None
        return kept[1]

    def put(self, key: Hashable, value: Value) -> None:
        self._kept[key] = (self._clock(), value)
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
