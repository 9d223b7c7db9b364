"""What every model of a pipeline can do."""

from typing import Protocol

from anomaliz.core.panel import Panel, PanelVerdicts


class Model(Protocol):
    """Judges the points of a panel, each from the rows up to it."""

    @property
    def reach(self) -> int:
        """Rows before a row that its verdict can depend on, the memory aside."""

    def score(self, panel: Panel, newest: int, memory: bytes | None) -> tuple[PanelVerdicts, bytes]:
        """Return the verdicts of the newest stamps, so many, and the memory after them.

        `memory` is what an earlier call gave for the stamp before them; None begins anew. However the stamps
        are divided among calls, verdicts are the same to the last bit.
        """
