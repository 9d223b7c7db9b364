"""The backtesting command: `anomaliz backtest --data series.csv`."""

from pathlib import Path
from typing import Annotated

import typer

from anomaliz.evaluation import options

BUDGET_KEY = "detection.threshold.alert_budget"


def backtest(
    data: Annotated[
        Path, typer.Option(help="CSV or Parquet with a timestamp column; labels are not needed.")
    ],
    train_ratio: Annotated[
        float,
        typer.Option(min=0.01, max=0.99, help="Share to fit on of a series without a split column."),
    ] = 0.3,
    budget: Annotated[
        float | None,
        typer.Option(help="Points per false alarm for the threshold. Default: the settings', beside others."),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="JSON file for the result; - for stdout, without the text.")
    ] = None,
    plots: Annotated[
        Path | None, typer.Option(help="Folder for a plot of the series, and one of each event.")
    ] = None,
    config: options.Config = None,
) -> None:
    """Say what a series would have raised, fitted on its first part, and which thresholds there are."""
    from anomaliz.config.loading import load_settings
    from anomaliz.data.tabular import read_dataset
    from anomaliz.evaluation.backtest import BUDGETS, run_backtest
    from anomaliz.evaluation.backtest_plots import views
    from anomaliz.evaluation.backtest_report import report, result_of
    from anomaliz.evaluation.outputs import Outputs
    from anomaliz.evaluation.progress import counted

    settings = load_settings(config, overrides={} if budget is None else {BUDGET_KEY: budget})
    outputs = Outputs(json=json, plots=options.plots_in(plots))
    outputs.prepare([data])
    budgets = BUDGETS if budget is None else ()
    found = run_backtest(read_dataset(data), settings, train_ratio, budgets)
    result = result_of(found)
    outputs.write_result(result)
    if plots:
        for view in counted(list(views(found)), "drawing"):
            outputs.plot(view)
    if not outputs.on_standard_output:
        typer.echo(report(result))
