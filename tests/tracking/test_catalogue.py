"""Bundles of folders and of the registry, in one table."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import MANIFEST_FILE
from anomaliz.tracking.catalogue import local_rows, merged, table
from anomaliz.tracking.registry import Version


@pytest.fixture
def root(bundle_dir: Path, tmp_path: Path) -> Path:
    """A folder with a bundle, one deeper, and what is none."""
    for place in ("v1", "team/v2", ".spool/waiting/bundle", ".v3.training-abc/new"):
        shutil.copytree(bundle_dir, tmp_path / place)
    (tmp_path / "notes").mkdir()
    manifest = json.loads((tmp_path / "team" / "v2" / MANIFEST_FILE).read_text())
    manifest |= {"version": "20990101T000000Z-ffffffff", "created": "2099-01-01T00:00:00+00:00"}
    (tmp_path / "team" / "v2" / MANIFEST_FILE).write_text(json.dumps(manifest))
    return tmp_path


def version(number: str, bundle_version: str | None, *aliases: str) -> Version:
    return Version(number, bundle_version, datetime(2030, 1, int(number), tzinfo=UTC), aliases, {"f1": 0.5})


def test_hidden_folders_hold_no_bundles(root: Path) -> None:
    rows, faults = local_rows(root)
    assert [row.folder for row in rows] == [str(root / "team" / "v2"), str(root / "v1")]
    assert faults == []


def test_a_damaged_bundle_is_a_sentence_and_hides_no_other(root: Path) -> None:
    (root / "v1" / "metrics.json").write_text("{}")
    rows, faults = local_rows(root)
    assert [row.folder for row in rows] == [str(root / "team" / "v2")]
    assert len(faults) == 1
    assert "metrics.json differs from its hash" in faults[0]


def test_an_absent_folder_has_none(tmp_path: Path) -> None:
    assert local_rows(tmp_path / "absent") == ([], [])


def test_a_bundle_in_both_places_has_one_row(root: Path, bundle: Bundle) -> None:
    versions = [version("7", None), version("3", bundle.version, "champion"), version("2", "elsewhere")]
    rows = merged(local_rows(root)[0], versions)
    assert {row.registry_version for row in rows} == {None, "7", "3", "2"}
    assert len(rows) == 4
    assert [row.created for row in rows] == sorted((row.created for row in rows), reverse=True)
    both = next(row for row in rows if row.registry_version == "3")
    assert both.folder == str(root / "v1")
    assert both.aliases == ("champion",)
    assert both.metrics is not None
    assert both.metrics["f1"] == bundle.metrics["summary"]["fused"]["f1"]["mean"]


def test_the_table_has_a_line_for_each_and_dashes_for_what_is_not_known(root: Path) -> None:
    rows = merged(local_rows(root)[0], [version("2", "elsewhere", "champion", "challenger")])
    lines = table(rows).splitlines()
    assert len(lines) == 4
    found = next(line for line in lines if line.startswith("elsewhere"))
    assert found.split()[:5] == ["elsewhere", "-", "2", "champion,", "challenger"]
    assert found.split()[5:] == ["0.500", "-", "-", "-", "-"]
