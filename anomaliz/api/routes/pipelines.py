"""/pipelines and /jobs: what runs on a schedule, and jobs that are asked for."""

from http import HTTPStatus
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Path
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api import pipelines
from anomaliz.api.body import JSON_TYPES, parse_json, read_body
from anomaliz.api.pipelines import daemon_of, pipeline_of
from anomaliz.api.problems import ProblemError
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import (
    AcceptedJob,
    JobAnswer,
    JobList,
    PipelineAnswer,
    PipelineList,
    documented,
)
from anomaliz.api.service import Service

router = APIRouter(tags=["pipelines"])

NamePath = Annotated[str, Path(description="Name of the pipeline.")]


@router.get("/pipelines", responses=documented(PipelineList, 409, 503), summary="Which pipelines run?")
def list_pipelines(request: Request) -> Response:
    """Tells of each pipeline when it is next due and how its newest job ended."""
    daemon = daemon_of(request)
    return JSON({"pipelines": [pipelines.brief(daemon, one) for one in daemon.definitions.pipelines]})


@router.post(
    "/pipelines",
    responses=documented(PipelineAnswer, 400, 409, 413, 415, 422, 503, status=201),
    summary="Add a pipeline",
    status_code=201,
)
async def add(request: Request) -> Response:
    """Takes a definition as the YAML has it. It is kept in the store, and survives a restart.

    It reads and writes systems that a file of the daemon names.
    """
    tree = await _body(request)
    return await run_in_threadpool(_add, request, tree)


@router.get(
    "/pipelines/{name}",
    responses=documented(PipelineAnswer, 404, 409, 503),
    summary="How does a pipeline stand?",
)
def describe(request: Request, name: NamePath) -> Response:
    """Answers its definition, its models, how far it has scored, and how its newest job ended."""
    daemon = daemon_of(request)
    return JSON(pipelines.full(daemon, pipeline_of(daemon, name)))


@router.put(
    "/pipelines/{name}",
    responses=documented(PipelineAnswer, 400, 409, 413, 415, 422, 503),
    summary="Add or replace a pipeline",
)
async def replace(request: Request, name: NamePath) -> Response:
    """Takes a definition; one that a file defines is changed there alone, and answered 409."""
    tree = await _body(request)
    return await run_in_threadpool(_replace, request, name, tree)


@router.delete(
    "/pipelines/{name}",
    responses={204: {"description": "Gone"}, **documented(PipelineAnswer, 404, 409, 503, success=False)},
    summary="Remove a pipeline",
    status_code=204,
)
def remove(request: Request, name: NamePath) -> Response:
    """Forgets the definition and all that was kept of it: models, state, jobs."""
    daemon = daemon_of(request)
    pipeline_of(daemon, name)
    pipelines.require_ours(daemon, name)
    daemon.remove(name)
    return Response(status_code=204)


@router.post(
    "/pipelines/{name}/score",
    responses=documented(AcceptedJob, 404, 409, 503, status=202),
    summary="Score what is new, now",
    status_code=202,
)
def score(request: Request, name: NamePath) -> Response:
    """Begins the job that the schedule begins, and answers where to ask after it."""
    return _begin(request, name, "score")


@router.post(
    "/pipelines/{name}/train",
    responses=documented(AcceptedJob, 404, 409, 422, 503, status=202),
    summary="Train now",
    status_code=202,
)
def train(request: Request, name: NamePath) -> Response:
    """Begins a training, whose model is taken when it validates, and answers where to ask after it."""
    return _begin(request, name, "train")


@router.post(
    "/pipelines/{name}/backfill",
    responses=documented(AcceptedJob, 400, 404, 409, 413, 415, 422, 503, status=202),
    summary="Score history",
    status_code=202,
)
async def backfill(request: Request, name: NamePath) -> Response:
    """Scores the stamps in [from, to), each from those before it, and writes them; twice changes nothing."""
    tree = await _body(request)
    return await run_in_threadpool(_begin_backfill, request, name, tree)


@router.get(
    "/pipelines/{name}/jobs", responses=documented(JobList, 404, 409, 503), summary="Jobs that were asked for"
)
def jobs(request: Request, name: NamePath) -> Response:
    """Lists the newest twenty, the newest first."""
    daemon = daemon_of(request)
    pipeline_of(daemon, name)
    found = daemon.store.jobs(name, pipelines.JOBS_SHOWN)
    return JSON({"jobs": [pipelines.job_answer(job) for job in found]})


@router.get("/jobs/{id}", responses=documented(JobAnswer, 404, 409, 503), summary="How does a job stand?")
def job(request: Request, id: str) -> Response:
    """Answers `queued`, `running`, `done` or `failed`, with a sentence, and how far it is."""
    found = daemon_of(request).store.job(id)
    if found is None:
        detail = "there is no job of this id, or no longer: ask for a new one"
        raise ProblemError(HTTPStatus.NOT_FOUND, detail, field="id")
    return JSON(pipelines.job_answer(found))


async def _body(request: Request) -> object:
    daemon_of(request)
    raw, _ = await read_body(request, JSON_TYPES, Service.of(request).settings.api.max_body_bytes)
    return parse_json(raw)


def _add(request: Request, tree: object) -> Response:
    daemon = daemon_of(request)
    with daemon.defining:
        pipeline = pipelines.read_definition(tree, daemon.definitions, daemon)
        pipelines.require_ours(daemon, pipeline.name)
        if any(one.name == pipeline.name for one in daemon.definitions.pipelines):
            detail = (
                f"there is a pipeline {pipeline.name} already: replace it by PUT /pipelines/{pipeline.name}"
            )
            raise ProblemError(HTTPStatus.CONFLICT, detail, field="name")
        pipelines.put(daemon, pipeline)
    headers = {"Location": f"/pipelines/{pipeline.name}"}
    return JSON(pipelines.full(daemon, pipeline), 201, headers)


def _replace(request: Request, name: str, tree: object) -> Response:
    daemon = daemon_of(request)
    with daemon.defining:
        if isinstance(tree, dict):
            tree = {"name": name, **tree}
        pipeline = pipelines.read_definition(tree, daemon.definitions, daemon)
        if pipeline.name != name:
            detail = (
                f"the body's name is {pipeline.name}, the path's is not: leave it out, or make them equal"
            )
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, field="name")
        pipelines.require_ours(daemon, name)
        pipelines.put(daemon, pipeline)
    return JSON(pipelines.full(daemon, pipeline))


def _begin_backfill(request: Request, name: str, tree: object) -> Response:
    daemon = daemon_of(request)
    pipeline_of(daemon, name)
    return _begin(request, name, "backfill", *pipelines.interval(tree))


def _begin(
    request: Request,
    name: str,
    kind: Literal["score", "train", "backfill"],
    start: np.datetime64 | None = None,
    end: np.datetime64 | None = None,
) -> Response:
    daemon = daemon_of(request)
    pipeline_of(daemon, name)
    found = daemon.request(name, kind, start, end)
    return JSON(pipelines.accepted(found), 202, {"Location": f"/jobs/{found.id}"})
