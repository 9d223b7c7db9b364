"""An opinion: what an LLM found in a series, and how it came to that."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from anomaliz.agent.opinion.finding import Finding


@dataclass(frozen=True)
class Opinion:
    """What one model said of one series."""

    model: str
    findings: tuple[Finding, ...]
    """What it stood by when asked again, in time order."""
    n_detected: int
    """What it had found before."""
    dropped: Mapping[str, int]
    """Anomalies it named that could not be used: `unknown_timestamps`, `invalid`, `not_detected`."""
    prompt_versions: Mapping[str, str]
    """Of the steps that were taken."""
    n_before: int
    """Rows of the series that it was not shown."""
    n_shown: int
    first_shown: str
    """Stamp of the first row it was shown."""
    image: bool
    """Whether it was shown a plot too."""
    tokens: int
    cost: float | None
    """None where the settings have no price for the model."""
    latency_ms: float

    @property
    def n_calls(self) -> int:
        return len(self.prompt_versions)

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed; a finding's `row` counts from the first row that was shown."""
        answer = asdict(self)
        return answer | {"calls": self.n_calls, "findings": [asdict(finding) for finding in self.findings]}
