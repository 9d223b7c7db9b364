"""POST /execute/train and /execute/inference: a pipeline of the request, once, with nothing kept."""

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.body import JSON_TYPES, parse_json, read_body
from anomaliz.api.execution import RETRY_AFTER, Execution
from anomaliz.api.pipelines import daemon_of
from anomaliz.api.problems import ProblemError
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import InferenceAnswer, TrainAnswer, documented
from anomaliz.api.service import Service

router = APIRouter(prefix="/execute", tags=["pipelines"])

PROBLEMS = (400, 409, 413, 415, 422, 502, 503)


@router.post("/train", responses=documented(TrainAnswer, *PROBLEMS), summary="Train, and answer the model")
async def train(request: Request) -> Response:
    """Takes a `pipeline` as the YAML has it and, where it reads from none of the daemon's, a `source`."""
    return await _execute(request, "train")


@router.post(
    "/inference", responses=documented(InferenceAnswer, *PROBLEMS), summary="Score, and answer the samples"
)
async def inference(request: Request) -> Response:
    """Takes the same, the `model` that `/execute/train` answered, and stamps `from` and `to`.

    Without stamps it is the newest one. Without a model they are fitted when they would have been, on what
    came before, as in a backfill.
    """
    return await _execute(request, "inference")


async def _execute(request: Request, kind: Literal["train", "inference"]) -> Response:
    daemon = daemon_of(request)
    raw, _ = await read_body(request, JSON_TYPES, Service.of(request).settings.api.max_body_bytes)
    tree = parse_json(raw)
    if not daemon.executions.acquire(blocking=False):
        detail = "as many such requests as may be are under way: ask again later"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=RETRY_AFTER)
    try:
        return JSON(await run_in_threadpool(lambda: getattr(Execution.of(kind, tree, daemon), kind)()))
    finally:
        daemon.executions.release()
