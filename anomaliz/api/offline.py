"""The service's answers without the service: what the command line calls."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from anomaliz.agent.trace import Step, Trace
from anomaliz.api.answers import Answer, answers_of
from anomaliz.api.body import parse_json
from anomaliz.api.bundle_pair import BundlePair
from anomaliz.api.columns import ColumnReader
from anomaliz.api.detection import Detection
from anomaliz.api.explaining import Explaining, summarise
from anomaliz.api.incidents import incident_of
from anomaliz.api.newest import newest_verdict, stamped
from anomaliz.api.opinions import Opinions
from anomaliz.api.problems import ProblemError
from anomaliz.api.rows import in_order
from anomaliz.bundle.bundle import Bundle
from anomaliz.config.settings import Agent, Settings
from anomaliz.core.errors import DataError
from anomaliz.data.dataset import Dataset
from anomaliz.data.tabular import read_dataset

MAX_ROWS = 2_000_000
"""Rows that one command reads at most: a wrong file, not a long series, has more."""


def analyze_window(bundle: Bundle, raw: bytes) -> Answer:
    """Return the answer of /analyze to a body; raises DataError where the service would refuse it."""
    values, times = ColumnReader(bundle.features, bundle.window_size, MAX_ROWS).read(_parsed(raw))
    answer = stamped(answers_of(bundle, newest_verdict(bundle, values, times))[0], times)
    return summarise(answer, bundle, values)


def explain_incident(settings: Settings, raw: bytes, on_step: Callable[[Step], None]) -> Answer:
    """Return the answer of /explain to a body; raises DataError where the service would refuse it.

    `on_step` is told of each node of the graph as it ends.
    """
    incident = incident_of(_parsed(raw))
    explaining = Explaining.of(settings.agent)
    return asyncio.run(explaining.explain(incident, Trace(on_step)))


def compare_bundles(one: Bundle, other: Bundle, source: Path | BinaryIO) -> BundlePair:
    """Score the series in a CSV or Parquet file by two bundles; raises DataError as `detect_series` does."""
    dataset = read_dataset(source, max_rows=MAX_ROWS, to_score=True)
    return BundlePair.of(one, other, dataset, MAX_ROWS)


def detect_series(bundle: Bundle, source: Path | BinaryIO) -> Detection:
    """Score the series in a CSV or Parquet file; raises DataError that names the column at fault."""
    return _detection(bundle, read_dataset(source, max_rows=MAX_ROWS, to_score=True))


def two_opinions(bundle: Bundle, source: Path | BinaryIO, agent: Agent, seed: int | None) -> Opinions:
    """Score a series as `detect_series` does, and ask an LLM for its own opinion; raises as both do."""
    from anomaliz.agent.opinion.second_opinion import second_opinion

    dataset = read_dataset(source, max_rows=MAX_ROWS, to_score=True)
    detection = _detection(bundle, dataset)
    second = asyncio.run(second_opinion(dataset.reordered(bundle.features), agent, seed=seed))
    return Opinions(detection, second)


def _detection(bundle: Bundle, dataset: Dataset) -> Detection:
    return Detection.of(bundle, in_order(dataset, bundle.features), dataset.times, MAX_ROWS)


def _parsed(raw: bytes) -> object:
    try:
        return parse_json(raw)
    except ProblemError as error:
        raise DataError(str(error)) from None
