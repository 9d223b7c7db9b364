"""What the routes share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from starlette.requests import Request

from anomaliz.api.challenger import Challenger
from anomaliz.api.challenger_monitoring import ChallengerMonitoring
from anomaliz.api.explaining import Explaining
from anomaliz.api.monitoring import Monitoring
from anomaliz.api.place import BundlePlace, FolderPlace, RegistryPlace
from anomaliz.api.queue import WindowQueue
from anomaliz.api.reload import BundleHolder
from anomaliz.config.settings import Settings
from anomaliz.core.place import Place, RegistryUri
from anomaliz.tracking.watcher import RegistryWatcher

if TYPE_CHECKING:
    from anomaliz.pipelines.daemon.daemon import Daemon


@dataclass(frozen=True)
class Service:
    """The parts of a running service."""

    settings: Settings
    monitoring: Monitoring
    holder: BundleHolder
    queue: WindowQueue
    watcher: RegistryWatcher | None
    """Of the registry, where a bundle comes from one."""
    challenger: Challenger | None
    explaining: Explaining
    daemon: "Daemon | None" = None
    """Runs pipelines beside the service; started and stopped by who made it."""

    @classmethod
    def of(cls, request: Request) -> "Service":
        """Return the service that answers the request."""
        return cast("Service", request.app.state.service)

    @classmethod
    def from_settings(cls, settings: Settings, daemon: "Daemon | None" = None) -> "Service":
        """Return the parts, with no bundle loaded yet, where there need not be one beside a `daemon`.

        Raises AnomalizError where a registry or the explanation agent needs more.
        """
        monitoring = Monitoring()
        watcher = _watcher(settings)
        place = _place(settings.artifact_dir, watcher)
        holder = BundleHolder(place, monitoring, required=daemon is None)
        challenger = None
        if settings.api.challenger is not None:
            measures = ChallengerMonitoring(monitoring.registry)
            place = _place(settings.api.challenger, watcher)
            challenger = Challenger(BundleHolder(place, measures, "challenger"), holder, measures)
        explaining = Explaining.of(settings.agent, monitoring.registry)
        if daemon is not None:
            daemon.expose(monitoring.registry)
        queue = WindowQueue(monitoring)
        return cls(settings, monitoring, holder, queue, watcher, challenger, explaining, daemon)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load the bundles, and look for new ones until the block ends."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.explaining.running())
            if self.challenger:
                stack.enter_context(self.challenger.running())
            for holder in self._holders():
                holder.load_if_changed()
                await stack.enter_async_context(holder.polling(self.settings.api.reload_seconds))
                if self.watcher:
                    self.watcher.on_report(holder.load_if_changed)
            if self.watcher:
                stack.enter_context(self.watcher.running())
            yield

    def _holders(self) -> list[BundleHolder]:
        return [self.holder, *([self.challenger.holder] if self.challenger else [])]


def _watcher(settings: Settings) -> RegistryWatcher | None:
    places = (settings.artifact_dir, settings.api.challenger)
    uris = dict.fromkeys(place for place in places if isinstance(place, RegistryUri))
    if not uris:
        return None
    return RegistryWatcher(settings.tracking, list(uris), settings.api.reload_seconds)


def _place(place: Place, watcher: RegistryWatcher | None) -> BundlePlace:
    if isinstance(place, Path):
        return FolderPlace(place)
    assert watcher is not None
    return RegistryPlace(place, watcher)
