"""The shapes of answers, for the OpenAPI document. Nothing is built from them: tests hold answers to them."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from anomaliz.agent.assessment import Kind
from anomaliz.agent.explanation import ExplanationStatus

StatusName = Literal["ok", "degraded", "warming_up", "no_data"]
SeverityName = Literal["low", "medium", "critical"]
PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Details of a problem (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What is wrong and how to mend it, in one sentence.")
    field: str | None = Field(None, description="The field, column or header at fault, where there is one.")


class BundleIdentity(Shape):
    name: str
    version: str
    sha256: str


class DetectorReading(Shape):
    score: float | None
    surprise: float | None = Field(description="-log10 of the tail probability under normal behaviour.")


class Contribution(Shape):
    contribution: float | None = Field(description="Share of the anomaly; a point's shares sum to 1.")
    observed: float | None
    expected: float | None
    expected_lower: float | None
    expected_upper: float | None


class SeriesReadings(Shape):
    """What only the series profile reads: null of a point that it has not scored."""

    rank_score: float | None = Field(description="For ranking and plotting, unsaturated.")
    alert_score: float | None = Field(description="Surprise where it is news, else 0.")
    alert: bool | None = Field(description="Worth waking somebody.")


class FactShown(Shape):
    id: str
    text: str


class ExplanationDetails(Shape):
    status: ExplanationStatus
    reason: str | None = Field(description="Why there is none, or why it is inconclusive.")
    kind: Kind | None
    confidence: float | None = Field(ge=0, le=1)
    evidence: list[FactShown] = Field(description="The facts that it relies on.")
    model: str | None
    prompt_version: str | None
    latency_ms: float | None
    tokens: int | None
    cached: bool = Field(description="Whether an earlier explanation of the same facts was used again.")
    id: str | None = Field(description="Of a pending one, for GET /explanations/{id}.")


class ExplainAnswer(Shape):
    summary: str | None = Field(description="What happened, by a template; null where it is no anomaly.")
    analysis: str | None = Field(description="What happened and why, by the LLM.")
    severity: SeverityName | None
    recommendation: str | None
    explanation: ExplanationDetails


class AnalyzeAnswer(SeriesReadings):
    anomaly: bool | None = Field(description="score >= threshold; null without a score.")
    score: float | None = Field(ge=0, le=1, description="0.3 is one in a thousand normal points.")
    threshold: float
    model_used: str | None = Field(description="The detector that contributed most.")
    analysis: str | None = Field(description="What happened and why, by the LLM.")
    severity: SeverityName | None = Field(description="By the LLM.")
    recommendation: str | None = Field(description="What to do, by the LLM.")
    summary: str | None = Field(description="What happened, by a template; null where it is no anomaly.")
    explanation: ExplanationDetails
    status: StatusName
    profile: str
    detectors: dict[str, DetectorReading]
    contributions: dict[str, Contribution]
    timestamp: datetime | None = Field(description="The newest stamp, where stamps were sent.")
    bundle: BundleIdentity


class WindowError(Shape):
    error: Problem


class BatchAnswer(Shape):
    results: list[AnalyzeAnswer | WindowError] = Field(description="In the order of the windows.")


class DetectedPoint(SeriesReadings):
    timestamp: datetime | None
    status: StatusName
    score: float | None = Field(ge=0, le=1)
    anomaly: bool | None


class DetectedEvent(Shape):
    start: datetime | int
    end: datetime | int = Field(description="The first row after the event.")
    peak: datetime | int
    score: float = Field(ge=0, le=1, description="The peak's.")
    severity: SeverityName
    points: int
    contributions: dict[str, float]
    summary: str = Field(description="What happened, by a template.")


class DetectAnswer(Shape):
    profile: str
    threshold: float
    bundle: BundleIdentity
    points: list[DetectedPoint]
    events: list[DetectedEvent]


class Health(Shape):
    status: Literal["ok"]


class RegistryReading(Shape):
    reachable: bool | None = Field(description="Null before it was looked at.")
    since: datetime
    message: str | None = Field(description="What is amiss, in one sentence.")


class ChallengerReading(Shape):
    bundle: BundleIdentity | None
    reason: str | None = Field(description="Why it does not score.")


class Readiness(Shape):
    status: Literal["ready"]
    bundle: BundleIdentity | None = Field(description="Null where pipelines run, and none is served.")
    pipelines: int | None = Field(description="How many run; null where the service runs none.")
    registry: RegistryReading | None = Field(description="Null where no bundle comes from a registry.")
    challenger: ChallengerReading | None = Field(description="Null without one.")


class BundleDescription(BundleIdentity):
    created: datetime
    product_version: str
    features: list[str]
    window_size: int
    step_seconds: float | None
    profiles: dict[str, list[str]] = Field(description="Each profile's detectors.")
    threshold: float


class ReloadAnswer(Shape):
    result: Literal["loaded", "unchanged"]
    bundle: BundleIdentity


class TrainingMetrics(Shape):
    bundle: BundleIdentity
    metrics: dict[str, Any]


class RunReport(Shape):
    pipeline: str
    kind: Literal["score", "train", "backfill"]
    status: Literal["ok", "no_data", "failed"]
    message: str
    ended: datetime
    seconds: float
    data_age: float | None = Field(description="Seconds from the newest sample to now.")
    series: int
    rows: int
    points: int = Field(description="Points that got a score.")
    anomalies: int
    events: int = Field(description="Anomalies that began.")
    samples: int


class PipelineBrief(Shape):
    name: str
    place: str | None = Field(description="File and line of its definition; null where it came over HTTP.")
    source: str
    schedule: str
    next_score: datetime | None
    next_train: datetime | None
    report: RunReport | None = Field(description="Of the newest job since the process began.")


class PipelineList(Shape):
    pipelines: list[PipelineBrief]


class RunTotals(Shape):
    runs: int
    no_data: int
    failures: int
    points: int
    events: int


class KeptModel(Shape):
    version: str
    created: datetime
    facts: str = Field(description="What it was fitted on.")


class PipelineAnswer(PipelineBrief):
    definition: dict[str, Any] = Field(description="As it can be sent again.")
    watermark: datetime | None = Field(description="The first stamp that was not scored yet.")
    totals: RunTotals | None
    models: list[KeptModel] = Field(description="The newest first.")


class AcceptedJob(Shape):
    job: str
    url: str = Field(description="Where to ask after it.")


class JobAnswer(Shape):
    id: str
    pipeline: str
    kind: str
    arguments: dict[str, Any]
    status: Literal["queued", "running", "done", "failed"]
    message: str
    progress: float = Field(ge=0, le=1)
    created: datetime
    updated: datetime


class JobList(Shape):
    jobs: list[JobAnswer]


class TrainAnswer(Shape):
    version: str
    facts: str = Field(description="What it was fitted on.")
    model: str = Field(description="Base64, for /execute/inference.")
    report: RunReport


class WrittenSeries(Shape):
    labels: dict[str, str]
    times: list[datetime]
    values: list[float]


class InferenceAnswer(Shape):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    points: int
    events: int
    series: list[WrittenSeries] = Field(description="What a pipeline of this definition would write.")


def documented(
    answer: type[Shape],
    *problems: int,
    also: Sequence[str] = (),
    status: int = 200,
    success: bool = True,
) -> dict[int | str, dict[str, Any]]:
    """Return a route's `responses`: its answer, text of other media types, and the problems it can have."""
    found: dict[int | str, dict[str, Any]] = {code: documented_problem(code) for code in problems}
    if not success:
        return found
    described: dict[str, Any] = {"model": answer, "description": "Success"}
    if also:
        described["content"] = {media_type: {"schema": {"type": "string"}} for media_type in also}
    return {status: described, **found}


def documented_problem(status: int) -> dict[str, Any]:
    """Return the OpenAPI description of a problem with this status."""
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": PROBLEM_REF}},
    }
