"""The figure of members alone beside all of them together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anomaliz.visualization.style import ANOMALY, clean, new_figure, save, title
from benchmarks.choices import ALONE

BLUE = "#0072B2"


def plot_members(panels: Mapping[tuple[str, str], Mapping[str, Any]], path: Path) -> Path:
    """Draw a panel of bars with intervals for each data set and measure into the PNG file `path`.

    `panels` has the rows of an ablation's table by data set and measure.
    """
    figure = new_figure(12, 4.2)
    for axes, ((data, measure), rows) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        _bars(axes, {name: row[measure] for name, row in rows.items()})
        axes.set(title=data, xlabel=measure)
    return save(figure, path)


def _bars(axes: Any, found: Mapping[str, Mapping[str, Any]]) -> None:
    ordered = sorted(found.items(), key=lambda item: item[1]["value"])
    values = [number["value"] for _, number in ordered]
    reach = [[abs(number["interval"][i] - number["value"]) for _, number in ordered] for i in (0, 1)]
    names = [name if name.endswith(ALONE) else "all together" for name, _ in ordered]
    colours = [BLUE if name.endswith(ALONE) else ANOMALY for name in names]
    axes.barh([title(name.removesuffix(ALONE)) for name in names], values, xerr=reach, color=colours)
    clean(axes)
