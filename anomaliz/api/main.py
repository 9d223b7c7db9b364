"""The application: `uvicorn anomaliz.api.main:app`."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from anomaliz import __version__
from anomaliz.api import logs, problems
from anomaliz.api.keys import ApiKeys
from anomaliz.api.openapi import document
from anomaliz.api.request_log import RequestLog
from anomaliz.api.routes import (
    analyze,
    batch,
    bundle,
    detect,
    docs,
    execute,
    explain,
    health,
    metrics,
    pipelines,
)
from anomaliz.api.service import Service
from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError

if TYPE_CHECKING:
    from anomaliz.pipelines.daemon.daemon import Daemon

logger = logging.getLogger(__name__)

Shown = tuple[str | None, int]
"""What an OpenAPI document depends on: the bundle, and the definitions."""


class AnomalizAPI(FastAPI):
    """The app of a service; its OpenAPI document follows the bundle in service."""

    def __init__(self, service: Service) -> None:
        keys = service.settings.api.api_keys
        super().__init__(
            title="Anomaliz",
            version=__version__,
            description="Finds anomalies in metrics and says why.",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            lifespan=_lifespan,
            middleware=[
                Middleware(RequestLog, monitoring=service.monitoring),
                Middleware(ApiKeys, keys=keys),
            ],
        )
        self.state.service = service
        self._documents: dict[Shown, dict[str, Any]] = {}

    def openapi(self) -> dict[str, Any]:
        """Return the document for what is in service; only the newest is kept."""
        service: Service = self.state.service
        bundle = service.holder.bundle
        definitions = service.daemon.definitions if service.daemon else None
        shown = bundle.sha256 if bundle else None, id(definitions)
        if shown not in self._documents:
            made = document(self, bundle, definitions, locked=bool(service.settings.api.api_keys))
            self._documents = {shown: made}
        return self._documents[shown]


def create_app(settings: Settings | None = None, daemon: "Daemon | None" = None) -> AnomalizAPI:
    """Return the app for these settings, by default the effective ones; raises ConfigError for a bad one.

    The bundle is loaded when the app starts. Without one it starts all the same, and is not ready, unless a
    `daemon` runs beside it.
    """
    app = AnomalizAPI(Service.from_settings(settings or load_settings(), daemon))
    problems.add_handlers(app)
    for routes in (analyze, batch, detect, explain, health, bundle, metrics, pipelines, execute, docs):
        app.include_router(routes.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    _say_what_is_missing(service.settings)
    async with service.running():
        yield


def _say_what_is_missing(settings: Settings) -> None:
    agent = settings.agent
    if agent.backend == "openai" and agent.openai_api_key is None and agent.openai_base_url is None:
        logger.warning("agent.openai_api_key is not set: explanations fail until OPENAI_API_KEY is")


def __getattr__(name: str) -> AnomalizAPI:
    """Make `app` when a server asks for it, so that importing this module reads no settings."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        settings = load_settings()
        logs.configure(settings.logging)
        app = create_app(settings)
    except AnomalizError as error:
        raise SystemExit(str(error)) from None
    globals()["app"] = app
    return app
