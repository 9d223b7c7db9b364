"""The commands of pipelines: `anomaliz pipelines check|score|train|backfill|backtest|list|schema`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from anomaliz.core.errors import AnomalizError, ConfigError

if TYPE_CHECKING:
    import numpy as np

    from anomaliz.config.settings import Settings
    from anomaliz.pipelines.books import Books
    from anomaliz.pipelines.definition import Definitions, Pipeline
    from anomaliz.pipelines.outcome import Kind

app = typer.Typer(help="Read metrics where they live, score them, write scores back.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(help="YAML file of pipelines, or a folder of them.")]
NameArgument = Annotated[str, typer.Argument(help="Name of the pipeline.")]
FromOption = Annotated[str, typer.Option("--from", help="First moment, such as 2026-01-05T08:00Z.")]
ToOption = Annotated[str, typer.Option("--to", help="First moment after it.")]
ConfigOption = Annotated[Path | None, typer.Option(help="YAML file of settings.")]


@app.command("list")
def list_pipelines(file: FileArgument, config: ConfigOption = None) -> None:
    """List the pipelines of a file: schedule, source, sinks, and how far each has come."""
    from anomaliz.pipelines.listing import table

    definitions, settings = _read(file, config)
    typer.echo(table(definitions, settings))


@app.command()
def schema() -> None:
    """Print the JSON schema of files of pipelines."""
    from anomaliz.pipelines.loading import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def check(file: FileArgument, config: ConfigOption = None) -> None:
    """Parse, connect, run each query once, and show what it gave and what would be written."""
    from anomaliz.pipelines.check import check as check_all

    definitions, settings = _read(file, config)
    if not definitions.pipelines:
        raise ConfigError(f"{file} defines no pipelines: write 'pipelines:' and a list of them")
    faults = 0
    for found in check_all(definitions, settings):
        typer.echo(found.text())
        faults += bool(found.faults)
    if faults:
        raise AnomalizError(f"{faults} of {len(definitions.pipelines)} pipelines cannot run as they are")


@app.command()
def score(file: FileArgument, name: NameArgument, config: ConfigOption = None) -> None:
    """Score what is new, once, and write it; trains first where there is no model yet."""
    with _books(file, config) as (books, definitions):
        _run(books, definitions.pipeline(name), "score")


@app.command()
def train(file: FileArgument, name: NameArgument, config: ConfigOption = None) -> None:
    """Fit the pipeline's model once; it is taken when it validates."""
    with _books(file, config) as (books, definitions):
        _run(books, definitions.pipeline(name), "train")


@app.command()
def backfill(
    file: FileArgument, name: NameArgument, start: FromOption, end: ToOption, config: ConfigOption = None
) -> None:
    """Score history, each point from those before it, and write it; a second time changes nothing."""
    from anomaliz.pipelines.backfill import run_backfill
    from anomaliz.pipelines.work import work

    with _books(file, config) as (books, definitions):
        pipeline = definitions.pipeline(name)
        task = books.backfill_task(pipeline, *_interval(pipeline, start, end))
        with _progress(f"backfill {name}") as progress:
            totals = run_backfill(
                task, work, lambda outcome: books.write(pipeline, outcome.samples), progress
            )
        typer.echo(f"{name}: {totals.points} points, {totals.events} anomalies")


@app.command()
def backtest(
    file: FileArgument,
    name: NameArgument,
    start: FromOption,
    end: ToOption,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Alerts a day that are wanted: suggests the threshold.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file for a plot.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say what would have alerted, by day; nothing is written."""
    from anomaliz.pipelines.backtest import Backtest
    from anomaliz.pipelines.backtest_report import report, result_of

    with _books(file, config) as (books, definitions):
        pipeline = definitions.pipeline(name)
        found = Backtest.run(books.backfill_task(pipeline, *_interval(pipeline, start, end)))
    result = result_of(found, None if budget is None else found.suggestion(budget))
    if plot:
        from anomaliz.visualization.alerts import alerts_by_day
        from anomaliz.visualization.style import save

        days = found.days()
        by_day = [day.day for day in days], [day.alerts for day in days]
        save(alerts_by_day(name, found.verdicts.times, found.highest(), *by_day), plot)
    typer.echo(json.dumps(result, indent=2) if as_json else report(result))


def _read(file: Path, config: Path | None) -> tuple["Definitions", "Settings"]:
    from anomaliz.config import load_settings
    from anomaliz.pipelines.loading import load_definitions

    return load_definitions([file]), load_settings(config)


@contextmanager
def _books(file: Path, config: Path | None) -> Iterator[tuple["Books", "Definitions"]]:
    from anomaliz.pipelines.books import Books

    definitions, settings = _read(file, config)
    with Books.opened(definitions, settings) as books:
        yield books, definitions


def _run(books: "Books", pipeline: "Pipeline", kind: "Kind") -> None:
    for report in books.run(kind, pipeline):
        typer.echo(
            f"{report.pipeline}: {report.kind} {report.status}, {report.message}, {report.seconds:.1f} s"
        )


def _interval(pipeline: "Pipeline", start: str, end: str) -> tuple["np.datetime64", "np.datetime64"]:
    from anomaliz.pipelines.definition import Period

    first, last = _moment(start, "--from"), _moment(end, "--to")
    zone = ZoneInfo(pipeline.timezone)
    first, last = (stamp if stamp.tzinfo else stamp.replace(tzinfo=zone) for stamp in (first, last))
    if last <= first:
        raise ConfigError(f"--to {end} must be after --from {start}", field="--to")
    return Period(start=first, end=last).interval(pipeline.timezone)


def _moment(text: str, option: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"{option} must be a time such as 2026-01-05T08:00Z, got {text!r}", field=option
        ) from None


@contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None]]:
    """Give a function that shows how much is done: a bar on a terminal, lines elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done: typer.echo(f"{what}: {done:.0%}", err=True)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task(what, total=1.0)
        yield lambda done: bars.update(bar, completed=done)
