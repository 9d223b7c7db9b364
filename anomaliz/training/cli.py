"""The training command: `anomaliz train` and `python -m anomaliz.training.cli`."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anomaliz.console import run
from anomaliz.core.errors import AnomalizError, MissingExtraError

if TYPE_CHECKING:
    from anomaliz.config.settings import Settings
    from anomaliz.data.dataset import Dataset
    from anomaliz.tracking.recording import Recording
    from anomaliz.training.pipeline import Trained

FAST = {"training.n_seeds": 1, "training.epochs": 6}
"""What `--fast` gives up: the spread over seeds, and the last bit of both networks' loss."""


def train(
    out: Annotated[Path, typer.Option(help="Directory of the bundle.")] = Path("artifacts/v1"),
    data: Annotated[
        list[Path] | None, typer.Option(help="CSV or Parquet to train on; repeatable. Default: synthetic.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Seeds to train; the first one's model ships.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Synthetic profile: basic or realistic.")] = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Also train other code and window sizes.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="One seed, few epochs.")] = False,
    logger: Annotated[str | None, typer.Option(help="Where the run is recorded: none or mlflow.")] = None,
    experiment: Annotated[str | None, typer.Option(help="MLflow experiment of the run.")] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store: a server's URL, or a database's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Train detectors on your series and write a bundle."""
    from anomaliz.config.loading import load_settings
    from anomaliz.data.dataset import DataWarning

    try:
        from anomaliz.training import pipeline
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("anomaliz"):
            raise  # ours, not an extra's
        raise MissingExtraError.of("Training", "train") from error

    if profile is not None and data:
        raise typer.BadParameter(
            "is of the synthetic series, and --data gives another", param_hint="--profile"
        )
    overrides: dict[str, object] = dict(FAST) if fast else {}
    if seeds is not None:
        overrides["training.n_seeds"] = seeds
    overrides |= {
        "data.profile": profile,
        "tracking.logger": logger,
        "tracking.experiment_name": experiment,
        "tracking.tracking_uri": tracking_uri,
    }
    settings = load_settings(config, overrides=overrides)
    recording = _recording(settings)
    with warnings.catch_warnings():
        warnings.simplefilter("once", DataWarning)
        warnings.showwarning = _say
        trained = pipeline.train(settings, _dataset(data or [], settings), out, sweep=sweep)
    if not as_json:
        typer.echo(_table(trained))
    tracked = _recorded(recording, trained) if recording else None
    if as_json:
        typer.echo(json.dumps({**_answer(trained), "tracking": tracked}, indent=2))


def _recording(settings: "Settings") -> "Recording | None":
    if settings.tracking.logger == "none":
        return None
    from anomaliz.tracking.recording import Recording

    return Recording.begin(settings)


def _recorded(recording: "Recording", trained: "Trained") -> dict[str, str] | None:
    """Record the training and return where; whatever hinders that is a warning, since the bundle is there."""
    try:
        uploaded = recording.finish(trained.bundle.version, trained.directory)
    except AnomalizError as error:
        _say(str(error))
        return None
    except Exception as error:
        _say(f"the run is not recorded ({error!r}): 'anomaliz tracking sync' tries again")
        return None
    typer.echo(f"recorded as {uploaded}", err=True)
    return asdict(uploaded)


def _say(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as a sentence, at once: training takes minutes, and may yet fail."""
    typer.echo(f"warning: {message}", err=True)


def _dataset(paths: Sequence[Path], settings: Any) -> "Dataset":
    if not paths:
        from anomaliz.data.synthetic import make_synthetic

        data = settings.data
        return make_synthetic(data.profile, data.n_points, settings.training.seed, data.window_size)
    from anomaliz.data.merging import merge
    from anomaliz.data.tabular import read_dataset

    return merge([read_dataset(path) for path in paths])


def _answer(trained: "Trained") -> dict[str, Any]:
    bundle = trained.bundle
    return {
        "bundle": str(trained.directory),
        "version": bundle.version,
        "sha256": bundle.sha256,
        "seconds": bundle.metadata["training_seconds"],
        "decision": bundle.profile.decision.to_json(),
        "test": bundle.metrics["test"],
        "summary": bundle.metrics["summary"],
        "ablation": bundle.metrics["ablation"],
    }


def _table(trained: "Trained") -> str:
    from anomaliz.training.report import report

    return f"{report(trained.bundle)}\nbundle {trained.directory} ({trained.bundle.version})"


def main() -> None:
    """Run the command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(train)
    run(app)


if __name__ == "__main__":
    main()
