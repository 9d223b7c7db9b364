"""The commands of tracking: `anomaliz tracking sync`, and the verbs of `anomaliz bundle` for the registry."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anomaliz.core.errors import AnomalizError, MissingExtraError, TrackingError

if TYPE_CHECKING:
    from anomaliz.config.settings import Settings
    from anomaliz.tracking.registry import Registry, Version

app = typer.Typer(help="Records of training.", no_args_is_help=True)

ConfigOption = Annotated[Path | None, typer.Option(help="YAML file of settings.")]
UriOption = Annotated[str | None, typer.Option(help="MLflow store, instead of tracking.tracking_uri.")]
AliasOption = Annotated[str, typer.Option(help="Name that the version gets.")]


@app.command()
def sync(
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store, instead of the one that a run was meant for.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Upload the runs that could not be recorded when they ended."""
    from anomaliz.tracking.recording import upload_entry
    from anomaliz.tracking.spool import Spool

    spool = Spool(_settings(config).tracking.spool_dir)
    entries = spool.entries()
    failed = 0
    for entry in entries:
        try:
            typer.echo(f"{entry.name}: {upload_entry(entry, tracking_uri)}")
        except AnomalizError as error:
            failed += 1
            typer.echo(f"warning: {entry.name} is not uploaded: {error}", err=True)
    if failed:
        raise TrackingError(f"{failed} of {len(entries)} runs are not uploaded and stay in {spool.directory}")
    if not entries:
        typer.echo(f"nothing to upload in {spool.directory}")


def promote(
    version: Annotated[str, typer.Argument(help="Registry version, or a bundle's version.")],
    alias: AliasOption = "champion",
    tracking_uri: UriOption = None,
    config: ConfigOption = None,
) -> None:
    """Make an alias of the registered model name this version."""
    with _registry(_settings(config, tracking_uri)) as registry:
        now, before = registry.promote(version, alias)
    _say_moved(registry.name, alias, now, before)


def rollback(
    alias: AliasOption = "champion", tracking_uri: UriOption = None, config: ConfigOption = None
) -> None:
    """Make an alias name the version that it named before its last promotion."""
    with _registry(_settings(config, tracking_uri)) as registry:
        now, before = registry.rollback(alias)
    _say_moved(registry.name, alias, now, before)


def list_bundles(
    folder: Annotated[Path, typer.Option(help="Folder of bundles' folders.")] = Path("artifacts"),
    tracking_uri: UriOption = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the bundles in local folders and in the registry, with aliases and test metrics."""
    from anomaliz.tracking.catalogue import local_rows, merged, table

    local, faults = local_rows(folder)
    versions, absence = _versions(_settings(config, tracking_uri))
    rows = merged(local, versions)
    if as_json:
        answer = {"bundles": [row.to_json() for row in rows], "registry": absence or "ok"}
        typer.echo(json.dumps(answer, indent=2))
    elif rows:
        typer.echo(table(rows))
    else:
        typer.echo(f"no bundle in {folder}, none registered: 'anomaliz train --out {folder}/v1' makes one")
    for note in (*faults, *([f"only local bundles are listed: {absence}"] if absence else [])):
        typer.echo(f"warning: {note}", err=True)


def _versions(settings: "Settings") -> tuple[list["Version"], str | None]:
    """Return the registered versions, and why there are none where the registry cannot be asked."""
    try:
        with _registry(settings) as registry:
            return registry.versions(), None
    except (MissingExtraError, TrackingError) as error:
        return [], str(error)


@contextmanager
def _registry(settings: "Settings") -> Iterator["Registry"]:
    from anomaliz.tracking.registry import Registry
    from anomaliz.tracking.store import connected, require_existing

    tracking = settings.tracking
    require_existing(tracking.tracking_uri)
    with connected(tracking.tracking_uri) as client:
        yield Registry(client, tracking.model_name)


def _say_moved(name: str, alias: str, now: "Version", before: str | None) -> None:
    was = "new" if before is None else "as before" if before == now.number else f"before: version {before}"
    typer.echo(f"models:/{name}@{alias} is {now}; {was}")


def _settings(config: Path | None, tracking_uri: str | None = None) -> "Settings":
    from anomaliz.config import load_settings

    return load_settings(config, overrides={"tracking.tracking_uri": tracking_uri})
