"""A series as it is shown to a model that reads images: nothing but its values."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anomaliz.core.types import Floats, Stamps
from anomaliz.visualization.style import clean, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FEATURES = 12
"""More panels than this cannot be read; the first are shown."""


def excerpt_figure(values: Floats, times: Stamps, names: Sequence[str]) -> "Figure":
    """Draw `values (n, n_features)`, a panel for each feature."""
    shown = values.T[:MOST_FEATURES]
    figure = new_figure(12, 1.2 + 1.6 * len(shown))
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    for axes, feature, name in zip(panels, shown, names, strict=False):
        axes.plot(times, feature, color="black", linewidth=0.8, marker=".", markersize=2)
        axes.set_ylabel(shortened(name), parse_math=False)
        axes.margins(x=0.01)
        clean(axes)
    panels[-1].set_xlabel("UTC")
    return figure
