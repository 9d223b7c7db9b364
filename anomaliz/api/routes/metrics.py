"""GET /metrics: training metrics as JSON for people, the service's own for a Prometheus."""

from fastapi import APIRouter
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.accept import quality
from anomaliz.api.answers import identity
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import TrainingMetrics, documented
from anomaliz.api.service import Service

router = APIRouter(tags=["bundle"])

EXPOSITION_TYPES = ("text/plain", "application/openmetrics-text")


@router.get(
    "/metrics",
    responses=documented(TrainingMetrics, 503, also=EXPOSITION_TYPES),
    summary="Training metrics, or the service's for a Prometheus",
)
async def metrics(request: Request) -> Response:
    """Answers JSON, or text where Accept names text/plain or application/openmetrics-text, as Prometheus.

    A browser and curl get JSON, save where pipelines run and no bundle is in service.
    """
    service = Service.of(request)
    accept = ",".join(request.headers.getlist("accept"))
    has_text_alone = service.daemon is not None and service.holder.bundle is None
    if has_text_alone or _for_prometheus(accept):
        encode, content_type = choose_encoder(accept)
        return Response(encode(service.monitoring.registry), headers={"Content-Type": content_type})
    bundle = service.holder.current()
    return JSON({"bundle": identity(bundle), "metrics": bundle.metrics})


def _for_prometheus(accept: str) -> bool:
    """Say whether text was asked for by name, and at least as much as JSON."""
    text = max(quality(accept, media_type, wildcards=False) for media_type in EXPOSITION_TYPES)
    json = "application/json"
    return text > quality(accept, json, wildcards=False) and text >= quality(accept, json)
