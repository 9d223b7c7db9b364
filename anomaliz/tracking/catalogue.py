"""Every bundle at hand, in local folders and in the registry, as one table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from anomaliz.bundle.manifest import MANIFEST_FILE, METRICS_FILE, read_whole
from anomaliz.core.errors import BundleError
from anomaliz.evaluation.text_table import number_cell, text_table
from anomaliz.tracking.readings import COMPARED, metrics_that_matter
from anomaliz.tracking.registry import Version

SHOWN = {
    "f1": "F1",
    "pr_auc": "PR-AUC",
    "false_alarm_rate": "false alarms",
    "series_f1": "series F1",
    "series_pr_auc": "series PR-AUC",
}
"""Metrics in the table and their headings; the JSON has all of COMPARED."""


@dataclass(frozen=True)
class Row:
    """A bundle, wherever it is."""

    bundle_version: str | None
    created: str
    """ISO-8601, UTC."""
    folder: str | None = None
    registry_version: str | None = None
    aliases: tuple[str, ...] = ()
    metrics: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        known = self.metrics or {}
        return {**asdict(self), "metrics": {name: known.get(name) for name in COMPARED}}


def local_rows(root: Path) -> tuple[list[Row], list[str]]:
    """Return the bundles in the folders below `root`, and a sentence for each that cannot be read."""
    rows: list[Row] = []
    faults: list[str] = []
    for directory in _bundles(root):
        try:
            rows.append(_local(directory))
        except BundleError as error:
            faults.append(str(error))
    return rows, faults


def merged(local: Sequence[Row], versions: Sequence[Version]) -> list[Row]:
    """Return a row for each bundle, the newest first; one that is in a folder and registered has one row."""
    registered = {version.bundle_version: version for version in versions}
    rows = [_joined(row, registered.get(row.bundle_version)) for row in local]
    folders = {row.bundle_version for row in local}
    elsewhere = [_remote(one) for one in versions if one.bundle_version not in folders]
    return sorted([*rows, *elsewhere], key=lambda row: row.created, reverse=True)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text."""
    heading = ["bundle version", "folder", "registry", "aliases", *SHOWN.values()]
    return text_table([heading, *map(_cells, rows)], n_left=4)


def _bundles(root: Path) -> Iterator[Path]:
    for manifest in sorted(root.rglob(MANIFEST_FILE)):
        folder = manifest.parent
        # Hidden folders hold what is being written, or waits for its upload.
        if not any(part.startswith(".") for part in folder.relative_to(root).parts):
            yield folder


def _local(directory: Path) -> Row:
    manifest, _, content = read_whole(directory)
    metrics = metrics_that_matter(json.loads(content[METRICS_FILE]))
    return Row(manifest.version, manifest.created, folder=str(directory), metrics=metrics)


def _joined(row: Row, version: Version | None) -> Row:
    if version is None:
        return row
    return replace(row, registry_version=version.number, aliases=version.aliases)


def _remote(version: Version) -> Row:
    return Row(
        version.bundle_version,
        version.created.isoformat(timespec="seconds"),
        registry_version=version.number,
        aliases=version.aliases,
        metrics=version.metrics,
    )


def _cells(row: Row) -> list[str]:
    texts = (row.bundle_version, row.folder, row.registry_version, ", ".join(row.aliases))
    known = row.metrics or {}
    return [*(text or "-" for text in texts), *(number_cell(known.get(name)) for name in SHOWN)]
