"""Scores what is new: the job of a pipeline's schedule."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np

from anomaliz.core.errors import SourceError
from anomaliz.core.panel import Panel
from anomaliz.core.types import Stamps
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Outcome, Report, RunStatus
from anomaliz.pipelines.progress import Interval
from anomaliz.pipelines.reading import read_panel
from anomaliz.pipelines.reporting import added, no_data_report, nothing_new_report, untrained_report
from anomaliz.pipelines.scoring import MOST_STAMPS, Scoring
from anomaliz.pipelines.times import floor, ns, seconds
from anomaliz.pipelines.writing import Writer
from anomaliz.sinks.sink import Samples
from anomaliz.sources.source import Source
from anomaliz.store.state import PipelineState

NEWEST_MISSING = "no data at the newest stamp (where samples come late, set score.delay)"
BEHIND = "there is more, and the next run goes on"
LOOKED_AT = 12
"""Newest stamps in which a pipeline without a model looks for data."""
MOST_LOOKS = 20
"""How often a run asks for the end of a gap, each time for as many stamps as a job may score."""


def score_newest(
    scoring: Scoring, source: Source, now: np.datetime64, state: PipelineState | None
) -> Outcome:
    """Score from the watermark to `now`.

    The watermark moves behind the newest sample and no further: what comes after a gap, late or not, is all
    scored. A source that cannot be asked is no data.
    """
    began = time.monotonic()
    until = _known_until(scoring.pipeline, source, now)
    if state is not None and until <= state.watermark:
        outcome = Outcome(nothing_new_report(scoring.pipeline), (), state)
    else:
        try:
            outcome = _score(scoring, source, until, state)
        except SourceError as error:
            outcome = Outcome(no_data_report(scoring.pipeline, str(error)), (), state)
    return _told(scoring, outcome, until, now, time.monotonic() - began)


def look_newest(pipeline: Pipeline, source: Source, now: np.datetime64) -> Outcome:
    """Say whether a pipeline that waits for its first training has data; nothing is scored."""
    began = time.monotonic()
    until = _known_until(pipeline, source, now)
    age = None
    try:
        there = _sampled(read_panel(source, pipeline, until - LOOKED_AT * pipeline.step_ns, until))
    except SourceError as error:
        report = no_data_report(pipeline, str(error))
    else:
        report = untrained_report(pipeline) if len(there) else no_data_report(pipeline)
        age = max(seconds(now - there[-1]), 0.0) if len(there) else None
    report = replace(report, seconds=time.monotonic() - began, data_age=age)
    return Outcome(report, tuple(_said(pipeline, now, report)))


def _known_until(pipeline: Pipeline, source: Source, now: np.datetime64) -> np.datetime64:
    """Return the stamp from which on nothing can be known yet."""
    last = floor(now - ns(pipeline.score.delay), pipeline.step_ns)
    return last + pipeline.step_ns if source.looks_back else last


def _score(scoring: Scoring, source: Source, until: np.datetime64, state: PipelineState | None) -> Outcome:
    interval, panel = _found(scoring, source, until, state)
    new = _sampled(panel.since(interval.watermark))
    if not len(new):
        return Outcome(no_data_report(scoring.pipeline), (), state)
    end: np.datetime64 = new[-1] + scoring.step
    outcome = scoring.score("score", panel.until(end), replace(interval, end=end), state, scoring.lateness)
    if end == until:
        return outcome
    if end == interval.end:
        return _saying(outcome, "ok", BEHIND)
    return _saying(outcome, "no_data", NEWEST_MISSING)


def _found(
    scoring: Scoring, source: Source, until: np.datetime64, state: PipelineState | None
) -> tuple[Interval, Panel]:
    """Return what is to be scored, and its rows with those before."""
    if state is None:
        return _newest(scoring, source, until)
    most = scoring.most(state)
    interval = Interval(state.snapshot, state.watermark, min(until, state.watermark + most))
    panel = scoring.read(source, interval)
    if interval.end < until and not panel.since(interval.watermark).present.any():
        # So long a gap that it would never be left behind: go on at its other end.
        start = _end_of_gap(scoring, source, interval.end, until)
        return _from(scoring, source, start, min(until, start + most))
    return interval, panel


def _newest(scoring: Scoring, source: Source, until: np.datetime64) -> tuple[Interval, Panel]:
    """Return the newest stamp that has a sample: where samples come late, that is not the last one."""
    interval, panel = _from(scoring, source, until - scoring.step - scoring.lateness, until)
    there = _sampled(panel)
    newest = there[-1] if len(there) else until - scoring.step
    if newest < interval.watermark:
        return _from(scoring, source, newest, until)
    return Interval(newest, newest, until), panel


def _end_of_gap(
    scoring: Scoring, source: Source, start: np.datetime64, until: np.datetime64
) -> np.datetime64:
    """Return the first stamp in [start, until) that has a sample, the last one where none has."""
    most = MOST_STAMPS * scoring.step
    start = max(start, until - MOST_LOOKS * most)
    while start < until:
        there = _sampled(read_panel(source, scoring.pipeline, start, min(start + most, until)))
        if len(there):
            return cast(np.datetime64, there[0])
        start = start + most
    return until - scoring.step


def _sampled(panel: Panel) -> Stamps:
    """Return the stamps at which any series has a sample."""
    return panel.times[panel.present.any(axis=1)]


def _from(
    scoring: Scoring, source: Source, start: np.datetime64, until: np.datetime64
) -> tuple[Interval, Panel]:
    interval = Interval(start, start, until)
    return interval, scoring.read(source, interval)


def _saying(outcome: Outcome, status: RunStatus, more: str) -> Outcome:
    report = replace(outcome.report, status=status, message=f"{outcome.report.message}; {more}")
    return replace(outcome, report=report)


def _told(
    scoring: Scoring, outcome: Outcome, until: np.datetime64, now: np.datetime64, took: float
) -> Outcome:
    """Return the outcome with its times, counted, and said to the sinks where no data is an alert."""
    pipeline, state = scoring.pipeline, outcome.state
    age = None if state is None else seconds(now - state.watermark + scoring.step)
    report = replace(outcome.report, seconds=took, data_age=None if age is None else max(age, 0.0))
    limit = pipeline.max_data_age
    too_old = limit is not None and report.data_age is not None and report.data_age > limit
    caught_up = state is not None and state.watermark >= until
    if report.status == "ok" and too_old and caught_up:
        report = replace(report, status="no_data", message=f"{report.message}; {NEWEST_MISSING}")
    samples = (*outcome.samples, *_said(pipeline, now, report))
    counted = state and replace(state, totals=added(state.totals, report))
    return Outcome(report, samples, counted)


def _said(pipeline: Pipeline, now: np.datetime64, report: Report) -> Iterator[Samples]:
    """Yield what tells the sinks whether there was data, for pipelines that alert on it."""
    if pipeline.alert_on_no_data:
        yield Writer(pipeline).no_data(now, missing=report.status == "no_data")
