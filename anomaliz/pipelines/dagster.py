"""Pipelines in Dagster: assets of what is written and of models, with schedules from the cron lines."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from anomaliz.config.loading import load_settings
from anomaliz.config.settings import Settings
from anomaliz.core.errors import AnomalizError, ConfigError, MissingExtraError
from anomaliz.pipelines.books import Books
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.loading import load_definitions
from anomaliz.pipelines.outcome import Report

try:
    import dagster
except ImportError:
    raise MissingExtraError.of("pipelines in Dagster", "dagster") from None

AssetKind = Literal["score", "train"]

NOT_IN_NAME = re.compile(r"\W", re.ASCII)


def definitions(paths: Sequence[str | Path], settings: Settings | None = None) -> Any:
    """Return `dagster.Definitions` of the pipelines in files and folders; `settings` are the effective ones.

    State, models and queues are where the settings say, as with the daemon: so run one of the two. Raises
    ConfigError for definitions that cannot be used.
    """
    found = load_definitions([Path(path) for path in paths])
    chosen = load_settings() if settings is None else settings
    _require_distinct(found.pipelines)
    assets, schedules = [], []
    for pipeline in found.pipelines:
        for kind in _kinds(pipeline):
            asset = _asset(pipeline, kind, found, chosen)
            assets.append(asset)
            schedules.append(_schedule(pipeline, kind, asset))
    return dagster.Definitions(assets=assets, schedules=schedules)


def _kinds(pipeline: Pipeline) -> tuple[AssetKind, ...]:
    return ("score", "train") if pipeline.trains else ("score",)


def _asset(pipeline: Pipeline, kind: AssetKind, found: Definitions, settings: Settings) -> Any:
    what = "What is written of" if kind == "score" else "The model of"

    @dagster.asset(  # type: ignore[untyped-decorator]
        name=kind,
        key_prefix=[_name(pipeline)],
        group_name="anomaliz",
        description=f"{what} pipeline {pipeline.name}: {pipeline.query or ', '.join(pipeline.features)}.",
        kinds={"python"},
    )
    def run() -> Any:
        try:
            with Books.opened(found, settings) as books:
                *_, report = books.run(kind, pipeline)
        except AnomalizError as error:
            raise dagster.Failure(description=str(error)) from None
        return dagster.MaterializeResult(metadata=_metadata(report))

    return run


def _schedule(pipeline: Pipeline, kind: AssetKind, asset: Any) -> Any:
    name = f"{_name(pipeline)}_{kind}"
    timeout = pipeline.train.timeout if kind == "train" else pipeline.score.timeout
    job = dagster.define_asset_job(
        name, selection=[asset], tags={"dagster/max_runtime": str(max(round(timeout), 1))}
    )
    return dagster.ScheduleDefinition(
        name=f"{name}_schedule",
        job=job,
        cron_schedule=pipeline.cron(kind).text,
        execution_timezone=pipeline.timezone,
        default_status=dagster.DefaultScheduleStatus.RUNNING,
    )


def _metadata(report: Report) -> dict[str, Any]:
    told = {
        "status": report.status,
        "message": report.message,
        "series": report.series,
        "points": report.points,
        "anomalies": report.anomalies,
        "events": report.events,
        "seconds": report.seconds,
        "data_age_seconds": report.data_age,
    }
    return {key: value for key, value in told.items() if value is not None}


def _name(pipeline: Pipeline) -> str:
    """Return the pipeline's name as Dagster allows it."""
    return NOT_IN_NAME.sub("_", pipeline.name)


def _require_distinct(pipelines: Sequence[Pipeline]) -> None:
    known: dict[str, str] = {}
    for pipeline in pipelines:
        other = known.setdefault(_name(pipeline), pipeline.name)
        if other != pipeline.name:
            both = f"pipelines {other} and {pipeline.name}"
            detail = f"{both} have one name in Dagster, {_name(pipeline)}: rename one"
            raise ConfigError(detail, field="name")
