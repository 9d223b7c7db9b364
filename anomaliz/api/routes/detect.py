"""POST /detect: a whole series in, a score per point and the events out."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.body import CSV_TYPES, JSON_TYPES, read_body
from anomaliz.api.detection import Detection
from anomaliz.api.responses import JSON
from anomaliz.api.rows import series_from_csv, series_from_json
from anomaliz.api.schemas import DetectAnswer, documented
from anomaliz.api.service import Service

router = APIRouter(tags=["scoring"])


async def _body(request: Request) -> tuple[bytes, str]:
    limit = Service.of(request).settings.api.max_body_bytes
    return await read_body(request, (*JSON_TYPES, *CSV_TYPES), limit)


@router.post(
    "/detect",
    responses=documented(DetectAnswer, 400, 413, 415, 422, 503),
    summary="Score a series and find its events",
)
def detect(request: Request, body: Annotated[tuple[bytes, str], Depends(_body)]) -> Response:
    """Takes a JSON array of records (or `{"records": [...]}`), or CSV.

    A record has one value per feature, null where it is missing, and an optional `timestamp`; CSV has a
    column for each, and an empty cell is missing.
    Events are half-open, `[start, end)`; they are stamps where the series has some, else row numbers.
    """
    service = Service.of(request)
    bundle = service.holder.current()
    raw, media_type = body
    read = series_from_csv if media_type in CSV_TYPES else series_from_json
    values, times = read(raw, bundle, service.settings.api.max_rows)
    detection = Detection.of(bundle, values, times, service.settings.api.max_rows)
    service.monitoring.scored(detection.verdicts)
    return JSON(detection.answer())
