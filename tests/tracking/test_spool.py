"""The spool: whole entries or none, each in one hand."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import verify
from anomaliz.config.loading import load_settings
from anomaliz.core.errors import AnomalizError, TrackingError
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.recording import upload_entry
from anomaliz.tracking.spool import Spool


@pytest.fixture
def record(bundle: Bundle) -> TrainingRecord:
    return TrainingRecord.of(bundle.version, load_settings(environ={}, env_file=None), 0.0, 1.0, None)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "deep" / "spool")


def test_an_entry_has_the_record_and_a_whole_bundle(
    spool: Spool, record: TrainingRecord, bundle_dir: Path
) -> None:
    assert spool.entries() == []
    entry = spool.put(record, bundle_dir)
    assert spool.entries() == [entry]
    assert entry.record() == record
    assert verify(entry.bundle).version == record.bundle_version
    entry.remove()
    assert list(spool.directory.iterdir()) == []


def test_only_its_owner_reads_an_entry(spool: Spool, record: TrainingRecord, bundle_dir: Path) -> None:
    assert spool.put(record, bundle_dir).directory.stat().st_mode & 0o077 == 0


def test_entries_come_oldest_first(spool: Spool, record: TrainingRecord, bundle_dir: Path) -> None:
    for version in ("20260102", "20260101"):
        spool.put(replace(record, bundle_version=version), bundle_dir)
    assert [entry.name for entry in spool.entries()] == ["20260101", "20260102"]


def test_a_copy_that_fails_leaves_nothing(spool: Spool, record: TrainingRecord, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        spool.put(record, tmp_path / "absent")
    assert list(spool.directory.iterdir()) == []


PUT_AND_DIE = """
import os, shutil, sys
from pathlib import Path
from anomaliz.tracking import spool
from anomaliz.tracking.record import TrainingRecord
spool.shutil.copytree = lambda *_: os._exit(9)  # the machine loses power
record = TrainingRecord.from_json(Path(sys.argv[2]).read_bytes())
spool.Spool(Path(sys.argv[1])).put(record, Path(sys.argv[3]))
"""


def test_what_a_killed_process_left_is_no_entry_and_is_cleared_away(
    spool: Spool, record: TrainingRecord, bundle_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "record.json").write_bytes(record.to_json())
    arguments = [str(spool.directory), str(tmp_path / "record.json"), str(bundle_dir)]
    done = subprocess.run([sys.executable, "-c", PUT_AND_DIE, *arguments], check=False)
    assert done.returncode == 9
    assert len(list(spool.directory.iterdir())) == 1
    assert spool.entries() == []
    assert list(spool.directory.iterdir()) == []


def test_an_entry_that_another_holds_is_left_alone(
    spool: Spool, record: TrainingRecord, bundle_dir: Path
) -> None:
    entry = spool.put(record, bundle_dir)
    with entry.held(), pytest.raises(TrackingError, match="another process is uploading it"):
        upload_entry(entry)
    assert spool.entries() == [entry]


def test_a_record_that_cannot_be_read_names_the_entry(
    spool: Spool, record: TrainingRecord, bundle_dir: Path
) -> None:
    entry = spool.put(record, bundle_dir)
    (entry.directory / "record.json").write_text("{")
    with pytest.raises(AnomalizError, match=rf"record\.json cannot be read .*: remove {entry.directory}"):
        entry.record()
