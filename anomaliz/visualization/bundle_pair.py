"""Two bundles' scores of one series, and where their verdicts differ."""

from typing import TYPE_CHECKING, Any

import numpy as np

from anomaliz.core.types import Flags, Floats, Stamps
from anomaliz.metrics.events import runs
from anomaliz.visualization.style import ANOMALY, OTHER, clean, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE = "#0072B2"


def two_scores(
    names: tuple[str, str],
    scores: tuple[Floats, Floats],
    thresholds: tuple[float, float],
    differing: Flags,
    times: Stamps | None,
    labels: Flags | None,
    title: str,
) -> "Figure":
    """Draw the scores `(n,)` of A and B and B - A below each other; labelled rows are shaded."""
    figure = new_figure(13, 7)
    panels = figure.subplots(3, 1, sharex=True)
    where = np.arange(len(differing)) if times is None else times
    for axes, name, score, threshold in zip(panels[:2], names, scores, thresholds, strict=True):
        _score(axes, where, score, threshold, name)
        axes.plot(where[differing], score[differing], ".", color=OTHER, markersize=5, label="verdicts differ")
        axes.legend(loc="upper right", ncols=3, fontsize=8)
    _difference(panels[2], where, scores[1] - scores[0], differing)
    for axes in panels:
        for start, end in [] if labels is None else runs(labels):
            axes.axvspan(where[start], where[end - 1], color=ANOMALY, alpha=0.18, linewidth=1.5)
        clean(axes)
    panels[0].set_title(title, parse_math=False)
    return figure


def _score(axes: Any, where: Any, score: Floats, threshold: float, name: str) -> None:
    axes.plot(where, score, color=BLUE, linewidth=0.8, label=name)
    axes.axhline(threshold, color=ANOMALY, linestyle="--", label=f"threshold {threshold:.2f}")
    axes.set(ylabel="score", ylim=(-0.02, 1.05))
    axes.margins(x=0.01)


def _difference(axes: Any, where: Any, difference: Floats, differing: Flags) -> None:
    axes.plot(where, difference, color="black", linewidth=0.8)
    axes.plot(where[differing], difference[differing], ".", color=OTHER, markersize=5)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_ylabel("score, B - A")
