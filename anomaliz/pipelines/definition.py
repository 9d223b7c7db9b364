"""Definitions of pipelines: what is read, how it is scored, when, and where the scores go."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from anomaliz.config.duration import Seconds, SecondsOrZero
from anomaliz.config.settings import AnyNames, BundlePlace, Count, Name, Names, Section, Text
from anomaliz.core.errors import ConfigError, MissingExtraError
from anomaliz.core.suggestion import suggestion
from anomaliz.pipelines.cron import Cron, parse_cron
from anomaliz.pipelines.hours import Hours
from anomaliz.pipelines.systems import SinkSettings, SourceSettings

T = TypeVar("T")

DEFAULT = "default"
"""Stands for the source, or the sink, that is taken where none is named."""
VALUE = "value"
"""What the only feature of a single query is called."""

WrittenSeries = Literal[
    "anomaly_score", "anomaly", "expected", "expected_lower", "expected_upper", "contribution"
]
Direction = Literal["both", "above", "below"]

_DEFINITION_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_BRACES = re.compile(r"\{(\w*)\}")
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_NOT_IN_METRIC_NAME = re.compile(r"[^a-zA-Z0-9_:]")


def definition_name(name: str) -> str:
    """Return `name` where a pipeline, a source or a sink may be called so; ValueError elsewhere."""
    if not _DEFINITION_NAME.fullmatch(name):
        raise ValueError("must be up to 100 letters, digits, '.', '_' and '-', and not begin with '.' or '-'")
    return name


def _cron(text: str) -> str:
    return parse_cron(text).text


def _timezone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, ValueError, KeyError):
        near = suggestion(name, available_timezones())
        raise ValueError(f"must be a timezone such as Europe/Berlin, got {name!r}{near}") from None


def _hours(text: str) -> str:
    Hours.parse(text)
    return text


def _holiday(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()  # YAML reads dates
    return value


def _known_holiday(text: str) -> str:
    if _COUNTRY.fullmatch(text):
        _require_country(text)
        return text
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"must be a country such as DE or DE-BY, or a date, got {text!r}") from None


def _require_country(text: str) -> None:
    try:
        import holidays
    except ImportError:
        raise MissingExtraError.of("a calendar of a country's holidays", "pipelines") from None
    country, _, part = text.partition("-")
    try:
        holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError:
        raise ValueError(f"must be a country, ISO 3166, such as DE or DE-BY, got {text!r}") from None


def _stamp(value: object) -> object:
    if isinstance(value, int | float):
        raise ValueError("must be a time such as 2026-01-05T08:00:00Z")
    return value


def _range(limits: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = limits
    if low is None and high is None:
        raise ValueError("must have a lowest or a highest value, as in [0, 100] or [0, null]")
    if low is not None and high is not None and low >= high:
        raise ValueError(f"must have the lowest value first, got [{low:g}, {high:g}]")
    return limits


def _each_once(written: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(written)) < len(written):
        raise ValueError("must name each series once")
    return written


def _names(template: str) -> str:
    for place in _BRACES.findall(template):
        if place not in ("series", "pipeline"):
            raise ValueError(f"knows {{series}} and {{pipeline}} only, got {{{place}}}")
    if "{series}" not in template:
        raise ValueError("must hold {series}, which tells the written series apart")
    if not _METRIC_NAME.fullmatch(_BRACES.sub("x", template)):
        raise ValueError("must be letters, digits, '_' and ':' around {series} and {pipeline}")
    return template


DefinitionName = Annotated[Name, AfterValidator(definition_name)]
CronLine = Annotated[str, AfterValidator(_cron), WithJsonSchema({"type": "string", "format": "cron"})]
Timezone = Annotated[str, AfterValidator(_timezone)]
WeeklyHours = Annotated[str, AfterValidator(_hours)]
Holiday = Annotated[str, BeforeValidator(_holiday), AfterValidator(_known_holiday)]
Stamp = Annotated[datetime, BeforeValidator(_stamp)]
Limits = Annotated[tuple[float | None, float | None], AfterValidator(_range)]
Template = Annotated[str, AfterValidator(_names)]


class Period(Section):
    """Time from `start` until before `end`. A stamp without a zone is in the zone of what it stands in."""

    start: Stamp = Field(description="First moment.")
    end: Stamp = Field(description="First moment after it.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        comparable = (self.start.tzinfo is None) == (self.end.tzinfo is None)
        if comparable and self.end <= self.start:
            raise ValueError("must end after it starts")
        return self

    def interval(self, timezone: str) -> tuple[np.datetime64, np.datetime64]:
        """Return start and end in UTC, nanoseconds; stamps without a zone are in `timezone`."""
        zone = ZoneInfo(timezone)
        return _instant(self.start, zone), _instant(self.end, zone)


class Maintenance(Section):
    """Time in which nothing is judged: once, from `start` until `end`, or each time that `cron` fires."""

    start: Stamp | None = Field(None, description="First moment.")
    end: Stamp | None = Field(None, description="First moment after it.")
    cron: CronLine | None = Field(None, description="When it begins, again and again.")
    duration: Seconds | None = Field(None, description="How long it is then.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [name for name in ("start", "end", "cron", "duration") if getattr(self, name) is not None]
        if given not in (["start", "end"], ["cron", "duration"]):
            raise ValueError(
                f"needs start and end, or cron and duration, got {', '.join(given) or 'nothing'}"
            )
        if self.start and self.end:
            Period(start=self.start, end=self.end)
        return self

    @property
    def period(self) -> Period | None:
        """The one time, None where it comes again and again."""
        return Period(start=self.start, end=self.end) if self.start and self.end else None


class Calendar(Section):
    """When points are judged. What is not judged gets no score, and nothing is learnt from it."""

    timezone: Timezone | None = Field(None, description="Of its days and hours; none is the pipeline's.")
    holidays: tuple[Holiday, ...] = Field(
        (), description="Countries, such as `DE` or `DE-BY`, and dates: days that are not judged."
    )
    hours: tuple[WeeklyHours, ...] = Field(
        (), description="Hours that are judged, such as `Mon-Fri 08:00-18:00`; none is always."
    )
    maintenance: tuple[Maintenance, ...] = Field((), description="Times that are not judged.")

    @property
    def weekly(self) -> tuple[Hours, ...]:
        """The hours that are judged."""
        return tuple(map(Hours.parse, self.hours))


class Train(Section):
    """When and on what a pipeline's model is fitted."""

    schedule: CronLine = Field("0 3 * * *", description="When it is fitted, a cron line.")
    window: Seconds = Field(
        7 * 86_400.0,
        description="How much of the newest past it is fitted on, by default 1,000 steps at least.",
    )
    periods: tuple[Period, ...] = Field(
        (), description="Times, `{start, end}`, that it is fitted on instead of `window`."
    )
    exclude: tuple[Period, ...] = Field((), description="Times, `{start, end}`, that are not learnt from.")
    timeout: Seconds = Field(3600.0, description="How long fitting may take.")


class Score(Section):
    """How points are scored, and what is written."""

    timeout: Seconds = Field(300.0, description="How long one run may take.")
    lateness: SecondsOrZero | None = Field(
        None, description="How late samples may come and still be scored; none is three steps."
    )
    delay: SecondsOrZero = Field(0.0, description="How long after a stamp its samples are complete.")
    threshold: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Score from which on a point is an anomaly; none is by `alert_budget`."
    )
    alert_budget: Annotated[float, Field(gt=1)] | None = Field(
        None, description="Normal points to one false alarm; none is `detection.threshold.alert_budget`."
    )
    write: Annotated[tuple[WrittenSeries, ...], Field(min_length=1), AfterValidator(_each_once)] = Field(
        ("anomaly_score", "anomaly", "expected", "expected_lower", "expected_upper", "contribution"),
        description="Series that are written.",
    )
    names: Template = Field(
        "{series}", description="What they are called: `{series}`, `{pipeline}` and letters around them."
    )

    @model_validator(mode="after")
    def _one_threshold(self) -> Self:
        if self.threshold is not None and self.alert_budget is not None:
            raise ValueError("takes one of threshold and alert_budget")
        return self


class Pipeline(Section):
    """A query, scored on a schedule."""

    name: DefinitionName = Field(description="Letters, digits, `.`, `_` and `-`.")
    query: Text | None = Field(None, description="What is read, in the source's language.")
    queries: Annotated[dict[Text, Text], Field(min_length=1)] | None = Field(
        None, description="Instead of `query`, several by name: each is a feature of one series."
    )
    source: Text = Field(
        DEFAULT, description="Name in `sources`; `default` is the one so named, or the first."
    )
    schedule: CronLine = Field(description="When it is scored, a cron line of five fields.")
    timezone: Timezone = Field("UTC", description="Of the schedules, and of times without a zone.")
    jitter: SecondsOrZero = Field(
        0.0, description="How much later, at random, a run may start, so that not all start at once."
    )
    step: Seconds | None = Field(
        None, description="Time from one point to the next; none is the schedule's interval."
    )
    context_window: Seconds | None = Field(
        None, description="Least that is read before the newest point; detectors may need more."
    )
    prediction_horizon: SecondsOrZero = Field(0.0, description="How far ahead `expected` is written too.")
    group_by: AnyNames = Field((), description="Labels: one series of all queries for each of their values.")
    bundle: BundlePlace | None = Field(
        None, description="Trained bundle that scores: a folder, or `models:/NAME@ALIAS`."
    )
    detectors: Literal["series"] | None = Field(
        None, description="Instead, the cheap set `series`, which is also taken without either."
    )
    train: Train = Field(default_factory=Train, description="When and on what a model is fitted.")
    score: Score = Field(default_factory=Score, description="How points are scored, and what is written.")
    sinks: Names = Field((DEFAULT,), description="Names in `sinks` that scores are written to.")
    direction: Direction = Field(
        "both", description="On which side of the expected value a point can be an anomaly."
    )
    min_deviation: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Least difference from the expected value, in the metric's unit."
    )
    min_relative_deviation: Annotated[float, Field(ge=0)] = Field(
        0.0, description="The same as a part of the expected value: 0.1 is 10%."
    )
    data_range: Limits | None = Field(
        None, description="Lowest and highest value, `[low, high]`; outside is always an anomaly."
    )
    warm_up: SecondsOrZero = Field(0.0, description="How long a series is no anomaly after it appeared.")
    consecutive: Count = Field(1, description="Anomalous points in a row that make an anomaly.")
    cooldown: SecondsOrZero = Field(0.0, description="How long after an anomaly no new one begins.")
    calendar: Calendar = Field(default_factory=Calendar, description="When points are judged.")
    max_data_age: Seconds | None = Field(
        None, description="Age of the newest sample from which on there is no data; none is any age."
    )
    alert_on_no_data: bool = Field(
        False, description="Whether a series `no_data`, 1 or 0, is written at each run, to alert on."
    )

    @model_validator(mode="before")
    @classmethod
    def _cheap_set(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("bundle") is None and given.get("detectors") is None:
            return {**given, "detectors": "series"}
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.query is None) == (self.queries is None):
            raise ValueError("needs one of query and queries")
        if self.bundle is not None and self.detectors is not None:
            raise ValueError("takes one of bundle and detectors")
        self._require_step()
        return self

    def _require_step(self) -> None:
        interval = self.cron("score").interval
        if self.step is None and interval is None:
            raise ValueError(f"needs a step, as in 'step: 5m': {self.schedule!r} fires at uneven intervals")
        if self.step is not None and self.step * 1000 != round(self.step * 1000):
            raise ValueError(f"needs a step of whole milliseconds, got {self.step} s")
        if interval is not None and self.jitter >= 60 * interval:
            raise ValueError(f"needs a jitter below the schedule's interval, {interval} minutes")

    @property
    def step_ns(self) -> np.timedelta64:
        """Time from one point to the next, in nanoseconds."""
        seconds = self.step if self.step is not None else 60 * (self.cron("score").interval or 0)
        return np.timedelta64(round(seconds * 1000) * 1_000_000, "ns")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the queries, `value` for a single one."""
        return tuple(self.queries) if self.queries else (VALUE,)

    @property
    def named_queries(self) -> Mapping[str, str]:
        """The queries by feature."""
        return self.queries or {VALUE: self.query or ""}

    @property
    def fingerprint(self) -> str:
        """What is read and which kind of model scores it: those of another are of no use to this one."""
        read = [self.source, dict(self.named_queries), list(self.group_by), str(self.step_ns), self.detectors]
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def trains(self) -> bool:
        """Whether it has a training of its own: a bundle only where `train` is given."""
        return self.bundle is None or "train" in self.model_fields_set

    def cron(self, kind: Literal["score", "train"]) -> Cron:
        """Return the schedule of one kind of job."""
        return parse_cron(self.schedule if kind == "score" else self.train.schedule)

    def trigger(self, kind: Literal["score", "train"]) -> Any:
        """Return APScheduler's trigger of one kind of job."""
        return self.cron(kind).trigger(self.timezone, self.jitter)

    def series_name(self, series: str) -> str:
        """Return what a written series is called; what a metric's name may not hold becomes `_`."""
        pipeline = _NOT_IN_METRIC_NAME.sub("_", self.name)
        name = self.score.names.replace("{series}", series).replace("{pipeline}", pipeline)
        return name if _METRIC_NAME.fullmatch(name) else f"_{name}"


@dataclass(frozen=True)
class Definitions:
    """Pipelines, and the systems that they read and write."""

    pipelines: tuple[Pipeline, ...]
    sources: Mapping[str, SourceSettings]
    sinks: Mapping[str, SinkSettings]
    places: Mapping[str, str] = field(default_factory=dict)
    """Where each pipeline stands, as in `pipelines.yaml line 3`; one that came in otherwise has none."""

    def __post_init__(self) -> None:
        for pipeline in self.pipelines:
            self.source_of(pipeline)
            self.sinks_of(pipeline)

    def pipeline(self, name: str) -> Pipeline:
        """Return the pipeline called `name`; ConfigError where there is none."""
        known = {pipeline.name: pipeline for pipeline in self.pipelines}
        return _named(name, known, "no pipeline is called")

    def source_of(self, pipeline: Pipeline) -> SourceSettings:
        """Return what the pipeline reads from; ConfigError where there is no such source."""
        return self.sources[self.source_name(pipeline)]

    def source_name(self, pipeline: Pipeline) -> str:
        """Return the name of what the pipeline reads from."""
        return _entry(pipeline.source, self.sources, f"source of pipeline {pipeline.name}")

    def sinks_of(self, pipeline: Pipeline) -> Mapping[str, SinkSettings]:
        """Return what the pipeline writes to, by name; ConfigError where there is no such sink."""
        names = [_entry(name, self.sinks, f"sinks of pipeline {pipeline.name}") for name in pipeline.sinks]
        return {name: self.sinks[name] for name in names}


def _entry(name: str, known: Mapping[str, object], what: str) -> str:
    if name == DEFAULT and known:
        return DEFAULT if DEFAULT in known else next(iter(known))
    _named(name, known, f"{what}: there is no")
    return name


def _named(name: str, known: Mapping[str, T], what: str) -> T:
    if name not in known:
        others = suggestion(name, known) or f", there is {', '.join(known) or 'none'}"
        raise ConfigError(f"{what} {name!r}{others}", field=name)
    return known[name]


def _instant(stamp: datetime, zone: ZoneInfo) -> np.datetime64:
    aware = stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)
    return np.datetime64(aware.astimezone(ZoneInfo("UTC")).replace(tzinfo=None), "ns")
