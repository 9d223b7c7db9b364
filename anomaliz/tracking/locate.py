"""The folder of a bundle for a command, which may import MLflow and has the time to wait for a registry."""

from collections.abc import Callable
from pathlib import Path

from anomaliz.config.settings import Tracking
from anomaliz.core.place import RegistryUri
from anomaliz.tracking.cache import BundleCache
from anomaliz.tracking.lookout import Lookout
from anomaliz.tracking.resolver import Resolver
from anomaliz.tracking.store import require_store


def locate(uri: RegistryUri, tracking: Tracking, warn: Callable[[str], None]) -> Path:
    """Return where the bundle lies that `uri` stands for, downloaded if need be.

    `warn` is told of a registry that cannot be reached, where the cache has what the URI last stood for.
    Raises BundleError where there is none, ConfigError and MissingExtraError.
    """
    require_store(tracking.tracking_uri)
    cache = BundleCache(tracking.cache_dir, tracking.tracking_uri)
    cache.require_writable()
    sighting = Lookout(Resolver(tracking.tracking_uri), cache).look(uri)
    folder = sighting.found()
    if sighting.message:
        warn(sighting.message)
    cache.prune()
    return folder
