"""POST /explain and GET /explanations/{id}: what does an anomaly mean?"""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import APIRouter
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from anomaliz.agent.incident import Incident
from anomaliz.agent.trace import Step, Trace
from anomaliz.api.accept import quality
from anomaliz.api.answers import Answer
from anomaliz.api.body import JSON_TYPES, parse_json, read_body
from anomaliz.api.explaining import Explaining
from anomaliz.api.incidents import incident_of
from anomaliz.api.problems import ProblemError
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import ExplainAnswer, documented
from anomaliz.api.service import Service
from anomaliz.bundle.bundle import Bundle

router = APIRouter(tags=["explaining"])

EVENT_STREAM = "text/event-stream"


@router.post(
    "/explain",
    responses=documented(ExplainAnswer, 400, 413, 415, 422, also=(EVENT_STREAM,)),
    summary="Explain a verdict or an event",
)
async def explain(request: Request) -> Response:
    """Takes an answer of `/analyze` or an event of `/detect`, as it is or with values and events around it.

    With `Accept: text/event-stream` the nodes of the graph are events `step` as they end, and the answer is
    the event `explanation`.
    """
    service = Service.of(request)
    raw, _ = await read_body(request, JSON_TYPES, service.settings.api.max_body_bytes)
    bundle = service.holder.bundle
    # In a thread: a long body takes longer than other requests should wait.
    incident = await run_in_threadpool(_read, raw, bundle)
    accept = ",".join(request.headers.getlist("accept"))
    if quality(accept, EVENT_STREAM, wildcards=False) > quality(accept, "application/json", wildcards=False):
        return StreamingResponse(_events(service.explaining, incident), media_type=EVENT_STREAM)
    return JSON(await service.explaining.explain(incident))


@router.get(
    "/explanations/{id}",
    responses=documented(ExplainAnswer, 404),
    summary="An explanation that was asked for before",
)
async def explanation(request: Request, id: str) -> Response:
    """Answers what `/analyze?explain=async` gave the id of; its status is `pending` until it is there.

    The newest 1,000 are kept.
    """
    found = Service.of(request).explaining.found(id)
    if found is None:
        detail = "there is no explanation of this id, or no longer: ask /analyze?explain=async for a new one"
        raise ProblemError(HTTPStatus.NOT_FOUND, detail, field="id")
    return JSON(found)


def _read(raw: bytes, bundle: Bundle | None) -> Incident:
    return incident_of(parse_json(raw), bundle.step if bundle else None)


async def _events(explaining: Explaining, incident: Incident) -> AsyncIterator[bytes]:
    """Yield an event for each step and one for the answer; a client that leaves ends the calls too."""
    steps: asyncio.Queue[Step | None] = asyncio.Queue()
    answering = asyncio.create_task(explaining.explain(incident, Trace(steps.put_nowait)))
    answering.add_done_callback(lambda _: steps.put_nowait(None))
    try:
        while step := await steps.get():
            yield _event("step", {"node": step.node, "ms": step.milliseconds})
        yield _event("explanation", await answering)
    finally:
        # Not waited for: where a client left, who waits is cancelled again and again, and would hand that on
        # to a task that is closing its connection.
        answering.cancel()


def _event(name: str, content: Answer) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + to_json(content, inf_nan_mode="null") + b"\n\n"
