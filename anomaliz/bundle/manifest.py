"""The manifest: what a bundle is, and the hash of every file in it."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from anomaliz.core.errors import BundleError

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
GRAPH_FILE = "scoring.onnx"
HISTORY_FILE = "history.npz"
NORMALIZER_FILE = "normalizer.json"
THRESHOLD_FILE = "threshold.json"
SERIES_FILE = "series.npz"
"""Of the series profile; a bundle of a series that was too short for one does without."""
METADATA_FILE = "metadata.json"
METRICS_FILE = "metrics.json"
SERVED_FILES = (GRAPH_FILE, HISTORY_FILE, NORMALIZER_FILE, THRESHOLD_FILE, METADATA_FILE, METRICS_FILE)
ATTEMPTS = 5


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`."""

    format_version: int
    name: str
    version: str
    product_version: str
    created: str
    """ISO-8601, UTC."""
    features: tuple[str, ...]
    step_seconds: float | None
    window_size: int
    profiles: dict[str, list[str]]
    """Profile name -> its detectors."""
    files: dict[str, str]
    """Path inside the bundle -> sha256 of its content."""

    def to_bytes(self) -> bytes:
        return (json.dumps(asdict(self), indent=2) + "\n").encode()


@dataclass(frozen=True)
class _Format:
    """What a manifest of any format version has."""

    format_version: object = None


def read_manifest(directory: Path) -> tuple[Manifest, str]:
    """Return the manifest of the bundle in `directory` and the manifest's own sha256, which names the bundle.

    Raises BundleError when there is none, it cannot be read, or it has another format version.
    """
    content = _read(directory, MANIFEST_FILE)
    path = directory / MANIFEST_FILE
    try:
        found = TypeAdapter(_Format).validate_json(content).format_version
    except ValidationError:
        raise BundleError(f"{path} is not a manifest: train the bundle again") from None
    if found != FORMAT_VERSION:
        raise BundleError(
            f"{directory} has bundle format {found}, this release reads format {FORMAT_VERSION}: "
            "train it again, or use the release that wrote it"
        )
    try:
        return TypeAdapter(Manifest).validate_json(content, strict=True), digest(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{path} has a wrong {field} ({first['msg']}): train the bundle again") from None


def read_whole(directory: Path) -> tuple[Manifest, str, dict[str, bytes]]:
    """Return manifest, bundle hash, and the content of every file, each checked against its hash.

    A bundle that is replaced while it is read is read again. Raises BundleError naming the file at fault.
    """
    for _ in range(ATTEMPTS - 1):
        manifest, sha256 = read_manifest(directory)
        try:
            return manifest, sha256, _contents(directory, manifest)
        except BundleError:
            if read_manifest(directory)[1] == sha256:
                raise
    manifest, sha256 = read_manifest(directory)
    return manifest, sha256, _contents(directory, manifest)


def verify(directory: Path) -> Manifest:
    """Check every file of the bundle against its hash; raise BundleError for one that differs or is stray."""
    manifest, _, _ = read_whole(directory)
    present = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    for stray in sorted(present - set(manifest.files) - {MANIFEST_FILE}):
        raise BundleError(f"{directory / stray} is not in the manifest: remove it, or train the bundle again")
    return manifest


def digest(content: bytes) -> str:
    """Return the sha256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _contents(directory: Path, manifest: Manifest) -> dict[str, bytes]:
    for name in SERVED_FILES:
        if name not in manifest.files:
            raise BundleError(f"{directory / MANIFEST_FILE} does not list {name}: train the bundle again")
    return {name: _verified(directory, name, sha256) for name, sha256 in manifest.files.items()}


def _verified(directory: Path, name: str, sha256: str) -> bytes:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or (directory / name).is_symlink():
        raise BundleError(
            f"{directory / MANIFEST_FILE} lists {name}, which is outside the bundle: do not use it"
        )
    content = _read(directory, name)
    if digest(content) != sha256:
        raise BundleError(f"{directory / name} differs from its hash in the manifest: train the bundle again")
    return content


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(
            f"{directory} is not a complete bundle ({name} is missing): "
            f"run 'anomaliz train --out {directory}'"
        ) from None
    except OSError as error:
        raise BundleError(
            f"{directory / name} cannot be read ({error.strerror}): check its permissions"
        ) from None
