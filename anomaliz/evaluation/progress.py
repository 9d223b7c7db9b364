"""Shows how far a run is, on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, track

Item = TypeVar("Item")
Report: TypeAlias = Callable[[str, float], None]
"""Takes the name of a series that is done, and its seconds."""


@contextmanager
def shown(n: int) -> Iterator[Report]:
    """Give a report function that shows on stderr how many of `n` series are done."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _line
        return
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("", total=n)
        yield lambda name, seconds: bars.update(bar, advance=1, description=f"{name} {seconds:.1f} s")


def counted(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Give `items`, on a terminal with a bar on stderr that says `what` is done with them."""
    console = Console(file=sys.stderr)
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)


def _line(name: str, seconds: float) -> None:
    typer.echo(f"{name}: {seconds:.1f} s", err=True)
