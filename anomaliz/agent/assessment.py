"""The form that the LLM fills in."""

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from anomaliz.core.verdict import Severity

Kind: TypeAlias = Literal["spike", "drop", "level_shift", "drift", "flat_line", "variance_change", "other"]

LONGEST = 1200
"""Characters of a text; two sentences have far fewer."""


def _readable(text: str) -> str:
    # What an LLM writes ends on a terminal, too.
    text = "".join(character if character.isprintable() else " " for character in text).strip()
    if not 0 < len(text) <= LONGEST:
        raise ValueError(f"Text should have 1 to {LONGEST} characters")
    return text


def _probability(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError("Input should be from 0 to 1")
    return value


# Limits are checked here and not in the schema that is sent: not every server can hold a model to them.
Text = Annotated[str, AfterValidator(_readable)]


class Assessment(BaseModel):
    """What an anomaly means and what to do about it."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = Field(description="What the metric did.")
    analysis: Text = Field(description="Two sentences: what happened, and the probable cause.")
    severity: Severity = Field(description="How much it matters.")
    recommendation: Text = Field(description="One or two concrete actions.")
    confidence: Annotated[float, AfterValidator(_probability)] = Field(
        description="From 0, a guess, to 1, certain."
    )
    evidence: list[str] = Field(description="Ids of the facts that this relies on, f1 for one.")
    conclusive: bool = Field(description="False where the facts do not decide what happened.")
