"""What a run leaves behind: readings and plots by series, and the result as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import typer

from anomaliz.core.errors import AnomalizError
from anomaliz.core.types import Stamps
from anomaliz.evaluation.labelled import Scored

HEADER = "timestamp,score,rank_score,alert_score,alert"
STANDARD = "-"
"""Stands for standard output where a file is expected."""


@dataclass(frozen=True)
class Outputs:
    """Places to write to, None where nothing is wanted."""

    json: Path | None = None
    scores: Path | None = None
    plots: Path | None = None

    @property
    def on_standard_output(self) -> bool:
        """Whether the JSON takes the table's place."""
        return str(self.json) == STANDARD

    def prepare(self) -> None:
        """Make the folders, so that a place that cannot be is known before minutes of work."""
        for folder in (self.scores, self.plots, self.json and self.json.parent):
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
        if self.json and self.json.is_dir():
            raise AnomalizError(f"{self.json} is a folder: give --json a file")

    def write(self, scored: Scored) -> None:
        """Write the readings as CSV, and the plot, of one series, each under the series' own name."""
        if self.scores:
            _write(self.scores / scored.series.name, "\n".join([HEADER, *_lines(scored)]) + "\n")
        self.plot(scored)

    def plot(self, scored: Scored) -> None:
        """Write the plot of one series, under its own name."""
        if self.plots:
            from anomaliz.visualization.benchmark import plot_scored

            plot_scored(scored, self.plots / f"{scored.series.name}.png")

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write a run's result as JSON."""
        if self.json is None:
            return
        text = json.dumps(result, indent=2, allow_nan=False)
        if self.on_standard_output:
            typer.echo(text)
        else:
            _write(self.json, text + "\n")


def iso_stamps(times: Stamps) -> list[str]:
    """Return `times (n,)` as ISO-8601 texts, without fractions of a second where there are none."""
    whole = (times == times.astype("datetime64[s]")).all()
    texts: list[str] = np.datetime_as_string(times, "s" if whole else "ns").tolist()
    return texts


def _lines(scored: Scored) -> Iterator[str]:
    readings = (scored.score, scored.rank_score, scored.alert_score)
    columns = [column.tolist() for column in readings]
    stamps = _stamps(scored.series.times, len(scored.score))
    for stamp, *numbers, alert in zip(stamps, *columns, scored.alert.tolist(), strict=True):
        yield ",".join([stamp, *map(repr, numbers), str(int(alert))])


def _stamps(times: Stamps | None, n: int) -> list[str]:
    """Return stamps as NAB writes them, UTC; empty text for a series without."""
    if times is None:
        return [""] * n
    return [text.replace("T", " ") for text in iso_stamps(times)]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
