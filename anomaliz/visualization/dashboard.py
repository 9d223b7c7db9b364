"""The PNG dashboard of a bundle: `python -m anomaliz.visualization.dashboard --bundle B --out reports`."""

from pathlib import Path
from typing import Annotated

import typer

from anomaliz.bundle.bundle import Bundle
from anomaliz.console import run
from anomaliz.visualization.comparison import comparison_summary, metrics_comparison, seed_stability
from anomaliz.visualization.curves import roc_curves
from anomaliz.visualization.style import save

FIGURES = {
    "roc_curves.png": roc_curves,
    "metrics_comparison.png": metrics_comparison,
    "seed_stability.png": seed_stability,
    "comparison_summary.png": comparison_summary,
}


def write_dashboard(bundle: Bundle, out: Path) -> list[Path]:
    """Draw every figure of `bundle`'s training metrics into the folder `out`; return the files."""
    return [save(draw(bundle.metrics), out / name) for name, draw in FIGURES.items()]


def dashboard(
    bundle: Annotated[Path, typer.Option(help="Directory of the bundle.")] = Path("artifacts/dev"),
    out: Annotated[Path, typer.Option(help="Folder for the figures.")] = Path("reports"),
) -> None:
    """Draw a bundle's training metrics as PNG figures."""
    for path in write_dashboard(Bundle.load(bundle), out):
        typer.echo(path)


def main() -> None:
    """Run the command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(dashboard)
    run(app)


if __name__ == "__main__":
    main()
