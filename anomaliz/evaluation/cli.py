"""The evaluating command: `anomaliz evaluate --data 'glob'`, and `anomaliz evaluate compare`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from anomaliz.core.errors import AnomalizError, MissingExtraError
from anomaliz.evaluation import options
from anomaliz.evaluation.compare_cli import compare

if TYPE_CHECKING:
    from anomaliz.evaluation.labelled import Labelled
    from anomaliz.evaluation.plan import Plan

app = typer.Typer(invoke_without_command=True, no_args_is_help=True)
app.command()(compare)


@app.callback()
def evaluate(
    context: typer.Context,
    data: Annotated[
        list[str] | None, typer.Option(help="Labelled CSVs or Parquets: a path or a quoted glob; repeatable.")
    ] = None,
    labels: Annotated[str, typer.Option(help="Column that is 1 where a row is an anomaly.")] = "label",
    train_ratio: Annotated[
        float,
        typer.Option(min=0.01, max=0.99, help="Share to fit on of a series without a split column."),
    ] = 0.5,
    json: options.Json = None,
    scores: options.Scores = None,
    plots: options.PlotsFolder = None,
    no_window: options.NoWindow = False,
    jobs: options.Jobs = None,
    bundle: options.Bundle = None,
    config: options.Config = None,
) -> None:
    """Say how well labelled anomalies of your series are found, or compare two such runs."""
    if context.invoked_subcommand:
        _require_none_given(context)
        return
    if not data:
        raise typer.BadParameter("is needed: labelled series to evaluate on", param_hint="--data")
    from anomaliz.evaluation.configuration import settings_of
    from anomaliz.evaluation.labelled_file import find_files, read_labelled
    from anomaliz.evaluation.outputs import Outputs
    from anomaliz.evaluation.plan import Plan
    from anomaliz.evaluation.progress import counted, warnings_said
    from anomaliz.evaluation.protocols import Protocol

    outputs = Outputs(json, scores, options.plots_in(plots))
    plan = Plan(Protocol.EVALUATE, settings_of(config, bundle), outputs, with_window=not no_window)
    with warnings_said():
        series = [read_labelled(path, labels, train_ratio) for path in counted(find_files(data), "reading")]
    run_and_tell(series, plan, jobs)


def _require_none_given(context: typer.Context) -> None:
    """Refuse options before a subcommand, which would do nothing."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(
                f"is not for {context.invoked_subcommand}: leave it out", param_hint=parameter.opts[0]
            )


def run_and_tell(series: Sequence["Labelled"], plan: "Plan", jobs: int | None) -> None:
    """Run a benchmark on `series`, write what `plan` asks for, and print the result as a table.

    Raises AnomalizError that names the series that failed, when all of this is done for the others.
    """
    try:
        from anomaliz.evaluation.runs import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("anomaliz"):
            raise  # ours, not an extra's
        raise MissingExtraError.of("Evaluation", "train") from error
    from anomaliz.evaluation.progress import shown, warnings_said
    from anomaliz.evaluation.report import failures_told, report
    from anomaliz.evaluation.summary import summarise

    plan.outputs.prepare([path for one in series for path in one.sources], [one.name for one in series])
    with warnings_said(), shown(len(series)) as done:
        results, failures = run(series, plan, options.jobs_or_all(jobs), done)
    if results:
        result = summarise(results, plan.protocol, plan.settings, failures)
        plan.outputs.write_result(result)
        if not plan.outputs.on_standard_output:
            typer.echo(report(result))
    if failures:
        raise AnomalizError(failures_told(failures, len(series)))
