"""Options that every benchmark command takes."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

BundleOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Bundle whose settings replace the defaults; nothing else of it is used."),
]
ConfigOption: TypeAlias = Annotated[Path | None, typer.Option(help="YAML file of settings.")]
JsonOption: TypeAlias = Annotated[
    Path | None, typer.Option("--json", help="JSON file for the result; - for stdout, without the table.")
]
ScoresOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="Folder for the readings of every row, one CSV for each series.")
]
PlotsOption: TypeAlias = Annotated[Path | None, typer.Option(help="Folder for a plot of each series.")]
JobsOption: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Series at the same time. Default: one for each processor.")
]


NoWindowOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--no-window", help="Leave the window detectors out: seconds instead of minutes for a series."
    ),
]


def jobs_or_all(jobs: int | None) -> int:
    """Return `jobs`, or the number of processors."""
    return jobs or os.cpu_count() or 1
