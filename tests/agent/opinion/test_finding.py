import numpy as np
import pytest

from anomaliz.agent.opinion.excerpt import Excerpt
from anomaliz.agent.opinion.finding import Joined, Named, NamedAnomalies, join
from anomaliz.data.dataset import Dataset

STEP = np.timedelta64(5, "m")
TIMES = np.datetime64("2024-01-01T00:00", "ns") + np.arange(6) * STEP
EXCERPT = Excerpt.of(Dataset(np.array([[1.0, 2.0, 3.0, 40.0, 5.0, 6.0]]).T, TIMES, ("value",)), 1000)


def named(stamp: str | float = "2024-01-01T00:15:00Z", **parts: object) -> Named:
    fields = {"value": 40, "kind": "spike", "confidence": 0.9, "rationale": "Far above the rest."} | parts
    return Named.model_validate({"timestamp": stamp} | fields)


def joined(*anomalies: Named) -> Joined:
    return join(anomalies, EXCERPT)


def test_a_finding_has_the_rows_own_stamp() -> None:
    (finding,) = joined(named(1704068100)).findings
    assert (finding.row, finding.timestamp) == (3, "2024-01-01T00:15:00Z")
    assert finding.value_matches is True


def test_findings_are_in_time_order_and_one_a_row() -> None:
    twice = [named(confidence=0.2), named("2024-01-01 00:15", confidence=0.7), named(confidence=0.5)]
    found = joined(*twice, named("2024-01-01T00:05:00Z", value=2)).findings
    assert [(finding.row, finding.confidence) for finding in found] == [(1, 0.9), (3, 0.7)]


def test_what_cannot_be_joined_is_dropped_and_counted() -> None:
    result = joined(named("2030-01-01"), named("soon"), named(confidence=95), named(confidence=float("nan")))
    assert result == Joined((), unknown_timestamps=2, invalid=2)


def test_what_cannot_be_read_costs_nothing_else() -> None:
    good = named().model_dump()
    bad = [None, "spike", {}, good | {"confidence": "high"}, good | {"timestamp": None}]
    form = NamedAnomalies.model_validate({"anomalies": [*bad, good]})
    result = join(form.anomalies, EXCERPT)
    assert (len(result.findings), result.invalid) == (1, 5)


def test_the_form_that_is_sent_has_no_way_out() -> None:
    schema = NamedAnomalies.model_json_schema()
    assert schema["properties"]["anomalies"]["items"] == {"$ref": "#/$defs/Named"}
    assert set(schema["$defs"]["Named"]["required"]) == set(named().model_dump())


@pytest.mark.parametrize(
    ("value", "matches"), [(40, True), (40.2, False), (None, None), (float("nan"), None)]
)
def test_an_invented_value_is_told(value: float | None, matches: bool | None) -> None:
    (finding,) = joined(named(value=value)).findings
    assert finding.value_matches is matches


@pytest.mark.parametrize(
    ("written", "kind"), [("Level Shift", "level_shift"), ("flat-line", "flat_line"), ("glitch", "other")]
)
def test_a_kind_is_one_of_ours(written: str, kind: str) -> None:
    (finding,) = joined(named(kind=written)).findings
    assert finding.kind == kind


def test_a_rationale_cannot_command_the_terminal() -> None:
    (finding,) = joined(named(rationale="\x1b[2Jred\x07\n\nalert " + "!" * 999)).findings
    assert finding.rationale.startswith("[2Jred alert !")
    assert len(finding.rationale) == 300
    assert finding.rationale.isprintable()
