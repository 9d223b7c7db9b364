"""`anomaliz …`: every verb of the house, thin. Each imports what it calls when it is called."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from anomaliz.agent.evaluation.cli import app as agent_app
from anomaliz.console import ANOMALIES_FOUND, run
from anomaliz.core.errors import AnomalizError, DataError
from anomaliz.evaluation.backtest_cli import backtest
from anomaliz.evaluation.cli import app as evaluate_app
from anomaliz.pipelines.cli import app as pipelines_app
from anomaliz.tracking import cli as tracking
from anomaliz.training.cli import train

if TYPE_CHECKING:
    from anomaliz.agent.trace import Step
    from anomaliz.api.detection import Detection
    from anomaliz.api.opinions import Opinions
    from anomaliz.bundle.bundle import Bundle
    from anomaliz.config.settings import Settings

app = typer.Typer(
    name="anomaliz",
    help="Finds anomalies in metrics and says why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
bundle_app = typer.Typer(help="Look at bundles, and name those to serve.", no_args_is_help=True)
config_app = typer.Typer(help="Look at settings.", no_args_is_help=True)
app.add_typer(bundle_app, name="bundle")
app.add_typer(config_app, name="config")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(tracking.app, name="tracking")
app.add_typer(agent_app, name="agent")
app.add_typer(pipelines_app, name="pipelines")
app.command()(train)
app.command()(backtest)
bundle_app.command("list")(tracking.list_bundles)
bundle_app.command("promote")(tracking.promote)
bundle_app.command("rollback")(tracking.rollback)

STANDARD = "-"
"""Stands for standard input or output where a file is expected."""

ConfigOption = Annotated[Path | None, typer.Option(help="YAML file of settings.")]
BundleOption = Annotated[
    str | None, typer.Option(help="Folder of the bundle, models:/… or runs:/…. Default: artifact_dir.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FailOption = Annotated[bool, typer.Option("--fail-on-anomaly", help="Exit with 3 when anomalies were found.")]
BundleArgument = Annotated[str, typer.Argument(help="Folder of a bundle, models:/… or runs:/….")]


@app.command()
def serve(
    bundle: BundleOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    config: ConfigOption = None,
) -> None:
    """Serve a bundle over HTTP."""
    from anomaliz.api.serve import serve as serve_forever

    options = {"artifact_dir": bundle, "api.host": host, "api.port": port}
    serve_forever(_settings(config, options))


@app.command("run")
def run_pipelines(
    files: Annotated[list[Path], typer.Argument(help="YAML files of pipelines, or folders of them.")],
    api: Annotated[
        bool, typer.Option("--api/--no-api", help="Serve the API and /metrics beside the jobs.")
    ] = True,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    config: ConfigOption = None,
) -> None:
    """Run pipelines on their schedules, and the service beside them."""
    from anomaliz.api.run import run as run_forever

    run_forever(files, _settings(config, {"api.host": host, "api.port": port}), api=api)


@app.command()
def analyze(
    window: Annotated[Path, typer.Argument(help="JSON file: one array per feature; - for stdin.")],
    bundle: BundleOption = None,
    as_json: JsonOption = False,
    fail_on_anomaly: FailOption = False,
) -> None:
    """Judge the newest point of a window, as POST /analyze does."""
    from anomaliz.api.offline import analyze_window

    answer = analyze_window(_bundle(bundle), _read(window))
    typer.echo(_json(answer) if as_json else _sentence(answer))
    _exit_on(bool(answer["anomaly"]), fail_on_anomaly)


@app.command()
def detect(
    series: Annotated[Path, typer.Argument(help="CSV or Parquet with a timestamp column; - for stdin.")],
    bundle: BundleOption = None,
    out: Annotated[Path | None, typer.Option(help="CSV file for the scores; - for stdout.")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file for a plot.")] = None,
    llm: Annotated[bool, typer.Option("--llm", help="Ask the agent's LLM for a second opinion.")] = False,
    llm_model: Annotated[
        list[str] | None, typer.Option(help="Model to ask; of several one is drawn at random.")
    ] = None,
    llm_seed: Annotated[int | None, typer.Option(help="Seed of that draw.")] = None,
    llm_image: Annotated[bool, typer.Option("--llm-image", help="Show the model a plot too.")] = False,
    detect_prompt: Annotated[Path | None, typer.Option(help="Your prompt for finding anomalies.")] = None,
    verify_prompt: Annotated[Path | None, typer.Option(help="Your prompt for checking them.")] = None,
    as_json: JsonOption = False,
    fail_on_anomaly: FailOption = False,
) -> None:
    """Score a whole series and list its events; with --llm, beside what an LLM finds."""
    from anomaliz.api.offline import detect_series, two_opinions

    if as_json and str(out) == STANDARD:
        raise typer.BadParameter("prints CSV, and --json prints JSON: choose one", param_hint="--out -")
    _require_file(plot)
    options = {
        "agent.opinion.models": llm_model or None,
        "agent.opinion.image": llm_image or None,
        "agent.opinion.detect_prompt": detect_prompt,
        "agent.opinion.verify_prompt": verify_prompt,
    }
    told: Detection | Opinions
    if llm:
        told = two_opinions(_bundle(bundle), _source(series), _settings(options=options).agent, llm_seed)
        detection = told.detection
    else:
        if llm_seed is not None or any(options.values()):
            raise typer.BadParameter("is needed by the other options of the LLM", param_hint="--llm")
        told = detection = detect_series(_bundle(bundle), _source(series))
    if plot:
        from anomaliz.visualization.series import scored_series
        from anomaliz.visualization.style import save

        save(scored_series(detection.verdicts, detection.events, series.name), plot)
    if out:
        _write(out, told.to_csv())
    if as_json:
        typer.echo(_json(told.answer()))
    elif str(out) != STANDARD:
        typer.echo(told.summary())
    _exit_on(bool(detection.events), fail_on_anomaly)


@app.command()
def explain(
    event: Annotated[
        Path, typer.Argument(help="JSON: an answer of analyze, or an event of detect; - for stdin.")
    ],
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print nodes, durations, prompts and replies on stderr.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Explain a verdict or an event, as POST /explain does."""
    from anomaliz.agent.explanation import FAILED
    from anomaliz.agent.narration import narrated, shown
    from anomaliz.api.offline import explain_incident

    def show(step: "Step") -> None:
        if verbose:
            typer.echo(shown(step), err=True)

    answer = explain_incident(_settings(config), _read(event), show)
    typer.echo(_json(answer) if as_json else narrated(answer))
    explanation = answer["explanation"]
    if explanation["status"] in FAILED:
        raise AnomalizError(explanation["reason"])


@app.command()
def compare(
    one: Annotated[str, typer.Argument(metavar="A", help="Folder of a bundle, models:/… or runs:/….")],
    other: Annotated[str, typer.Argument(metavar="B", help="The bundle to compare with it.")],
    data: Annotated[Path, typer.Option(help="CSV or Parquet with a timestamp column; - for stdin.")],
    plot: Annotated[Path | None, typer.Option(help="PNG file for a plot.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a series by two bundles and say where they differ."""
    from anomaliz.api.offline import compare_bundles

    _require_file(plot)
    pair = compare_bundles(_bundle(one), _bundle(other), _source(data))
    if plot:
        from anomaliz.visualization.bundle_pair import two_scores
        from anomaliz.visualization.style import save

        save(two_scores(**pair.drawn()), plot)
    typer.echo(_json(pair.answer()) if as_json else pair.summary())


@bundle_app.command("show")
def show_bundle(path: BundleArgument, as_json: JsonOption = False) -> None:
    """Print what a bundle is: features, window, detectors, threshold, data, test metrics."""
    from anomaliz.bundle.description import describe, facts

    bundle = _bundle(path)
    typer.echo(json.dumps(facts(bundle), indent=2) if as_json else describe(bundle))


@bundle_app.command("verify")
def verify_bundle(path: BundleArgument) -> None:
    """Check every file against its hash, and score the canary window."""
    from anomaliz.bundle.bundle import Bundle
    from anomaliz.bundle.manifest import verify

    folder = _folder(path)
    manifest = verify(folder)
    Bundle.load(folder).score_canary()
    typer.echo(f"{path} is whole: {len(manifest.files)} files match, version {manifest.version}")


@bundle_app.command("diff")
def diff_bundles(one: BundleArgument, other: BundleArgument, as_json: JsonOption = False) -> None:
    """Print what differs between two bundles."""
    from anomaliz.bundle.description import differences

    found = differences(_bundle(one), _bundle(other))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for name, (left, right) in found.items():
        typer.echo(f"{name}: {left} -> {right}")
    if not found:
        typer.echo("no difference")


@config_app.command("show")
def show_config(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the effective settings and where each came from."""
    from anomaliz.config import effective
    from anomaliz.config.show import render

    settings = effective(config)
    if as_json:
        typer.echo(json.dumps({s.key: {"value": s.value, "origin": s.origin} for s in settings}, indent=2))
    else:
        typer.echo(render(settings))


@app.command()
def version() -> None:
    """Print the version."""
    from anomaliz import __version__

    typer.echo(__version__)


def main() -> None:
    """Run the command line."""
    run(app)


def _settings(config: Path | None = None, options: dict[str, Any] | None = None) -> "Settings":
    from anomaliz.config import load_settings

    return load_settings(config, overrides=options)


def _bundle(place: str | None) -> "Bundle":
    from anomaliz.bundle.bundle import Bundle

    return Bundle.load(_folder(place))


def _folder(named: str | None) -> Path:
    """Return the folder of the bundle that is named, of `artifact_dir` where none is."""
    from anomaliz.core.place import place_of

    place = _settings().artifact_dir if named is None else place_of(named)
    if isinstance(place, Path):
        return place
    from anomaliz.tracking.locate import locate

    return locate(place, _settings().tracking, lambda message: typer.echo(f"warning: {message}", err=True))


def _source(path: Path) -> Path | BinaryIO:
    return sys.stdin.buffer if str(path) == STANDARD else path


def _require_file(plot: Path | None) -> None:
    if str(plot) == STANDARD:
        raise typer.BadParameter("a picture needs a file", param_hint="--plot -")


def _read(path: Path) -> bytes:
    if str(path) == STANDARD:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): give a file, or - for stdin") from None


def _write(path: Path, text: str) -> None:
    if str(path) == STANDARD:
        typer.echo(text, nl=False)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise AnomalizError(f"{path} cannot be written ({error.strerror}): choose another place") from None


def _json(answer: dict[str, Any]) -> str:
    """Return an answer as the service sends it: a reading that is NaN is null."""
    from pydantic_core import to_json

    return to_json(answer, indent=2, inf_nan_mode="null").decode()


def _sentence(answer: dict[str, Any]) -> str:
    if answer["anomaly"] is None:
        return f"not scored: {answer['status']}"
    shares = sorted(answer["contributions"].items(), key=lambda item: -item[1]["contribution"])
    feature, why = shares[0]
    verdict = "anomaly" if answer["anomaly"] else "normal"
    return (
        f"{verdict}: score {answer['score']:.3f}, threshold {answer['threshold']:.3f}; "
        f"most in {feature} ({why['observed']:g}, expected {_number(why['expected'])}), "
        f"by {answer['model_used']}"
    ) + (f"\n{answer['summary']}" if answer["anomaly"] else "")


def _number(value: float | None) -> str:
    return "unknown" if value is None or value != value else f"{value:.4g}"


def _exit_on(anomalies: bool, fail: bool) -> None:
    if anomalies and fail:
        raise typer.Exit(ANOMALIES_FOUND)


if __name__ == "__main__":
    main()
