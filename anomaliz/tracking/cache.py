"""Bundles that were downloaded: a folder for each version, and what each URI last stood for.

```
<cache_dir>/
  versions/<key>/      a bundle, verified before it got this name
  pointers/<hash>.json the key that a URI of a registry last stood for
  .download-…/         a download under way
```
"""

import hashlib
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from anomaliz.bundle.lock import locked
from anomaliz.bundle.manifest import MANIFEST_FILE, SERVED_FILES, read_manifest, verify
from anomaliz.core.errors import BundleError, ConfigError

KEPT = 5
"""Versions that are kept, newest first, beside those that a URI stands for."""
POINTERS_KEPT = 20
FRESH_SECONDS = 3600
"""A pointer is written anew when it is older, so that its age says when its URI was last looked up."""
DOWNLOAD = ".download-"

Stat = frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class Version:
    """A version of a bundle in a registry."""

    key: str
    """Names its folder in the cache: no other version of any registry has it."""
    number: str
    """Of the model, or the run's id."""
    source: str
    """Where its files can be downloaded."""
    sha256: str | None = None
    """The bundle's hash, where the registry tells."""


@dataclass(frozen=True)
class Pointer:
    """What a URI stood for."""

    uri: str
    key: str
    number: str


class BundleCache:
    """The bundles of one registry in a folder that several processes, and registries, may share."""

    def __init__(self, directory: Path, tracking_uri: str) -> None:
        self.directory = directory.absolute()
        self._tracking_uri = tracking_uri
        self._whole: dict[str, Stat] = {}

    def require_writable(self) -> None:
        """Make the folder; raises ConfigError where nothing can be written into it."""
        try:
            self._make()
            with tempfile.TemporaryFile(dir=self.directory):
                pass
        except OSError as error:
            raise ConfigError(
                f"tracking.cache_dir {self.directory} cannot be written ({error.strerror}): "
                "name a folder where bundles from the registry can be kept",
                field="tracking.cache_dir",
            ) from None

    def pointer(self, uri: str) -> Pointer | None:
        """Return what `uri` last stood for, where that is known."""
        return _read_pointer(self._pointer_file(uri))

    def remember(self, uri: str, version: Version) -> None:
        """Write down what `uri` stands for; raises OSError where that cannot be written."""
        new = Pointer(uri, version.key, version.number)
        if self.pointer(uri) == new and _age(self._pointer_file(uri)) < FRESH_SECONDS:
            return
        with self._aside() as aside:
            written = aside / "pointer.json"
            written.write_bytes(_POINTER.dump_json(new))
            written.replace(self._pointer_file(uri))

    def folder(self, key: str) -> Path:
        """Return the place of a version's bundle, which need not be there."""
        return self.directory / "versions" / key

    def why_damaged(self, key: str) -> str | None:
        """Say why a version's bundle cannot be used; None where it is there and whole."""
        folder = self.folder(key)
        stat = _stat(folder)
        if stat and self._whole.get(key) == stat:
            return None  # hashing it again at each look would be work for nothing
        try:
            verify(folder)
        except BundleError as error:
            return str(error)
        self._whole[key] = stat
        return None

    def add(self, version: Version, download: Callable[[Path], None]) -> Path:
        """Keep the bundle that `download` puts somewhere below the folder it is given.

        Raises BundleError for a download without a bundle, with several, or with one that is not whole or
        not the version's; OSError where it cannot be written. What was there before is replaced.
        """
        with self._aside() as aside:
            (aside / "files").mkdir()
            download(aside / "files")
            bundle = _only_bundle(aside / "files", version)
            folder = self.folder(version.key)
            with suppress(FileNotFoundError):
                folder.rename(aside / "damaged")
            bundle.rename(folder)
        return folder

    def prune(self) -> None:
        """Remove all but the newest versions and those that the URIs looked up last stand for."""
        pointers = sorted((self.directory / "pointers").glob("*.json"), key=_age)
        for pointer in pointers[POINTERS_KEPT:]:
            pointer.unlink(missing_ok=True)
        pointed = {pointer.key for pointer in map(_read_pointer, pointers[:POINTERS_KEPT]) if pointer}
        for folder in sorted((self.directory / "versions").glob("*"), key=_age)[KEPT:]:
            if folder.name not in pointed:
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the downloads of processes that are gone; the lock tells them from running ones."""
        for left in self.directory.glob(f"{DOWNLOAD}*"):
            with suppress(OSError), locked(left):
                shutil.rmtree(left, ignore_errors=True)

    def _make(self) -> None:
        for name in ("versions", "pointers"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)

    def _pointer_file(self, uri: str) -> Path:
        name = hashlib.sha256(f"{self._tracking_uri}\n{uri}".encode()).hexdigest()[:32]
        return self.directory / "pointers" / f"{name}.json"

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        """Give a folder beside the versions, locked while the block runs and removed after it."""
        self._make()
        aside = Path(tempfile.mkdtemp(prefix=DOWNLOAD, dir=self.directory))
        try:
            with locked(aside):
                yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)


_POINTER = TypeAdapter(Pointer)


def _read_pointer(path: Path) -> Pointer | None:
    try:
        return _POINTER.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def _only_bundle(files: Path, version: Version) -> Path:
    # Other things that a model ships may have a manifest, though none with these beside it.
    manifests = [
        path
        for path in files.rglob(MANIFEST_FILE)
        if any((path.parent / name).exists() for name in SERVED_FILES)
    ]
    if len(manifests) != 1:
        found = f"{len(manifests)} bundles" if manifests else "no bundle"
        raise BundleError(f"{version.source} holds {found}: give the URI of what training registered")
    bundle = manifests[0].parent
    try:
        verify(bundle)
        sha256 = read_manifest(bundle)[1]
    except BundleError as error:
        # Its place while it was downloaded is nothing to a reader.
        reason = str(error).replace(f"{bundle}", version.source)
        raise BundleError(reason) from None
    if version.sha256 not in (None, sha256):
        raise BundleError(
            f"{version.source} holds bundle {sha256[:12]}, and its version is tagged with another's hash, "
            f"{version.sha256[:12]}: register the bundle again"
        )
    return bundle


def _stat(folder: Path) -> Stat:
    found = set()
    for path in folder.rglob("*"):
        with suppress(OSError):
            stat = path.stat()
            found.add((str(path), stat.st_size, stat.st_mtime_ns))
    return frozenset(found)


def _age(path: Path) -> float:
    """Return the seconds since `path` was written, infinity for one that is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return math.inf
