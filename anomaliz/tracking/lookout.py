"""A look at what a URI stands for, and the bundle fetched where it is new."""

from pathlib import Path

from anomaliz.core.errors import BundleError, TrackingError
from anomaliz.tracking.cache import BundleCache, Version
from anomaliz.tracking.resolver import Resolver
from anomaliz.tracking.sighting import Sighting


class Lookout:
    """Looks URIs up in a registry and keeps what they stand for in a cache."""

    def __init__(self, resolver: Resolver, cache: BundleCache) -> None:
        self.resolver = resolver
        self.cache = cache

    def look(self, uri: str) -> Sighting:
        """Return what `uri` stands for, or last stood for where the registry does not answer."""
        try:
            version = self.resolver.resolve(uri)
            folder = self._fetched(version)
            self.cache.remember(uri, version)
            return Sighting(uri, folder, version.number)
        except TrackingError as error:
            return self._remembered(uri, f"{error}")
        except BundleError as error:
            return Sighting(uri, None, message=f"{error}")
        except OSError as error:
            return Sighting(
                uri,
                None,
                message=f"{uri} cannot be kept in tracking.cache_dir {self.cache.directory} "
                f"({error.strerror or error}): free space there, or name another folder",
            )

    def _fetched(self, version: Version) -> Path:
        if self.cache.why_damaged(version.key) is None:
            return self.cache.folder(version.key)
        return self.cache.add(version, lambda folder: self.resolver.download(version, folder))

    def _remembered(self, uri: str, unreachable: str) -> Sighting:
        pointer = self.cache.pointer(uri)
        if pointer is None:
            lacking = f"{uri} is not in the cache"
        elif damage := self.cache.why_damaged(pointer.key):
            lacking = f"{uri} in the cache is damaged ({damage})"
        else:
            return Sighting(
                uri,
                self.cache.folder(pointer.key),
                pointer.number,
                reachable=False,
                message=f"{unreachable}; what {uri} last stood for, version {pointer.number}, is served",
            )
        fix = "start the registry, or mend tracking.tracking_uri"
        return Sighting(uri, None, reachable=False, message=f"{unreachable}; {lacking}: {fix}")
