"""POST /analyze/batch: many windows in one call."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.answers import Answer, answers_of
from anomaliz.api.body import JSON_TYPES, parse_json, read_body
from anomaliz.api.columns import ColumnReader, kind_of
from anomaliz.api.newest import answer_newest, newest_window, stamped
from anomaliz.api.problems import of_error, problem
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import BatchAnswer, documented
from anomaliz.api.service import Service
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import AnomalizError, DataError
from anomaliz.core.types import Floats, Stamps

router = APIRouter(tags=["scoring"])

FIELD = "windows"


async def _body(request: Request) -> bytes:
    limit = Service.of(request).settings.api.max_body_bytes
    return (await read_body(request, JSON_TYPES, limit))[0]


@router.post(
    "/analyze/batch",
    responses=documented(BatchAnswer, 400, 413, 415, 422, 503),
    summary="Judge the newest point of many windows",
)
def analyze_batch(request: Request, body: Annotated[bytes, Depends(_body)]) -> Response:
    """Takes `{"windows": [...]}`, each window as for `/analyze`; answers in their order.

    A window that cannot be judged has an `error` in its place and does not fail the others. An anomaly has
    its `summary`; no LLM is asked.
    """
    service = Service.of(request)
    bundle = service.holder.current()
    windows = _windows(parse_json(body), service.settings.api.max_batch)
    return JSON({"results": _results(service, bundle, windows)})


def _windows(body: object, max_batch: int) -> list[Any]:
    if not isinstance(body, dict) or set(body) != {FIELD}:
        raise DataError(f'the body must be an object with "{FIELD}" and nothing else', field=FIELD)
    windows = body[FIELD]
    if not isinstance(windows, list):
        raise DataError(f"{FIELD} must be an array, got {kind_of(windows)}", field=FIELD)
    if not windows:
        raise DataError(f"{FIELD} is empty: send at least one window", field=FIELD)
    if len(windows) > max_batch:
        raise DataError(
            f"{FIELD} has {len(windows)} windows: send at most {max_batch} at a time", field=FIELD
        )
    return windows


def _results(service: Service, bundle: Bundle, windows: list[Any]) -> list[Answer]:
    reader = ColumnReader(bundle.features, bundle.window_size, service.settings.api.max_rows)
    results: list[Answer] = [{}] * len(windows)
    read: dict[int, tuple[Floats, Stamps | None]] = {}
    complete: dict[int, tuple[Floats, Stamps | None]] = {}
    for i, window in enumerate(windows):
        try:
            values, times = reader.read(window)
        except AnomalizError as error:
            results[i] = _error(error)
            continue
        read[i] = values, times
        newest = newest_window(bundle, values, times)
        if newest is not None:
            complete[i] = newest, times
        else:
            results[i] = stamped(answer_newest(bundle, values, times, service.monitoring), times)
    for i, answer in zip(complete, _answers(service, bundle, list(complete.values())), strict=True):
        results[i] = answer
    for i, (values, times) in read.items():
        service.explaining.skip(results[i], bundle, values)
        if service.challenger:
            service.challenger.offer(bundle, values, times, results[i])
    return results


def _answers(service: Service, bundle: Bundle, windows: list[tuple[Floats, Stamps | None]]) -> list[Answer]:
    """Score the windows in one run of the graph."""
    if not windows:
        return []
    verdicts = bundle.score_windows(np.stack([window for window, _ in windows]))
    service.monitoring.scored(verdicts)
    answers = answers_of(bundle, verdicts)
    return [stamped(answer, times) for answer, (_, times) in zip(answers, windows, strict=True)]


def _error(error: AnomalizError) -> Answer:
    cause = of_error(error)
    return {"error": problem(cause.status, cause.detail, cause.field)}
