"""A scored series: its features, its score, its events."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from anomaliz.core.verdict import Event, Verdicts
from anomaliz.visualization.style import ANOMALY, clean, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FEATURES = 6
"""More panels than this cannot be read; the features that contributed most are shown."""


def scored_series(verdicts: Verdicts, events: Sequence[Event], name: str) -> "Figure":
    """Draw the series' features above its score, with events shaded."""
    shown = _features_to_show(verdicts, events)
    figure = new_figure(13, 2.2 + 1.5 * len(shown))
    panels = figure.subplots(len(shown) + 1, 1, sharex=True)
    where = np.arange(len(verdicts)) if verdicts.times is None else verdicts.times
    for axes, feature in zip(panels[:-1], shown, strict=True):
        _feature(axes, verdicts, where, feature)
    panels[0].legend(loc="upper right", ncols=2, fontsize=8)
    _score(panels[-1], verdicts, where)
    for axes in panels:
        for event in events:
            axes.axvspan(where[event.start], where[event.end - 1], color=ANOMALY, alpha=0.22, linewidth=1.5)
        clean(axes)
    panels[0].set_title(_heading(verdicts, events, name, len(shown)), parse_math=False)
    return figure


def _heading(verdicts: Verdicts, events: Sequence[Event], name: str, shown: int) -> str:
    heading = f"{name}: {len(events)} event{'s' if len(events) != 1 else ''}"
    if shown == len(verdicts.features):
        return heading
    return f"{heading}, {shown} of {len(verdicts.features)} features"


def _features_to_show(verdicts: Verdicts, events: Sequence[Event]) -> list[int]:
    if len(verdicts.features) <= MOST_FEATURES or not events:
        return list(range(min(MOST_FEATURES, len(verdicts.features))))
    total = np.sum([event.contributions for event in events], axis=0)
    return sorted(np.argsort(total)[::-1][:MOST_FEATURES].tolist())


def _feature(axes: Any, verdicts: Verdicts, where: Any, feature: int) -> None:
    axes.fill_between(
        where,
        verdicts.expected_lower[:, feature],
        verdicts.expected_upper[:, feature],
        color="#0072B2",
        alpha=0.2,
        linewidth=0,
        label="expected",
    )
    axes.plot(where, verdicts.observed[:, feature], color="black", linewidth=0.8, label="observed")
    axes.set_ylabel(shortened(verdicts.features[feature]), parse_math=False)
    axes.margins(x=0.01)


def _score(axes: Any, verdicts: Verdicts, where: Any) -> None:
    axes.plot(where, verdicts.score, color="#0072B2", linewidth=0.8)
    axes.axhline(
        verdicts.threshold, color=ANOMALY, linestyle="--", label=f"threshold {verdicts.threshold:.2f}"
    )
    axes.set(ylabel="score", ylim=(-0.02, 1.05))
    axes.legend(loc="upper right", fontsize=8)
