"""What a run says on stderr while it lasts: a bar on a terminal, plain lines elsewhere, and warnings."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, track

from anomaliz.data.dataset import DataWarning

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


@contextmanager
def warnings_said() -> Iterator[None]:
    """Print each warning of data in the block as a sentence on stderr, at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", DataWarning)
        warnings.showwarning = _say
        yield


def _say(message: Warning | str, *_: Any, **__: Any) -> None:
    # By name, since `err=True` finds the terminal itself and would write into the bar.
    typer.echo(f"warning: {message}", file=sys.stderr)


def _line(name: str, seconds: float) -> None:
    typer.echo(f"{name}: {seconds:.1f} s", err=True)
