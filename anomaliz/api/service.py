"""What the routes share."""

from dataclasses import dataclass
from typing import cast

from starlette.requests import Request

from anomaliz.api.monitoring import Monitoring
from anomaliz.api.queue import WindowQueue
from anomaliz.api.reload import BundleHolder
from anomaliz.config.settings import Settings


@dataclass(frozen=True)
class Service:
    """The parts of a running service."""

    settings: Settings
    monitoring: Monitoring
    holder: BundleHolder
    queue: WindowQueue

    @classmethod
    def of(cls, request: Request) -> "Service":
        """Return the service that answers the request."""
        return cast("Service", request.app.state.service)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Service":
        """Return the parts, with no bundle loaded yet."""
        monitoring = Monitoring()
        return cls(
            settings, monitoring, BundleHolder(settings.artifact_dir, monitoring), WindowQueue(monitoring)
        )
