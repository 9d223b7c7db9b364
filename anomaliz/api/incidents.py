"""The body of /explain: a verdict of /analyze or an event of /detect, and what is known around it."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anomaliz.agent.incident import Incident, PastEvent
from anomaliz.core.errors import DataError
from anomaliz.core.stamps import parse_stamps
from anomaliz.core.types import Floats
from anomaliz.core.verdict import Severity

VERDICT, EVENT = "verdict", "event"
LONGEST_FIELD = 80

Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)] | None
Share = Annotated[float, Field(ge=0, le=1.000001, allow_inf_nan=False)] | None
Stamp = Annotated[str, Field(max_length=64)]
MOST_FEATURES = 1000


class Given(BaseModel):
    """As much of an answer as is used; the rest of it is passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


class GivenPart(Given):
    contribution: Share = None
    observed: Number = None
    expected: Number = None
    expected_lower: Number = None
    expected_upper: Number = None


class GivenVerdict(Given):
    """An answer of /analyze."""

    anomaly: bool | None
    score: Score | None
    threshold: Score
    contributions: Annotated[dict[str, GivenPart], Field(min_length=1, max_length=MOST_FEATURES)]
    timestamp: Stamp | None = None
    model_used: Annotated[str, Field(max_length=80)] | None = None


class GivenEvent(Given):
    """An event of /detect."""

    start: Stamp | int
    score: Score
    points: Annotated[int, Field(ge=1, le=1_000_000_000)]
    contributions: Annotated[dict[str, Share], Field(min_length=1, max_length=MOST_FEATURES)]


class GivenPastEvent(Given):
    """An event of the past; `feedback` is what people said of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    start: Stamp
    feature: str | None = None
    severity: Severity | None = None
    kind: str | None = None
    feedback: str | None = None


class GivenIncident(BaseModel):
    """A verdict or an event, with the newest values of its features and similar events of the past."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: GivenVerdict | None = None
    event: GivenEvent | None = None
    window: dict[str, list[Number]] = Field({}, description="Newest values, oldest first, null = missing.")
    step_seconds: Annotated[float, Field(gt=0, lt=1e9)] | None = None
    history: list[GivenPastEvent] = []


def incident_of(body: object, step: np.timedelta64 | None = None) -> Incident:
    """Return the incident that a body describes; `step` is that of the series where the body has none.

    Raises DataError with the field for a body that describes none.
    """
    given = _given(_with_envelope(body))
    recent = {name: np.array(values, np.float64) for name, values in given.window.items()}
    for past in given.history:
        _check_stamp(past.start, "history.start")
    history = [PastEvent(**event.model_dump()) for event in given.history]
    if given.step_seconds is not None:
        step = np.timedelta64(round(given.step_seconds * 1e9), "ns")
    if given.verdict is not None:
        return _of_verdict(given.verdict, recent, step, history)
    assert given.event is not None
    _check_window(recent, given.event.contributions)
    _check_stamp(given.event.start, "event.start")
    return Incident.of_event(given.event.model_dump(), recent, step, history)


def _of_verdict(
    verdict: GivenVerdict, recent: Mapping[str, Floats], step: np.timedelta64 | None, history: list[PastEvent]
) -> Incident:
    if verdict.anomaly and verdict.score is None:
        raise DataError("verdict.score is null though anomaly is true: send the score", field="verdict.score")
    _check_window(recent, verdict.contributions)
    _check_stamp(verdict.timestamp, "verdict.timestamp")
    return Incident.of_verdict(verdict.model_dump(), recent, step, history)


def _with_envelope(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise DataError("the body must be a JSON object: send an answer of /analyze or an event of /detect")
    if "events" in body:
        raise DataError("the body is a whole answer of /detect: send one of its events", field="events")
    if body.get(VERDICT) is not None and body.get(EVENT) is not None:
        raise DataError("verdict and event are both there: send one of them", field=EVENT)
    if VERDICT in body or EVENT in body:
        return body
    if "anomaly" in body:
        return {VERDICT: body}
    if "points" in body:
        return {EVENT: body}
    raise DataError(
        "the body is neither an answer of /analyze nor an event of /detect: send one of them, as it is or "
        'as "verdict" or "event" beside "window", "step_seconds" and "history"'
    )


def _given(body: dict[str, Any]) -> GivenIncident:
    try:
        given = GivenIncident.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))[:LONGEST_FIELD]
        message = first["msg"][:1].lower() + first["msg"][1:]
        advice = "send it as /analyze or /detect answer it"
        raise DataError(f"{field} cannot be used ({message}): {advice}", field=field) from None
    if given.verdict is None and given.event is None:
        raise DataError("verdict and event are null: send one of them", field=VERDICT)
    return given


def _check_window(recent: Mapping[str, Floats], contributions: Mapping[str, object]) -> None:
    for name in recent:
        if name not in contributions:
            field = f"window.{name}"[:LONGEST_FIELD]
            known = ", ".join(contributions)[:200]
            raise DataError(f"{field} is not among the contributions: send {known}", field=field)


def _check_stamp(stamp: object, field: str) -> None:
    if isinstance(stamp, str):
        parse_stamps([stamp], field=field)
