"""What a scoring job tells of itself."""

import time
from dataclasses import replace

import numpy as np

from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Flags
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.outcome import Kind, Latest, Report
from anomaliz.pipelines.policies.policies import Decisions
from anomaliz.pipelines.writing import Writer
from anomaliz.store.state import Totals


def no_data_report(pipeline: Pipeline, reason: str | None = None) -> Report:
    """Return the report of a scoring job that found nothing; the caller knows time and age."""
    message = f"no data: {reason}" if reason else "no data"
    return Report(pipeline.name, "score", "no_data", message, ended=time.time(), seconds=0.0)


def nothing_new_report(pipeline: Pipeline) -> Report:
    """Return the report of a scoring job for which there was nothing to do yet."""
    message = "nothing new: scored up to now"
    return Report(pipeline.name, "score", "ok", message, ended=time.time(), seconds=0.0)


def untrained_report(pipeline: Pipeline) -> Report:
    """Return the report of a scoring job that has data and no model yet."""
    message = f"nothing scored: pipeline {pipeline.name} waits for its first training"
    return Report(pipeline.name, "score", "ok", message, ended=time.time(), seconds=0.0)


def scored_report(
    pipeline: Pipeline, kind: Kind, panel: Panel, verdicts: PanelVerdicts, decisions: Decisions, fresh: Flags
) -> Report:
    """Return the report of a job whose points `fresh (n, k)` are written; the caller knows time and age."""
    points, anomalies = int(fresh.sum()), int((decisions.anomaly & fresh).sum())
    return Report(
        pipeline=pipeline.name,
        kind=kind,
        status="ok",
        message=f"{points} points of {len(panel.labels)} series, {anomalies} anomalous",
        ended=time.time(),
        seconds=0.0,
        series=len(panel.labels),
        rows=len(panel),
        points=points,
        anomalies=anomalies,
        events=int((decisions.began & fresh).sum()),
        latest=_latest(pipeline, verdicts, decisions),
    )


def added(totals: Totals, report: Report) -> Totals:
    """Return the totals with a run more."""
    return replace(
        totals,
        runs=totals.runs + 1,
        no_data=totals.no_data + (report.status == "no_data"),
        points=totals.points + report.points,
        events=totals.events + report.events,
    )


def _latest(pipeline: Pipeline, verdicts: PanelVerdicts, decisions: Decisions) -> Latest:
    """Return the newest point of each series, where it has a score."""
    writer = Writer(pipeline)
    score = decisions.anomaly_score[-1]
    return Latest(
        labels=tuple(writer.labels(labels) for labels in verdicts.labels),
        features=verdicts.features,
        times=np.where(np.isnan(score), np.datetime64("NaT", "ns"), verdicts.times[-1]),
        anomaly_score=score,
        anomaly=decisions.anomaly[-1],
        expected=verdicts.expected[-1],
        expected_lower=verdicts.expected_lower[-1],
        expected_upper=verdicts.expected_upper[-1],
        observed=verdicts.observed[-1],
        contributions=verdicts.contributions[-1],
    )
