"""POST /analyze: is the newest point an anomaly?"""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.answers import Answer
from anomaliz.api.body import JSON_TYPES, parse_json, read_body
from anomaliz.api.columns import ColumnReader
from anomaliz.api.explaining import MODES, PARAMETER, mode_of
from anomaliz.api.newest import answer_newest, newest_window, stamped
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import AnalyzeAnswer, documented
from anomaliz.api.service import Service
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.types import Floats, Stamps

router = APIRouter(tags=["scoring"])

INLINE_BYTES = 65_536
"""Larger bodies are read in a thread: they take longer than the hop, and would hold up other requests."""

EXPLAIN = {
    "name": PARAMETER,
    "in": "query",
    "schema": {"type": "string", "enum": list(MODES), "default": MODES[0]},
    "description": "Whether an anomaly is explained: in the answer, not at all, or later under an id.",
}


# Neither pydantic nor a thread is on this path: both cost more than scoring does.
@router.post(
    "/analyze",
    responses=documented(AnalyzeAnswer, 400, 413, 415, 422, 503),
    summary="Judge the newest point",
    openapi_extra={"parameters": [EXPLAIN]},
)
async def analyze(request: Request) -> Response:
    """Takes one array per feature of the bundle, oldest value first, and optional `timestamps`.

    The newest point is judged; the rows before it are its history. A window of rows is enough; with a few
    hundred, the detectors that need history judge it, and `profile` is `series`. An anomaly has a `summary`,
    and an `explanation` where an LLM is configured.
    """
    service = Service.of(request)
    mode = mode_of(request.query_params.get(PARAMETER)) if request.scope["query_string"] else MODES[0]
    bundle = service.holder.current()
    limits = service.settings.api
    raw, _ = await read_body(request, JSON_TYPES, limits.max_body_bytes)
    reader = ColumnReader(bundle.features, bundle.window_size, limits.max_rows)
    if len(raw) <= INLINE_BYTES:
        values, times = _read(reader, raw)
    else:
        values, times = await run_in_threadpool(_read, reader, raw)
    answer = await _answer(service, bundle, values, times)
    if service.challenger:
        service.challenger.offer(bundle, values, times, answer)
    if answer["anomaly"]:
        await service.explaining.add(answer, bundle, values, mode)
    return JSON(answer)


def _read(reader: ColumnReader, raw: bytes) -> tuple[Floats, Stamps | None]:
    return reader.read(parse_json(raw))


async def _answer(service: Service, bundle: Bundle, values: Floats, times: Stamps | None) -> Answer:
    window = newest_window(bundle, values, times)
    if window is not None:
        return stamped(await service.queue.answer(bundle, window), times)
    answer = await run_in_threadpool(answer_newest, bundle, values, times, service.monitoring)
    return stamped(answer, times)
