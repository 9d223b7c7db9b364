"""Settings of a run, with and without a bundle."""

import json
from pathlib import Path
from typing import Any

import pytest

from anomaliz.bundle.manifest import MANIFEST_FILE, METADATA_FILE, SERVED_FILES, Manifest, digest
from anomaliz.config.loading import load_settings
from anomaliz.core.errors import BundleError
from anomaliz.evaluation.configuration import settings_of


@pytest.fixture(autouse=True)
def _no_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_bundle(folder: Path, settings: dict[str, Any]) -> Path:
    """Write files with their manifest, of which only the settings mean anything."""
    folder.mkdir()
    contents = dict.fromkeys(SERVED_FILES, b"") | {METADATA_FILE: json.dumps({"settings": settings}).encode()}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    hashes = {name: digest(content) for name, content in contents.items()}
    manifest = Manifest(1, "b", "1", "0", "2024-01-01", ("cpu",), 300.0, 20, {"window": ["forest"]}, hashes)
    (folder / MANIFEST_FILE).write_bytes(manifest.to_bytes())
    return folder


def test_without_a_bundle_the_settings_are_the_plain_ones() -> None:
    assert settings_of() == load_settings()


def test_a_bundle_stands_where_defaults_would(tmp_path: Path) -> None:
    stored = {"data": {"window_size": 20}, "detection": {"members": ["isolation_forest"]}}
    settings = settings_of(bundle=write_bundle(tmp_path / "b", stored))
    assert settings.data.window_size == 20
    assert settings.detection.members == ("isolation_forest",)
    assert settings.training == load_settings().training


def test_what_the_user_sets_wins_over_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my.yaml").write_text("data: {window_size: 30}\n")
    monkeypatch.setenv("ANOMALIZ__TRAINING__SEED", "7")
    stored = {"data": {"window_size": 20, "n_points": 900}, "training": {"seed": 1}}
    settings = settings_of(tmp_path / "my.yaml", write_bundle(tmp_path / "b", stored))
    assert (settings.data.window_size, settings.data.n_points, settings.training.seed) == (30, 900, 7)


def test_settings_of_another_release_are_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "b", {"data": {"window_length": 20}})
    with pytest.raises(BundleError, match=r"settings of another release .*window_length.*: train it again"):
        settings_of(bundle=bundle)


def test_an_absent_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        settings_of(bundle=tmp_path / "none")
