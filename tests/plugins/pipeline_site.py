"""A site: a database of metrics, a file of pipelines, and jobs that are run at any time of the clock."""

import json
import sqlite3
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from anomaliz.config import Settings
from anomaliz.pipelines.books import Books
from anomaliz.pipelines.definition import Definitions, Pipeline
from anomaliz.pipelines.loading import load_definitions
from anomaliz.pipelines.outcome import Kind, Outcome
from anomaliz.pipelines.work import work
from anomaliz.store.database import Store

STEP = np.timedelta64(5, "m").astype("timedelta64[ns]")
START = np.datetime64("2026-03-02T00:00:00", "ns")
TRAINED = START + 7 * np.timedelta64(1, "D")
"""Where the history that pipelines are trained on ends."""

QUERY = """
SELECT metric_timestamp, metric_name, metric_value, host FROM samples
WHERE metric_timestamp >= :start AND metric_timestamp < :end
"""


def daily(n: int, seed: int) -> np.ndarray:
    """Return `n` values, five minutes apart, with a daily course and noise."""
    rng = np.random.default_rng(seed)
    return 50 + 10 * np.sin(2 * np.pi * np.arange(n) / 288) + rng.normal(0, 1, n)


@dataclass
class Site:
    """Everything of one small installation, in one folder."""

    folder: Path
    settings: Settings
    text: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    _books: Books | None = None

    @property
    def database(self) -> Path:
        return self.folder / "metrics.db"

    @property
    def file(self) -> Path:
        return self.folder / "pipelines.yaml"

    @property
    def written(self) -> Path:
        return self.folder / "scores.jsonl"

    def define(self, more: str = "", **fields: Any) -> None:
        """Write the file of one pipeline, `load`, with these fields beside the usual ones."""
        usual = {
            "name": "load",
            "query": " ".join(QUERY.split()),
            "schedule": "*/5 * * * *",
            "train": {"window": "7d"},
        }
        content = {
            "sources": {"db": {"type": "sql", "url": f"sqlite:///{self.database}"}},
            "sinks": {"file": {"type": "json_lines", "path": str(self.written)}},
            "pipelines": [usual | fields],
        }
        self.file.write_text(json.dumps(content) + textwrap.dedent(more))
        if self._books:
            self._books.redefine(self.definitions)

    @property
    def definitions(self) -> Definitions:
        return load_definitions([self.file], self.environ)

    @property
    def pipeline(self) -> Pipeline:
        return self.definitions.pipelines[0]

    @property
    def books(self) -> Books:
        if self._books is None:
            store = Store(self.settings.pipelines.store.get_secret_value())
            self._books = Books(store, self.definitions, self.settings)
        return self._books

    @property
    def store(self) -> Store:
        return self.books.store

    def insert(self, times: np.ndarray, values: np.ndarray, host: str = "a", metric: str = "load") -> None:
        stamps = np.datetime_as_string(times.astype("datetime64[s]"))
        rows = [
            (stamp.replace("T", " "), metric, float(value), host)
            for stamp, value in zip(stamps, values, strict=True)
            if np.isfinite(value)
        ]
        with sqlite3.connect(self.database) as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS samples "
                "(metric_timestamp TEXT, metric_name TEXT, metric_value REAL, host TEXT)"
            )
            connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)
        connection.close()

    def run(self, kind: Kind, now: np.datetime64) -> Outcome:
        """Do one job at this time of the clock, write and commit."""
        task = self.books.task(kind, self.pipeline, now)
        outcome = work(task)
        self.books.finish(task, outcome)
        return outcome

    def lines(self, name: str = "anomaly_score", **labels: str) -> dict[str, float]:
        """Return what was written under this name, by stamp; fails where a stamp was written twice."""
        found: dict[str, float] = {}
        for text in self.written.read_text().splitlines() if self.written.exists() else []:
            line = json.loads(text)
            given = line["labels"]
            if given["__name__"] == name and labels.items() <= given.items():
                assert line["time"] not in found, f"{name} at {line['time']} was written twice"
                found[line["time"]] = line["value"]
        return found

    def close(self) -> None:
        if self._books:
            self._books.close()
            self._books.store.close()


def stamp(time: np.datetime64) -> str:
    """Return a stamp as the file of scores has it."""
    return f"{np.datetime_as_string(time, 'ms')}Z"
