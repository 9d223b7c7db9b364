"""What a model expects of rows that are still to come."""

from typing import Protocol

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Floats
from anomaliz.preprocessing.gaps import forward_fill


class Predictor(Protocol):
    """What is needed of a model: its expected values come from the rows before, never from the row itself."""

    @property
    def reach(self) -> int: ...

    def score(self, panel: Panel, newest: int, memory: bytes | None) -> tuple[PanelVerdicts, bytes]: ...


def expected_ahead(model: Predictor, panel: Panel, memory: bytes | None, steps: int) -> Floats:
    """Return the values expected of the `steps` rows after `panel`, `(steps, k, f)`, NaN where nothing is.

    `memory` is the model's after the last row. Each row is expected from those before it, the expected ones
    among them. Raises DataError for a panel of fewer than two rows, which has no step.
    """
    if len(panel) < 2:
        raise DataError(
            f"expected values ahead need two rows or more, got {len(panel)}: read a longer window"
        )
    panel = panel.rows(slice(-max(model.reach, 2), None))
    ahead = np.empty((steps, *panel.values.shape[1:]))
    for i in range(steps):
        # A missing row would have no verdict. The last known one stands in: nothing is expected of itself.
        verdicts, _ = model.score(_with_row(panel, _last_known(panel)), 1, memory)
        order = [verdicts.features.index(feature) for feature in panel.features]
        ahead[i] = verdicts.expected[0][:, order]
        panel = _with_row(panel, ahead[i]).rows(slice(1, None))
    return ahead


def _with_row(panel: Panel, row: Floats) -> Panel:
    """Return `panel` and one more row `(k, f)`."""
    times = np.append(panel.times, panel.times[-1] + (panel.times[-1] - panel.times[-2]))
    return Panel(times, np.concatenate([panel.values, row[np.newaxis]]), panel.labels, panel.features)


def _last_known(panel: Panel) -> Floats:
    """Return each feature's last value, `(k, f)`."""
    flat = panel.values.reshape(len(panel), -1)
    last: Floats = forward_fill(flat, len(flat))[-1]
    return last.reshape(panel.values.shape[1:])
