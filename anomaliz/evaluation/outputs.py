"""What a run leaves behind: readings and plots by series, and the result as JSON."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
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
class Plots:
    """A folder for plots, and what draws one into a file there."""

    folder: Path
    draw: Callable[[Scored, Path], object]


@dataclass(frozen=True)
class Outputs:
    """Places to write to, None where nothing is wanted."""

    json: Path | None = None
    scores: Path | None = None
    plots: Plots | None = None

    @property
    def on_standard_output(self) -> bool:
        """Whether the JSON takes the table's place."""
        return str(self.json) == STANDARD

    def prepare(self, inputs: Iterable[Path] = (), names: Iterable[str] = ()) -> None:
        """Make the folders, so that a place that cannot be is known before minutes of work.

        Raises AnomalizError for such a place, and when the result, or what is written of the series
        `names`, would overwrite one of `inputs`.
        """
        self._require_apart(inputs, names)
        if self.json:
            _make_folder(self.json.parent, "--json")
            if self.json.is_dir():
                raise AnomalizError(f"{self.json} is a folder: give --json a file", field="--json")
        if self.scores:
            _make_folder(self.scores, "--scores")
        if self.plots:
            _make_folder(self.plots.folder, "--plots")

    def write(self, scored: Scored) -> None:
        """Write the readings as CSV, and the plot, of one series, each under the series' own name."""
        if self.scores:
            _write(self.scores / scored.series.name, "\n".join([HEADER, *_lines(scored)]) + "\n")
        self.plot(scored)

    def plot(self, scored: Scored) -> None:
        """Write the plot of one series, under its own name."""
        if self.plots:
            self.plots.draw(scored, _plot_of(scored.series.name, self.plots.folder))

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write a run's result as JSON."""
        if self.json is None:
            return
        text = json.dumps(result, indent=2, allow_nan=False)
        if self.on_standard_output:
            typer.echo(text)
        else:
            _write(self.json, text + "\n")

    def _require_apart(self, inputs: Iterable[Path], names: Iterable[str]) -> None:
        taken = {_identity(path) for path in inputs if path.exists()}
        for option, path in self._files(names):
            if path.exists() and _identity(path) in taken:
                other = "file" if option == "--json" else "folder"
                raise AnomalizError(
                    f"{option} would overwrite {path}, which is read: give another {other}", field=option
                )

    def _files(self, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
        """Yield every file that is written for the series `names`, after its option."""
        if self.json and not self.on_standard_output:
            yield "--json", self.json
        for name in names:
            if self.scores:
                yield "--scores", self.scores / name
            if self.plots:
                yield "--plots", _plot_of(name, self.plots.folder)


def iso_stamps(times: Stamps) -> list[str]:
    """Return `times (n,)` as ISO-8601 texts, without fractions of a second where there are none."""
    whole = (times == times.astype("datetime64[s]")).all()
    texts: list[str] = np.datetime_as_string(times, "s" if whole else "ns").tolist()
    return texts


def _plot_of(name: str, folder: Path) -> Path:
    return folder / f"{name}.png"


def _identity(path: Path) -> tuple[int, int]:
    """Return what a file has in common with its links."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _make_folder(folder: Path, option: str) -> None:
    if folder.is_file():
        raise AnomalizError(f"{folder} is a file: give {option} another place", field=option)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnomalizError(
            f"{folder} cannot be made ({error.strerror}): give {option} another place", field=option
        ) from None


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
