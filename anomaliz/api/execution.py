"""Jobs without a trace: what a body describes is trained or scored, answered, and forgotten."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import numpy as np

from anomaliz.api.pipelines import Answer, moment, read_definition, told
from anomaliz.api.problems import ProblemError
from anomaliz.core.errors import BundleError, ConfigError, SourceError

if TYPE_CHECKING:
    from anomaliz.pipelines.daemon.daemon import Daemon
    from anomaliz.pipelines.outcome import Outcome
    from anomaliz.pipelines.systems import SourceSettings
    from anomaliz.pipelines.work import Task
    from anomaliz.sinks.sink import Samples

KEYS = {"train": {"pipeline", "source"}, "inference": {"pipeline", "source", "model", "from", "to"}}
RETRY_AFTER = {"Retry-After": "5"}


@dataclass(frozen=True)
class Execution:
    """A job of a request."""

    daemon: "Daemon"
    task: "Task"

    @classmethod
    def of(cls, kind: str, tree: object, daemon: "Daemon") -> "Execution":
        """Return the job that a body describes; raises ConfigError for what it may not say."""
        from anomaliz.pipelines.times import utc_now
        from anomaliz.pipelines.work import Task

        body = _checked(tree, KEYS[kind])
        definitions = daemon.definitions
        if body.get("source") is not None:
            definitions = replace(definitions, pipelines=(), sources={"default": _source(body["source"])})
        pipeline = read_definition(body["pipeline"], definitions, daemon)
        source = definitions.source_of(pipeline)
        if kind == "train":
            return cls(daemon, Task("train", pipeline, source, daemon.settings, utc_now()))
        task = Task("backfill", pipeline, source, daemon.settings, utc_now(), model=_model(body.get("model")))
        return cls(daemon, _limited(task, body, daemon.settings.api.max_rows))

    def train(self) -> Answer:
        """Return the model that was fitted, base64, and what it was fitted on."""
        outcome = self._run(self.task)
        assert outcome.model is not None
        return {
            "version": outcome.model.version,
            "facts": outcome.model.facts,
            "model": base64.b64encode(outcome.model.content).decode(),
            "report": told(outcome.report),
        }

    def inference(self) -> Answer:
        """Return the samples that a pipeline of this definition would write."""
        from anomaliz.pipelines.backfill import run_backfill

        outcomes: list[Outcome] = []
        run_backfill(self.task, self._run, outcomes.append, lambda _: None)
        return {
            "from": f"{self.task.start}Z",
            "to": f"{self.task.end}Z",
            "points": sum(outcome.report.points for outcome in outcomes),
            "events": sum(outcome.report.events for outcome in outcomes),
            "series": [_series(samples) for outcome in outcomes for samples in outcome.samples],
        }

    def _run(self, task: "Task") -> "Outcome":
        from anomaliz.pipelines.executor.faults import JobLostError, JobTimeoutError

        try:
            return self.daemon.execute(task)
        except SourceError as error:
            raise ProblemError(HTTPStatus.BAD_GATEWAY, str(error), field=error.field) from None
        except (JobTimeoutError, JobLostError) as error:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=RETRY_AFTER) from None
        except BundleError as error:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), field="model") from None


def _checked(tree: object, keys: set[str]) -> Mapping[str, Any]:
    if not isinstance(tree, Mapping) or "pipeline" not in tree:
        raise ConfigError("the body must be an object with a pipeline", field="pipeline")
    unknown = sorted(map(str, set(tree) - keys))
    if unknown:
        raise ConfigError(
            f"{unknown[0]!r} is no key of the body: it takes {', '.join(sorted(keys))}", field=unknown[0]
        )
    return tree


def _source(tree: object) -> "SourceSettings":
    """Return a source that a body describes: of a type that reads no files and runs no code."""
    from pydantic import ValidationError

    from anomaliz.sources.prometheus import PrometheusSettings
    from anomaliz.sources.redis_timeseries import RedisTimeSeriesSettings

    allowed: dict[str, type[PrometheusSettings | RedisTimeSeriesSettings]] = {
        "prometheus": PrometheusSettings,
        "redis_timeseries": RedisTimeSeriesSettings,
    }
    kind = tree.get("type") if isinstance(tree, Mapping) else None
    if not isinstance(tree, Mapping) or kind not in allowed:
        raise ConfigError(
            f"a source in a body must be of type {' or '.join(allowed)}: "
            "name others in a file of the daemon, and their name in the pipeline",
            field="source",
        )
    for key in _files(tree):
        raise ConfigError(f"a source in a body reads no files: leave out {key}", field=f"source.{key}")
    try:
        return allowed[str(kind)].model_validate(tree)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, ("source", *fault["loc"])))
        raise ConfigError(f"{key}: {fault['msg']}", field=key) from None


def _files(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the keys that name files."""
    found = []
    for key, value in tree.items():
        if str(key).endswith("_file") or key == "tls":
            found.append(f"{prefix}{key}")
        elif isinstance(value, Mapping):
            found += _files(value, f"{prefix}{key}.")
    return found


def _model(text: object) -> Any:
    from anomaliz.pipelines.outcome import TrainedModel

    if text is None:
        return None
    try:
        content = base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except binascii.Error:
        content = b""
    if not content:
        raise ConfigError("model must be base64, as /execute/train answers it", field="model")
    return TrainedModel("given", content, "given by the request")


def _limited(task: "Task", body: Mapping[str, Any], most: int) -> "Task":
    """Return the task with its stamps: those in [from, to), or the newest one."""
    from anomaliz.pipelines.times import ceiling, floor, ns

    step = task.pipeline.step_ns
    last = floor(task.now - ns(task.pipeline.score.delay), step)
    end = last if body.get("to") is None else min(ceiling(moment(body["to"], "to"), step), last)
    start = end - step if body.get("from") is None else ceiling(moment(body["from"], "from"), step)
    if start >= end:
        raise ConfigError(
            "there is nothing between from and to: give a start before the end, in the past", field="from"
        )
    rows = int((end - start) / np.timedelta64(1, "ns") // (step / np.timedelta64(1, "ns")))
    if rows > most:
        raise ConfigError(
            f"from {start} to {end} are {rows:,} rows, at most {most:,} are scored: ask for less",
            field="from",
        )
    return replace(task, start=start, end=end)


def _series(samples: "Samples") -> Answer:
    times = np.datetime_as_string(samples.times.astype("datetime64[ms]"), timezone="UTC")
    return {"labels": dict(samples.labels), "times": times.tolist(), "values": samples.values.tolist()}
