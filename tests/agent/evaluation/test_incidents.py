from collections import Counter

import numpy as np
import pytest

from anomaliz.agent.evaluation.incidents import CAUSES, N_ROWS, KnownIncident, make_incidents, size_of
from anomaliz.agent.incident import Reading
from anomaliz.data.behaviour import FEATURES, NOISE

INCIDENTS = make_incidents()


def parts(known: KnownIncident) -> list[tuple[Reading, float]]:
    """Each feature's reading and noise."""
    noise = dict(zip(FEATURES, NOISE.tolist(), strict=True))
    return [(reading, noise[reading.feature]) for reading in known.incident.readings]


def test_every_cause_comes_in_every_severity() -> None:
    cases = Counter((known.cause, known.severity) for known in INCIDENTS)
    assert len(INCIDENTS) == 42
    assert set(cases.values()) == {2}
    assert len({known.name for known in INCIDENTS}) == 42
    assert {known.kind for known in INCIDENTS} == {
        "spike",
        "drop",
        "level_shift",
        "drift",
        "flat_line",
        "variance_change",
    }


def test_a_seed_gives_the_same_incidents() -> None:
    again, other = make_incidents(), make_incidents(seed=1)
    for one, two, three in zip(INCIDENTS, again, other, strict=True):
        recent = [known.incident.readings[0].recent for known in (one, two, three)]
        assert np.array_equal(recent[0], recent[1])
        assert not np.array_equal(recent[0], recent[2])


@pytest.mark.parametrize("known", INCIDENTS, ids=lambda known: known.name)
def test_an_incident_is_what_it_is_said_to_be(known: KnownIncident) -> None:
    incident = known.incident
    assert incident.severity == known.severity
    assert incident.score > incident.threshold
    assert sum(reading.contribution for reading in incident.readings) == pytest.approx(1)
    assert incident.readings[0].feature in known.injected
    for reading, _ in parts(known):
        assert reading.recent.shape == (N_ROWS,)
        assert reading.recent[-1] == reading.observed
        assert reading.lower < reading.expected < reading.upper


@pytest.mark.parametrize(
    "known",
    [known for known in INCIDENTS if known.kind in ("spike", "drop", "drift", "level_shift")],
    ids=lambda known: known.name,
)
def test_the_newest_row_is_as_far_off_as_its_surprise_says(known: KnownIncident) -> None:
    size = size_of(10 * known.incident.score)
    for reading, noise in parts(known):
        away = (reading.observed - reading.expected) / noise
        if reading.feature in known.injected:
            assert abs(away) == pytest.approx(size, abs=0.01)
            assert known.kind not in ("drop", "spike") or (away > 0) == (known.kind == "spike")


def test_a_flat_line_is_flat_and_a_burst_is_wide() -> None:
    for known in INCIDENTS:
        recent = known.incident.readings[0].recent
        if known.kind == "flat_line":
            assert np.ptp(recent[-20:]) == 0
        if known.kind == "variance_change":
            assert np.diff(recent[-10:]).std() > 2 * np.diff(recent[:80]).std()


@pytest.mark.parametrize(("surprise", "size"), [(3, 3.59), (4, 4.15), (6, 5.10), (9, 6.28)])
def test_a_size_is_the_quantile_of_its_surprise(surprise: float, size: float) -> None:
    assert size_of(surprise) == pytest.approx(size, abs=0.01)


def test_causes_are_injections_of_the_synthetic_series() -> None:
    assert {known.cause for known in INCIDENTS} == set(CAUSES)
