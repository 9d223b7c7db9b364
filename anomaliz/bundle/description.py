"""What a bundle is, for a person to read, and what differs between two."""

from collections.abc import Mapping
from typing import Any

from anomaliz.bundle.bundle import Bundle


def differences(one: Bundle, other: Bundle) -> dict[str, tuple[Any, Any]]:
    """Return `{dotted name: (value in one, value in other)}` of all facts that differ."""
    left, right = _flat(facts(one)), _flat(facts(other))
    names = [*left, *(name for name in right if name not in left)]
    return {name: (left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)}


def describe(bundle: Bundle) -> str:
    """Return the facts as lines, without the files."""
    leaves = _flat({key: value for key, value in facts(bundle).items() if key != "files"})
    width = max(map(len, leaves))
    return "\n".join(f"{name:<{width}}  {_text(value)}" for name, value in leaves.items())


def facts(bundle: Bundle) -> dict[str, Any]:
    """Return what a bundle is: identity, shape, data, settings, decision, test metrics, files."""
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "sha256": bundle.sha256,
        "created": manifest.created,
        "product_version": manifest.product_version,
        "features": list(manifest.features),
        "step_seconds": manifest.step_seconds,
        "window_size": manifest.window_size,
        "profiles": manifest.profiles,
        "data": bundle.metadata["data"],
        "settings": bundle.metadata["settings"],
        "decision": bundle.profile.decision.to_json(),
        "series_decision": bundle.series.scorer.profile.decision.to_json() if bundle.series else None,
        "test": bundle.metrics["test"],
        "series_test": bundle.metrics["series"],
        "files": {name: sha256[:12] for name, sha256 in manifest.files.items()},
    }


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        leaves |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return leaves


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
