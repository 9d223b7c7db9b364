from itertools import pairwise

import numpy as np
import pytest

from anomaliz.core.types import Floats
from anomaliz.data.behaviour import CPU, LATENCY, MEMORY, NOISE, daily_shape, realistic_behaviour
from anomaliz.data.injections import BASIC_KINDS, REALISTIC_KINDS, Injection, inject, labels_of

ROWS = slice(100, 140)


@pytest.fixture
def normal() -> Floats:
    return realistic_behaviour(288, np.random.default_rng(7))


def disturbed(kind: str, normal: Floats, seed: int = 7) -> Floats:
    values = normal.copy()
    REALISTIC_KINDS[kind].disturb(values, ROWS, np.random.default_rng(seed))
    outside = np.delete(values - normal, np.r_[ROWS], axis=0)
    assert not outside.any()
    return values[ROWS]


def changed_feature(values: Floats, normal: Floats) -> int:
    (feature,) = np.flatnonzero((values != normal[ROWS]).any(axis=0))
    return int(feature)


def test_a_cpu_spike_is_high_at_once(normal: Floats) -> None:
    values = disturbed("cpu_spike", normal)
    assert changed_feature(values, normal) == CPU
    assert ((values[:, CPU] >= 0.90) & (values[:, CPU] <= 0.95)).all()


@pytest.mark.parametrize(
    ("kind", "feature", "low", "high"),
    [("memory_leak", MEMORY, 0.85, 0.95), ("latency_drift", LATENCY, 80, 150)],
)
def test_a_ramp_climbs_in_a_line_from_where_it_is(
    normal: Floats, kind: str, feature: int, low: float, high: float
) -> None:
    values = disturbed(kind, normal)
    assert changed_feature(values, normal) == feature
    ramp = values[:, feature]
    assert ramp[0] == normal[ROWS.start, feature]
    assert low <= ramp[-1] <= high
    assert np.diff(ramp) == pytest.approx(np.full(39, (ramp[-1] - ramp[0]) / 39))


def test_a_crash_takes_all_three_near_zero(normal: Floats) -> None:
    values = disturbed("system_crash", normal)
    assert ((values >= 0) & (values <= [0.05, 0.05, 1.0])).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_level_shift_moves_one_feature_and_keeps_its_noise(normal: Floats, seed: int) -> None:
    values = disturbed("level_shift", normal, seed)
    feature = changed_feature(values, normal)
    shift = values[:, feature] - normal[ROWS, feature]
    assert shift == pytest.approx(np.full(40, shift[0]))
    assert 6 <= abs(shift[0]) / NOISE[feature] <= 10


@pytest.mark.parametrize("seed", range(5))
def test_a_flat_line_sticks_where_it_is(normal: Floats, seed: int) -> None:
    values = disturbed("flat_line", normal, seed)
    feature = changed_feature(values, normal)
    assert (values[:, feature] == normal[ROWS.start, feature]).all()


@pytest.mark.parametrize("seed", range(5))
def test_a_noise_burst_is_several_times_as_noisy(normal: Floats, seed: int) -> None:
    values = disturbed("noise_burst", normal, seed)
    feature = changed_feature(values, normal)
    added = values[:, feature] - normal[ROWS, feature]
    assert 3.5 < added.std() / NOISE[feature] < 6.5


def test_a_missing_season_leaves_level_and_noise(normal: Floats) -> None:
    without_day = normal - daily_shape(np.arange(288))
    assert disturbed("missing_season", normal) == pytest.approx(without_day[ROWS])


@pytest.mark.parametrize("kinds", [BASIC_KINDS, REALISTIC_KINDS])
def test_injections_are_apart_in_order_and_of_their_kind_and_length(kinds: dict) -> None:
    values = np.full((40_000, 3), [0.3, 0.5, 15.0])
    disturbed_values, injections = inject(values, kinds, np.random.default_rng(7))
    assert {injection.kind for injection in injections} == set(kinds)
    for earlier, later in pairwise(injections):
        assert earlier.end <= later.start
    for name, start, end in injections[:-1]:
        assert kinds[name].shortest <= end - start <= kinds[name].longest
    labels = labels_of(injections, len(values))
    assert (disturbed_values[~labels] == values[~labels]).all()
    assert (values == [0.3, 0.5, 15.0]).all()


def test_kinds_lengths_and_starts_are_drawn_as_documented() -> None:
    n = 200_000
    _, injections = inject(np.zeros((n, 3)), BASIC_KINDS, np.random.default_rng(7))
    free_rows = n - sum(injection.end - injection.start for injection in injections)
    assert len(injections) / free_rows == pytest.approx(0.005, rel=0.1)
    for name, kind in BASIC_KINDS.items():
        lengths = [end - start for found, start, end in injections[:-1] if found == name]
        assert len(lengths) == pytest.approx(len(injections) / 4, rel=0.2)
        assert (min(lengths), max(lengths)) == (kind.shortest, kind.longest)


def test_an_anomaly_at_the_end_is_cut_there() -> None:
    for seed in range(200):
        values, injections = inject(
            np.full((60, 3), 0.4), {"leak": BASIC_KINDS["memory_leak"]}, np.random.default_rng(seed)
        )
        assert values.shape == (60, 3)
        if injections and injections[-1].end - injections[-1].start < 20:
            assert injections[-1].end == 60
            assert 0.4 <= values[-1, MEMORY] < 0.95
            return
    pytest.fail("no seed cut an anomaly")


def test_labels_are_the_rows_of_injections() -> None:
    labels = labels_of([Injection("a", 1, 3), Injection("b", 4, 5)], 6)
    assert labels.tolist() == [False, True, True, False, True, False]
