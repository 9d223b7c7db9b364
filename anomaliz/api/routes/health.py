"""Probes: is the process alive, and can it score?"""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.answers import Answer, identity
from anomaliz.api.challenger import Challenger
from anomaliz.api.problems import ProblemError
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import Health, Readiness, documented
from anomaliz.api.service import Service

router = APIRouter(tags=["health"])


# Uptime checkers and `curl -I` ask with HEAD.
@router.head("/health", include_in_schema=False)
@router.head("/livez", include_in_schema=False)
@router.get("/health", responses=documented(Health), summary="Is the process alive?")
@router.get("/livez", responses=documented(Health), summary="Is the process alive?")
async def livez() -> Response:
    """Answers as long as the process can answer at all."""
    return JSON({"status": "ok"})


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=documented(Readiness, 503), summary="Can it score?")
async def readyz(request: Request) -> Response:
    """Answers 200 once a bundle is verified, loaded and has scored its canary; else 503 with the reason.

    Where pipelines run, it needs no bundle: then it is ready when their daemon runs.
    """
    service = Service.of(request)
    holder = service.holder
    bundle = holder.bundle
    daemon = service.daemon
    if bundle is None and daemon is None:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, holder.reason)
    if daemon and not daemon.started:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "the daemon does not run yet, or not any more")
    return JSON(
        {
            "status": "ready",
            "bundle": identity(bundle) if bundle else None,
            "pipelines": len(daemon.definitions.pipelines) if daemon else None,
            "registry": vars(service.watcher.state) if service.watcher else None,
            "challenger": _challenger(service.challenger) if service.challenger else None,
        }
    )


def _challenger(challenger: Challenger) -> Answer:
    bundle = challenger.holder.bundle
    return {"bundle": identity(bundle) if bundle else None, "reason": challenger.reason}
