"""The spool: trainings on disk that are not uploaded yet, each with a copy of its bundle."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from anomaliz.bundle.lock import locked
from anomaliz.bundle.writer import replacing
from anomaliz.core.errors import AnomalizError, TrackingError
from anomaliz.tracking.record import TrainingRecord

RECORD_FILE = "record.json"
BUNDLE_FOLDER = "bundle"


@dataclass(frozen=True)
class Entry:
    """One training in the spool."""

    directory: Path

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def bundle(self) -> Path:
        return self.directory / BUNDLE_FOLDER

    def record(self) -> TrainingRecord:
        """Read the record; raises AnomalizError that names the entry where it cannot be understood."""
        path = self.directory / RECORD_FILE
        try:
            return TrainingRecord.from_json(path.read_bytes())
        except (OSError, AnomalizError) as error:
            raise AnomalizError(f"{path} cannot be read ({error}): remove {self.directory}") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the entry while the block runs; raises TrackingError where another process holds it."""
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.directory))
            except (BlockingIOError, FileNotFoundError):  # the latter where it has just been removed
                raise TrackingError("another process is uploading it") from None
            yield

    def remove(self) -> None:
        """Take the entry out in one step, so that none is ever half there."""
        removed = self.directory.with_name(f".{self.name}.removed")
        self.directory.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


@dataclass(frozen=True)
class Spool:
    """The folder of entries, each named by its bundle's version."""

    directory: Path

    def put(self, record: TrainingRecord, bundle: Path) -> Entry:
        """Keep `record` and a copy of the directory `bundle`; an entry is there whole or not at all.

        Raises AnomalizError or OSError where it cannot be written.
        """
        entry = Entry(self.directory / record.bundle_version)
        with replacing(entry.directory) as new:
            new.chmod(0o700)  # a store's address may hold a password
            shutil.copytree(bundle, new / BUNDLE_FOLDER)
            (new / RECORD_FILE).write_bytes(record.to_json())
        return entry

    def entries(self) -> list[Entry]:
        """Return what is to be uploaded, the oldest first, and clear away what killed processes left."""
        if not self.directory.is_dir():
            return []
        folders = sorted(path for path in self.directory.iterdir() if path.is_dir())
        for left in folders:
            if left.name.startswith("."):
                with suppress(OSError), locked(left):
                    shutil.rmtree(left, ignore_errors=True)
        return [Entry(path) for path in folders if not path.name.startswith(".")]
