"""The benchmark command `python -m anomaliz.data.nab`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from anomaliz.console import run
from anomaliz.evaluation import options


class NabProtocol(StrEnum):
    """The rules that a run on NAB can follow."""

    SPLIT = "split"
    NAB = "nab"


def evaluate_nab(
    more: Annotated[list[str] | None, typer.Argument(metavar="SERIES", help="More series.")] = None,
    series: Annotated[
        list[str] | None,
        typer.Option(help="Paths inside NAB's data, or cpu_asg and ec2_cpu_ac20cd, which are the default."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every series that has windows.")] = False,
    protocol: Annotated[
        NabProtocol,
        typer.Option(help="split: 60/20/20, F1 by detector; nab: the benchmark's own rules."),
    ] = NabProtocol.SPLIT,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder with NAB's data and labels. Default: ANOMALIZ_NAB_DIR, else a download."),
    ] = None,
    json: options.Json = None,
    scores: options.Scores = None,
    plots: options.PlotsFolder = None,
    no_window: options.NoWindow = False,
    jobs: options.Jobs = None,
    bundle: options.Bundle = None,
    config: options.Config = None,
) -> None:
    """Say how well the anomalies of the Numenta Anomaly Benchmark are found."""
    named = [*(series or []), *(more or [])]
    if named and every:
        raise typer.BadParameter("is every series, and --series names some: choose one", param_hint="--all")
    from anomaliz.data.nab import ALIASES, Nab, find
    from anomaliz.evaluation.cli import run_and_tell
    from anomaliz.evaluation.configuration import settings_of
    from anomaliz.evaluation.outputs import Outputs
    from anomaliz.evaluation.plan import Plan
    from anomaliz.evaluation.progress import counted
    from anomaliz.evaluation.protocols import Protocol, labelled

    rules = Protocol(protocol.value)
    outputs = Outputs(json, scores, options.plots_in(plots))
    plan = Plan(rules, settings_of(config, bundle), outputs, with_window=not no_window)
    nab = Nab(find(data_dir))
    paths = nab.paths if every else nab.resolve(named or list(ALIASES))
    found = [labelled(nab.read(path), rules) for path in counted(paths, "reading")]
    run_and_tell(found, plan, jobs)


def main() -> None:
    """Run the command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name="python -m anomaliz.data.nab")(evaluate_nab)
    run(app)
