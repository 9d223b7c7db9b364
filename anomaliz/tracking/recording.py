"""What `anomaliz train` does for tracking: before a training, and after its bundle is written."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError, TrackingError
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.revision import Revision, current_revision
from anomaliz.tracking.spool import Entry, Spool
from anomaliz.tracking.store import require_store
from anomaliz.tracking.upload import Uploaded, upload


@dataclass(frozen=True)
class Recording:
    """A training that is under way and will be recorded."""

    settings: Settings
    began: float
    revision: Revision | None

    @classmethod
    def begin(cls, settings: Settings) -> Self:
        """Note the time and the revision; raises before anything is trained where settings forbid recording.

        Raises MissingExtraError without MLflow, ConfigError for a tracking URI that can be none.
        """
        require_store(settings.tracking.tracking_uri)
        return cls(settings, time.time(), current_revision())

    def finish(self, bundle_version: str, directory: Path) -> Uploaded:
        """Keep the record of the training whose bundle is in `directory`, then upload it.

        Raises TrackingError, which says what to do, where it could not be uploaded.
        """
        record = TrainingRecord.of(bundle_version, self.settings, self.began, time.time(), self.revision)
        try:
            entry = Spool(self.settings.tracking.spool_dir).put(record, directory)
        except (OSError, AnomalizError) as error:
            return _upload_unkept(record, directory, error)
        try:
            return upload_entry(entry)
        except (OSError, AnomalizError) as error:
            raise TrackingError(
                f"the run is not recorded: {error}; it is kept in {entry.directory}, "
                "and 'anomaliz tracking sync' uploads it"
            ) from error


def upload_entry(entry: Entry, uri: str | None = None) -> Uploaded:
    """Upload what the spool keeps and take it out; raises AnomalizError where that fails, and it stays."""
    with entry.held():
        uploaded = upload(entry.record(), entry.bundle, uri)
        entry.remove()
        return uploaded


def _upload_unkept(record: TrainingRecord, directory: Path, fault: Exception) -> Uploaded:
    """Upload a record that the spool has no room for: now or never."""
    try:
        return upload(record, directory)
    except (OSError, AnomalizError) as error:
        raise TrackingError(
            f"the run is not recorded: {error}; nor can it be kept for later ({fault}): "
            "make room for tracking.spool_dir and train again to record it"
        ) from error
