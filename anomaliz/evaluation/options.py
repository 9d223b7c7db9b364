"""Options that every benchmark command takes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from anomaliz.evaluation.outputs import Plots

Bundle: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Bundle whose settings replace the defaults; nothing else of it is used."),
]
Config: TypeAlias = Annotated[Path | None, typer.Option(help="YAML file of settings.")]
Json: TypeAlias = Annotated[
    Path | None, typer.Option("--json", help="JSON file for the result; - for stdout, without the table.")
]
Scores: TypeAlias = Annotated[
    Path | None, typer.Option(help="Folder for the readings of every row, one CSV for each series.")
]
PlotsFolder: TypeAlias = Annotated[Path | None, typer.Option(help="Folder for a plot of each series.")]
Jobs: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Series at the same time. Default: one for each processor.")
]
NoWindow: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-window", help="Leave the window detectors out: seconds instead of minutes for a series."
    ),
]


def jobs_or_all(jobs: int | None) -> int:
    """Return `jobs`, or the number of processors."""
    return jobs or os.cpu_count() or 1


def plots_in(folder: Path | None) -> "Plots | None":
    """Return the plots of scored series in `folder`, None where none are wanted."""
    if folder is None:
        return None
    from anomaliz.evaluation.outputs import Plots
    from anomaliz.visualization.benchmark import plot_scored

    return Plots(folder, plot_scored)
