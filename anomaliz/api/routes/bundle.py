"""The bundle in service, and how to put another in its place."""

from contextlib import suppress
from http import HTTPStatus

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.answers import identity
from anomaliz.api.problems import ProblemError
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import BundleDescription, ReloadAnswer, documented
from anomaliz.api.service import Service
from anomaliz.core.errors import BundleError

router = APIRouter(tags=["bundle"])


@router.get("/bundle", responses=documented(BundleDescription, 503), summary="What is in service?")
async def describe(request: Request) -> Response:
    """Says which bundle scores, what it takes and what it is made of."""
    bundle = Service.of(request).holder.current()
    manifest = bundle.manifest
    return JSON(
        {
            **identity(bundle),
            "created": manifest.created,
            "product_version": manifest.product_version,
            "features": bundle.features,
            "window_size": bundle.window_size,
            "step_seconds": None if bundle.step is None else float(bundle.step / np.timedelta64(1, "s")),
            "profiles": manifest.profiles,
            "threshold": bundle.profile.decision.threshold,
        }
    )


# A plain function, so that loading runs in a thread while requests go on.
@router.post("/reload", responses=documented(ReloadAnswer, 409), summary="Look for a new bundle now")
def reload(request: Request) -> Response:
    """Verifies the bundle in its folder or registry and swaps it in; 409 with the reason if refused."""
    service = Service.of(request)
    holder = service.holder
    try:
        swapped = holder.reload()
    except BundleError as error:
        kept = "; the bundle before it stays in service" if holder.bundle else ""
        raise ProblemError(HTTPStatus.CONFLICT, f"nothing was reloaded: {error}{kept}") from error
    if service.challenger:
        with suppress(BundleError):  # which /readyz tells
            service.challenger.holder.reload()
    result = "loaded" if swapped else "unchanged"
    return JSON({"result": result, "bundle": identity(holder.current())})
