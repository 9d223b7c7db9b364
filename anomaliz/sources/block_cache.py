"""Readings kept on disk, in blocks of stamps that will not change any more."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from anomaliz.sources.grid import Grid
from anomaliz.sources.readings import Readings

FORMAT = 1
EPOCH = np.datetime64(0, "ns")


@dataclass(frozen=True)
class Blocks:
    """One query's stamps, cut at multiples of `size` steps since 1970: any two reads agree on the cuts."""

    step: np.timedelta64
    phase: np.timedelta64
    """How far the stamps lie behind whole multiples of the step."""
    size: int
    """Stamps of a block."""

    @classmethod
    def of(cls, grid: Grid, size: int) -> "Blocks":
        """Return the cut of every grid whose stamps would be those of `grid` if both were longer."""
        return cls(grid.step, (grid.start - EPOCH) % grid.step, size)

    def number(self, time: np.datetime64) -> int:
        """Return the number of the block that `time` lies in."""
        return int((time - EPOCH - self.phase) // (self.size * self.step))

    def grid(self, first: int, last: int) -> Grid:
        """Return the stamps of the blocks `first` to `last`, both included."""
        length = self.size * self.step
        start = EPOCH + self.phase
        return Grid(start + first * length, start + (last + 1) * length, self.step)


class BlockCache:
    """A folder of blocks: `<digest of what was asked>/<block number>.npz`.

    A damaged file is as good as none. Above `max_bytes` the files that were written first are deleted.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes

    def folder(self, asked: Sequence[str], blocks: Blocks) -> Path:
        """Return where the blocks of one query lie. `asked` is all that the answer depends on."""
        key = json.dumps(
            [FORMAT, *asked, int(blocks.step.astype(int)), int(blocks.phase.astype(int)), blocks.size]
        )
        return self._directory / hashlib.sha256(key.encode()).hexdigest()[:32]

    def load(self, folder: Path, number: int, grid: Grid) -> Readings | None:
        """Return the readings of block `number`, whose stamps are `grid`; None where they are not kept."""
        try:
            # numpy leaves a file open that it cannot read.
            with (folder / f"{number}.npz").open("rb") as file, np.load(file, allow_pickle=False) as kept:
                labels = json.loads(bytes(kept["labels"]))
                return Readings(grid.times, kept["values"], tuple(labels))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
            return None

    def store(self, folder: Path, number: int, readings: Readings) -> None:
        """Keep a block, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        labels = np.frombuffer(json.dumps([dict(one) for one in readings.labels]).encode(), dtype=np.uint8)
        part = folder / f"{number}.{os.getpid()}.part"
        with part.open("wb") as file:
            np.savez(file, values=readings.values, labels=labels)
        part.replace(folder / f"{number}.npz")

    def prune(self) -> None:
        """Delete the oldest files until the folder is no larger than it may be."""
        files = sorted(_files(self._directory), key=lambda entry: entry[1].st_mtime_ns)
        surplus = sum(found.st_size for _, found in files) - self._max_bytes
        for path, found in files:
            if surplus <= 0:
                return
            path.unlink(missing_ok=True)
            surplus -= found.st_size


def _files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in directory.glob("*/*"):
        try:
            yield path, path.stat()
        except FileNotFoundError:
            # Another process prunes too.
            continue
