"""Shows a training's progress: bars on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from anomaliz.training.seed import Progress, Report


@contextmanager
def shown(runs: Sequence[str], members: Sequence[str], epochs: int) -> Iterator[Report]:
    """Give a report function that draws the progress of `runs` on stderr."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.fields[news]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console) as bars:
        yield _bars(bars, runs, members, epochs)


def _lines(console: Console) -> Report:
    def report(news: Progress) -> None:
        if news.seconds is not None:
            print(f"{news.run}: {news.member} fitted in {news.seconds:.1f} s", file=console.file, flush=True)

    return report


def _bars(bars: Bars, runs: Sequence[str], members: Sequence[str], epochs: int) -> Report:
    tasks = {run: bars.add_task(run, total=len(members) * epochs, news="waiting") for run in runs}
    order = {member: i for i, member in enumerate(members)}

    def report(news: Progress) -> None:
        done = order[news.member] * epochs + (epochs if news.seconds is not None else news.epoch)
        loss = "" if news.loss is None else f" loss {news.loss:.4f}"
        bars.update(tasks[news.run], completed=done, news=f"{news.member} epoch {news.epoch}{loss}")

    return report
