"""Scores of a pipeline over time, and how many alerts each day would have had."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from anomaliz.core.types import Floats, Stamps
from anomaliz.visualization.style import ANOMALY, clean, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def alerts_by_day(
    name: str, times: Stamps, anomaly_score: Floats, days: Sequence[str], alerts: Sequence[int]
) -> "Figure":
    """Draw the highest anomaly score at each of `times (n,)` above the alerts of each day."""
    figure = new_figure(13, 6)
    score, bars = figure.subplots(2, 1, sharex=True)
    score.plot(times, anomaly_score, color="#0072B2", linewidth=0.8)
    score.axhline(1, color=ANOMALY, linestyle="--", label="anomalous from here on")
    score.set(ylabel="highest anomaly score", ylim=(0, None))
    score.legend(loc="upper right", fontsize=8)
    middle = np.array(days, "datetime64[h]") + np.timedelta64(12, "h")
    bars.bar(middle, alerts, width=0.9, color=ANOMALY)
    bars.set(ylabel="alerts a day")
    bars.yaxis.get_major_locator().set_params(integer=True)
    for axes in (score, bars):
        clean(axes)
    total = sum(alerts)
    score.set_title(f"{name}: {total} alert{'s' if total != 1 else ''}", parse_math=False)
    return figure
