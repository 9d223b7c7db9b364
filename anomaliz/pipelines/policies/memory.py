"""What policies remember of each series between two calls, as bytes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from anomaliz.core.archive import pack, unpack
from anomaliz.core.errors import StoreError
from anomaliz.core.labels import Labels
from anomaliz.core.types import Flags

NEVER = int(np.iinfo(np.int64).min)
"""Before all stamps."""
ARRAYS = ("seen", "quiet_until", "run", "open")


@dataclass(eq=False)
class Memory:
    """Of `k` series, one value of each array for each. Stamps are nanoseconds since the epoch."""

    keys: list[str]
    """The labels, as text without line ends."""
    seen: NDArray[np.int64]
    """The newest stamp at which the series had a value; NEVER for one that is new."""
    quiet_until: NDArray[np.int64]
    """No event begins before this stamp."""
    run: NDArray[np.int64]
    """Anomalous points in a row, up to the newest."""
    open: Flags
    """Whether an event is under way."""

    @classmethod
    def empty(cls, keys: list[str]) -> Self:
        """Return the memory of series that were never seen."""
        k = len(keys)
        never = np.full(k, NEVER, dtype=np.int64)
        return cls(keys, never, never.copy(), np.zeros(k, dtype=np.int64), np.zeros(k, dtype=np.bool_))

    @classmethod
    def load(cls, content: bytes | None) -> Self:
        """Return what `dump` gave; None is an empty memory. StoreError where it is something else."""
        if content is None:
            return cls.empty([])
        try:
            arrays = unpack(content)
            text = arrays["keys"].tobytes().decode()
            return cls(text.split("\n") if text else [], **{name: arrays[name] for name in ARRAYS})
        except (ValueError, KeyError):
            raise StoreError(
                "what the policies remembered cannot be read: remove the pipeline's state to begin anew"
            ) from None

    def dump(self) -> bytes:
        """Return it as bytes, the series in the order of their keys."""
        order = np.array(sorted(range(len(self.keys)), key=self.keys.__getitem__), dtype=np.int64)
        text = "\n".join(self.keys[i] for i in order).encode()
        arrays = {name: getattr(self, name)[order] for name in ARRAYS}
        return pack({"keys": np.frombuffer(text, dtype=np.uint8)} | arrays)

    def divided(self, labels: Sequence[Labels]) -> tuple["Memory", "Memory"]:
        """Return the memory of the series with these labels, in their order, and that of all others."""
        keys = [json.dumps(dict(one), sort_keys=True) for one in labels]
        place = {key: i for i, key in enumerate(self.keys)}
        places = np.array([place.get(key, -1) for key in keys], dtype=np.int64)
        named, known = Memory.empty(keys), places >= 0
        for name in ARRAYS:
            getattr(named, name)[known] = getattr(self, name)[places[known]]
        return named, self.part(~np.isin(np.arange(len(self.keys)), places))

    def part(self, which: Flags) -> "Memory":
        """Return the memory of some of its series."""
        keys = [self.keys[i] for i in np.flatnonzero(which)]
        return Memory(keys, **{name: getattr(self, name)[which] for name in ARRAYS})

    def joined(self, other: "Memory") -> "Memory":
        """Return the memory of its series and of others."""
        both = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in ARRAYS}
        return Memory(self.keys + other.keys, **both)
