"""What is done with every series of a run."""

from dataclasses import dataclass, field

from anomaliz.config.settings import Settings
from anomaliz.evaluation.outputs import Outputs
from anomaliz.evaluation.protocols import Protocol


@dataclass(frozen=True)
class Plan:
    """How every series of a run is scored and measured, and what is left of it."""

    protocol: Protocol
    settings: Settings
    outputs: Outputs = field(default_factory=Outputs)
    with_window: bool = True
    """Whether the window detectors are scored beside the series profile."""
