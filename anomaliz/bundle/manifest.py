"""The manifest: what a bundle is, and the hash of every file in it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from anomaliz.core.errors import BundleError

FORMAT_VERSION = 1
MANIFEST_FILE = "manifest.json"
GRAPH_FILE = "scoring.onnx"
HISTORY_FILE = "history.npz"
NORMALIZER_FILE = "normalizer.json"
THRESHOLD_FILE = "threshold.json"
METADATA_FILE = "metadata.json"
METRICS_FILE = "metrics.json"


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

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Self:
        return cls(**{**state, "features": tuple(state["features"])})

    def to_bytes(self) -> bytes:
        return (json.dumps(asdict(self), indent=2) + "\n").encode()


def read_manifest(directory: Path) -> tuple[Manifest, str]:
    """Return the manifest of the bundle in `directory` and the manifest's own sha256, which names the bundle.

    Raises BundleError when there is none, it cannot be read, or it has another format version.
    """
    content = _read(directory / MANIFEST_FILE, directory)
    try:
        state = json.loads(content)
        found = state.get("format_version")
    except (ValueError, AttributeError):
        raise BundleError(f"{directory / MANIFEST_FILE} is not a manifest: train the bundle again") from None
    if found != FORMAT_VERSION:
        raise BundleError(
            f"{directory} has bundle format {found}, this release reads format {FORMAT_VERSION}: "
            "train it again, or use the release that wrote it"
        )
    try:
        manifest = Manifest.from_json(state)
    except (TypeError, KeyError) as error:
        raise BundleError(
            f"{directory / MANIFEST_FILE} is incomplete ({error}): train the bundle again"
        ) from None
    return manifest, digest(content)


def read_verified(directory: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the content of every file that serving reads, each checked against its hash."""
    needed = [GRAPH_FILE, HISTORY_FILE, NORMALIZER_FILE, THRESHOLD_FILE, METADATA_FILE, METRICS_FILE]
    return {name: _verified(directory, name, manifest) for name in needed}


def verify(directory: Path) -> Manifest:
    """Check every file of the bundle against its hash; raise BundleError naming the first that differs."""
    manifest, _ = read_manifest(directory)
    for name in manifest.files:
        _verified(directory, name, manifest)
    present = {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}
    for stray in sorted(present - set(manifest.files) - {MANIFEST_FILE}):
        raise BundleError(f"{directory / stray} is not in the manifest: remove it, or train the bundle again")
    return manifest


def digest(content: bytes) -> str:
    """Return the sha256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _verified(directory: Path, name: str, manifest: Manifest) -> bytes:
    if name not in manifest.files:
        raise BundleError(f"{directory / MANIFEST_FILE} does not list {name}: train the bundle again")
    content = _read(directory / name, directory)
    if digest(content) != manifest.files[name]:
        raise BundleError(f"{directory / name} differs from its hash in the manifest: train the bundle again")
    return content


def _read(path: Path, directory: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(
            f"{directory} is not a complete bundle ({path.name} is missing): "
            f"run 'anomaliz train --out {directory}'"
        ) from None
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}): check its permissions") from None
