"""Bundles in the cache."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anomaliz.bundle.manifest import read_manifest
from anomaliz.core.errors import BundleError, ConfigError
from anomaliz.tracking import cache as module
from anomaliz.tracking.cache import BundleCache, Version

URI = "models:/anomaliz@champion"


@pytest.fixture
def cache(tmp_path: Path) -> BundleCache:
    cache = BundleCache(tmp_path / "cache", "http://registry")
    cache.require_writable()
    return cache


@pytest.fixture
def version(bundle_dir: Path) -> Version:
    return Version("anomaliz-1-abc", "1", "models:/anomaliz/1", read_manifest(bundle_dir)[1])


def downloading(bundle: Path, *into: str) -> Callable[[Path], None]:
    """Put copies of a bundle below the folder that is given, as deep as a model has it."""

    def download(folder: Path) -> None:
        for name in into or ("model/artifacts/bundle",):
            shutil.copytree(bundle, folder / name)

    return download


def left(cache: BundleCache) -> list[str]:
    return [path.name for path in cache.directory.iterdir() if path.name.startswith(".")]


def test_a_download_is_kept_under_its_key(cache: BundleCache, version: Version, bundle_dir: Path) -> None:
    assert "manifest.json is missing" in (cache.why_damaged(version.key) or "")
    folder = cache.add(version, downloading(bundle_dir))
    assert folder == cache.folder(version.key) == cache.directory / "versions" / "anomaliz-1-abc"
    assert cache.why_damaged(version.key) is None
    assert read_manifest(folder)[1] == version.sha256
    assert left(cache) == []


def test_damage_is_seen_and_mended(cache: BundleCache, version: Version, bundle_dir: Path) -> None:
    folder = cache.add(version, downloading(bundle_dir))
    assert cache.why_damaged(version.key) is None
    (folder / "scoring.onnx").write_bytes(b"damaged")
    assert "scoring.onnx differs from its hash" in (cache.why_damaged(version.key) or "")
    cache.add(version, downloading(bundle_dir))
    assert cache.why_damaged(version.key) is None


@pytest.mark.parametrize(("into", "said"), [((), "holds no bundle"), (("a", "b"), "holds 2 bundles")])
def test_a_download_holds_one_bundle(
    cache: BundleCache, version: Version, bundle_dir: Path, into: tuple[str, ...], said: str
) -> None:
    download = downloading(bundle_dir, *into) if into else lambda folder: (folder / "x").touch()
    with pytest.raises(BundleError, match=f"models:/anomaliz/1 {said}"):
        cache.add(version, download)
    assert left(cache) == []


def test_what_a_model_ships_beside_the_bundle_may_have_a_manifest(
    cache: BundleCache, version: Version, bundle_dir: Path
) -> None:
    def download(folder: Path) -> None:
        downloading(bundle_dir)(folder)
        (folder / "code").mkdir()
        (folder / "code" / "manifest.json").write_text("{}")

    assert read_manifest(cache.add(version, download))[1] == version.sha256


def test_a_bundle_that_is_not_whole_is_not_kept(
    cache: BundleCache, version: Version, served_dir: Path
) -> None:
    (served_dir / "scoring.onnx").unlink()
    with pytest.raises(BundleError, match="models:/anomaliz/1 is not a complete bundle"):
        cache.add(version, downloading(served_dir))
    assert cache.why_damaged(version.key)


def test_a_bundle_other_than_the_tag_says_is_not_kept(
    cache: BundleCache, version: Version, other_dir: Path
) -> None:
    with pytest.raises(BundleError, match="tagged with another's hash"):
        cache.add(version, downloading(other_dir))


def test_a_pointer_remembers_what_a_uri_stood_for(cache: BundleCache, version: Version) -> None:
    assert cache.pointer(URI) is None
    cache.remember(URI, version)
    pointer = cache.pointer(URI)
    assert pointer is not None
    assert (pointer.key, pointer.number) == (version.key, "1")
    assert BundleCache(cache.directory, "http://another").pointer(URI) is None


def test_a_damaged_pointer_is_none(cache: BundleCache, version: Version) -> None:
    cache.remember(URI, version)
    (pointer,) = (cache.directory / "pointers").iterdir()
    pointer.write_text("{")
    assert cache.pointer(URI) is None
    cache.remember(URI, version)
    assert cache.pointer(URI) is not None


def test_pruning_keeps_the_newest_and_those_that_a_uri_stands_for(
    cache: BundleCache, bundle_dir: Path
) -> None:
    for i in range(module.KEPT + 3):
        key = f"v{i}"
        folder = cache.add(Version(key, str(i), "models:/a/1"), downloading(bundle_dir))
        os.utime(folder, (time.time() - 100 + i,) * 2)
    cache.remember(URI, Version("v0", "0", "models:/a/1"))
    cache.prune()
    kept = {path.name for path in (cache.directory / "versions").iterdir()}
    assert kept == {"v0", *(f"v{i}" for i in range(3, module.KEPT + 3))}


def test_only_so_many_uris_are_remembered(cache: BundleCache) -> None:
    for i in range(module.POINTERS_KEPT + 2):
        cache.remember(f"models:/a/{i}", Version(f"v{i}", str(i), "models:/a/1"))
    cache.prune()
    assert len(list((cache.directory / "pointers").iterdir())) == module.POINTERS_KEPT


def test_only_downloads_of_the_gone_are_swept(cache: BundleCache) -> None:
    gone, running = cache.directory / ".download-gone", cache.directory / ".download-running"
    gone.mkdir()
    running.mkdir()
    handle = os.open(running, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    cache.sweep()
    os.close(handle)
    assert left(cache) == [".download-running"]


def test_a_cache_that_is_lost_is_made_again(cache: BundleCache, version: Version, bundle_dir: Path) -> None:
    shutil.rmtree(cache.directory)
    cache.prune()
    cache.add(version, downloading(bundle_dir))
    assert cache.why_damaged(version.key) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"tracking\.cache_dir .* cannot be written \(Not a directory\)"):
        BundleCache(tmp_path / "file" / "cache", "http://registry").require_writable()
