"""Pipelines over HTTP: which may be made, and what is told of them.

Who calls may neither read files, nor run code, nor learn secrets: a request names systems that the files of
the daemon define, and bundles that they name.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request

from anomaliz.api.problems import ProblemError
from anomaliz.api.service import Service
from anomaliz.core.errors import ConfigError

if TYPE_CHECKING:
    from anomaliz.pipelines.daemon.daemon import Daemon
    from anomaliz.pipelines.definition import Definitions, Pipeline
    from anomaliz.pipelines.outcome import Report
    from anomaliz.store.job import Job

Answer = dict[str, Any]

JOBS_SHOWN = 20
IN_PROCESS = re.compile(r"duckdb|.*interface=chdb")
"""URLs of databases that run in a job's process, and in whose SQL one can name any file."""


def daemon_of(request: Request) -> "Daemon":
    """Return the daemon beside the service; raises ProblemError 409 where there is none."""
    daemon = Service.of(request).daemon
    if daemon is None:
        detail = "this service runs no pipelines: start it with `anomaliz run FILE`"
        raise ProblemError(HTTPStatus.CONFLICT, detail)
    return daemon


def pipeline_of(daemon: "Daemon", name: str) -> "Pipeline":
    """Return the pipeline called `name`; raises ProblemError 404 where there is none."""
    try:
        return daemon.definitions.pipeline(name)
    except ConfigError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, str(error), field="name") from None


def read_definition(tree: object, definitions: "Definitions", daemon: "Daemon") -> "Pipeline":
    """Return the pipeline that a body describes; raises ConfigError for what it may not say."""
    from anomaliz.pipelines.loading import read_pipeline

    if isinstance(tree, Mapping) and tree.get("bundle") is not None:
        _require_known_bundle(str(tree["bundle"]), daemon)
    pipeline = read_pipeline(tree, definitions)
    _require_no_files(pipeline, definitions)
    return pipeline


def _require_no_files(pipeline: "Pipeline", definitions: "Definitions") -> None:
    """Raise ConfigError for a query of a database in whose SQL one can name any file of this machine."""
    from anomaliz.sources.sql import SqlSettings

    source = definitions.source_of(pipeline)
    if isinstance(source, SqlSettings) and IN_PROCESS.match(source.url.get_secret_value()):
        raise ConfigError(
            f"source {definitions.source_name(pipeline)} is a database whose SQL reads any file here: "
            "define the pipeline in a file of the daemon",
            field="source",
        )


def require_ours(daemon: "Daemon", name: str) -> None:
    """Raise ProblemError 409 for a pipeline that a file defines."""
    place = daemon.definitions.places.get(name)
    if place is not None:
        detail = f"pipeline {name} is defined in {place}, and is changed there alone"
        raise ProblemError(HTTPStatus.CONFLICT, detail, field="name")


def put(daemon: "Daemon", pipeline: "Pipeline") -> None:
    """Keep a definition and go on with it; raises AnomalizError, with nothing changed, where that fails."""
    before = daemon.store.definitions().get(pipeline.name)
    daemon.store.put_definition(pipeline.name, json.dumps(definition(pipeline)))
    try:
        daemon.reload()
    except Exception:
        if before is None:
            daemon.store.delete_definition(pipeline.name)
        else:
            daemon.store.put_definition(pipeline.name, before)
        raise


def definition(pipeline: "Pipeline") -> Answer:
    """Return a definition as it can be sent again."""
    return pipeline.model_dump(mode="json", exclude_unset=True)


def brief(daemon: "Daemon", pipeline: "Pipeline") -> Answer:
    """Return what a list tells of a pipeline."""
    report = daemon.reports.get(pipeline.name)
    return {
        "name": pipeline.name,
        "place": daemon.definitions.places.get(pipeline.name),
        "source": daemon.definitions.source_name(pipeline),
        "schedule": pipeline.schedule,
        "next_score": daemon.next_run(pipeline.name, "score"),
        "next_train": daemon.next_run(pipeline.name, "train"),
        "report": None if report is None else told(report),
    }


def full(daemon: "Daemon", pipeline: "Pipeline") -> Answer:
    """Return all that is known of a pipeline."""
    state, _ = daemon.store.state(pipeline.name)
    models = daemon.store.models(pipeline.name)
    return {
        **brief(daemon, pipeline),
        "definition": definition(pipeline),
        "watermark": None if state is None else _stamp(state.watermark),
        "totals": None if state is None else vars(state.totals),
        "models": [{**vars(model), "created": _time(model.created)} for model in models],
    }


def told(report: "Report") -> Answer:
    """Return a report without its points."""
    values = {field.name: getattr(report, field.name) for field in fields(report)}
    del values["latest"]
    return {**values, "ended": _time(report.ended)}


def job_answer(job: "Job") -> Answer:
    """Return how a job stands."""
    return {**vars(job), "created": _time(job.created), "updated": _time(job.updated)}


def accepted(job: "Job") -> Answer:
    """Return where to ask after a job that was accepted."""
    return {"job": job.id, "url": f"/jobs/{job.id}"}


def interval(tree: object) -> tuple[np.datetime64, np.datetime64]:
    """Return start and end of a backfill's body, `{"from": …, "to": …}`; raises ConfigError."""
    if not isinstance(tree, Mapping) or set(tree) != {"from", "to"}:
        raise ConfigError('the body must be {"from": STAMP, "to": STAMP}, such as 2026-01-05T08:00:00Z')
    return moment(tree["from"], "from"), moment(tree["to"], "to")


def moment(value: object, field: str) -> np.datetime64:
    """Return a stamp in UTC, nanoseconds; one without a zone is in UTC. Raises ConfigError."""
    try:
        stamp = datetime.fromisoformat(value if isinstance(value, str) else "")
        aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)
        found = np.datetime64(aware.astimezone(UTC).replace(tzinfo=None), "ns")
    except (ValueError, OverflowError):
        raise ConfigError(f"{field} must be a stamp such as 2026-01-05T08:00:00Z", field=field) from None
    if not 1970 <= aware.year < 2262:
        raise ConfigError(f"{field} must lie between 1970 and 2261", field=field)
    return found


def _require_known_bundle(place: str, daemon: "Daemon") -> None:
    known = {str(one.bundle) for one in daemon.definitions.pipelines if one.name in daemon.definitions.places}
    known.add(str(daemon.settings.artifact_dir))
    if place not in known:
        raise ConfigError(
            "over HTTP, a bundle must be one that a file of the daemon names, or artifact_dir: add it there",
            field="bundle",
        )


def _stamp(stamp: np.datetime64) -> str:
    return f"{stamp.astype('datetime64[ms]')}Z"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
