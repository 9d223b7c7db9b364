"""The agent's command: `anomaliz agent eval`."""

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anomaliz.core.errors import AnomalizError

if TYPE_CHECKING:
    from anomaliz.agent.evaluation.run import ModelResult
    from anomaliz.config.settings import Agent

app = typer.Typer(help="Look at the explanation agent.", no_args_is_help=True)


@app.callback()
def agent() -> None:
    """Look at the explanation agent."""


@app.command("eval")
def evaluate(
    model: Annotated[
        list[str] | None, typer.Option(help="Model of the backend; repeatable. Default: the configured one.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Incidents at the same time; more are slower each.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the incidents.")] = 42,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every incident.")] = False,
) -> None:
    """Have models explain 42 incidents of known cause, and say how often they were right."""
    from anomaliz.agent.evaluation.report import report
    from anomaliz.config.loading import load_settings

    results = _results(load_settings(config).agent, model or [None], jobs, seed)
    if as_json:
        typer.echo(json.dumps({"seed": seed, "models": [result.to_json() for result in results]}, indent=2))
    else:
        typer.echo(report(results))
    _require_answers(results)


def _results(
    settings: "Agent", models: "list[str] | list[None]", jobs: int, seed: int
) -> "list[ModelResult]":
    from anomaliz.agent.evaluation.incidents import make_incidents
    from anomaliz.agent.evaluation.run import by_rules, evaluate
    from anomaliz.evaluation.progress import shown

    # What is logged of an explanation that failed is in the result too.
    logging.getLogger("anomaliz.agent").setLevel(logging.ERROR)
    known = make_incidents(seed)
    with shown(len(known) * len(models)) as done:
        results = [asyncio.run(evaluate(known, settings, model, jobs, done)) for model in models]
    return [*results, by_rules(known)]


def _require_answers(results: "list[ModelResult]") -> None:
    for result in results:
        if not result.measures.answered:
            first, n = result.outcomes[0], len(result.outcomes)
            raise AnomalizError(f"{result.model} explained none of {n} incidents: {first.reason}")
