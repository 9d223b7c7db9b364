"""From verdicts to decisions: what counts, what is held back, and what is an event."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaliz.core.errors import StoreError
from anomaliz.core.panel import Panel, PanelVerdicts
from anomaliz.core.types import Flags, Stamps
from anomaliz.core.verdict import Status
from anomaliz.pipelines.definition import Pipeline
from anomaliz.pipelines.policies.policies import HELD_BACK, Decisions, Policies

START, STEP = np.datetime64("2026-01-05T00:00", "ns"), np.timedelta64(60, "s")
THRESHOLD = 0.3
NORMAL, STRANGE = 1.0, 6.0
"""Surprise below and above the threshold: anomaly scores of a third, and of 2."""
BY_STAMP = (
    "times",
    "status",
    "surprise",
    "observed",
    "expected",
    "expected_lower",
    "expected_upper",
    "contributions",
)
BY_SERIES = BY_STAMP[1:]


def policies(**given: Any) -> Policies:
    pipeline = Pipeline.model_validate({"name": "cpu", "query": "cpu", "schedule": "* * * * *"} | given)
    return Policies.of(pipeline, pipeline.step_ns)


def verdicts(
    surprise: Any, observed: Any = 12.0, expected: Any = 10.0, contributions: Any = 1.0
) -> PanelVerdicts:
    """Return verdicts of `surprise (n, k)` or `(n,)`, NaN is no data; the rest is `(n, k, f)` or less."""
    surprises = np.asarray(surprise, dtype=np.float64)
    surprises = surprises.reshape(len(surprises), -1)
    n, k = surprises.shape
    f = max(np.asarray(one).shape[-1] if np.ndim(one) else 1 for one in (observed, expected, contributions))
    missing = np.isnan(surprises)
    full = [
        np.broadcast_to(np.asarray(one, dtype=np.float64), (n, k, f))
        for one in (observed, expected, contributions)
    ]
    seen, foreseen, shares = (np.where(missing[:, :, np.newaxis], np.nan, one) for one in full)
    return PanelVerdicts(
        times=START + np.arange(n) * STEP,
        labels=tuple({"instance": f"host {i}"} for i in range(k)),
        features=tuple("abcdef"[:f]),
        threshold=THRESHOLD,
        status=np.where(missing, Status.no_data, Status.ok).astype(np.int8),
        surprise=surprises,
        observed=seen,
        expected=foreseen,
        expected_lower=foreseen - 1,
        expected_upper=foreseen + 1,
        contributions=shares,
    )


def row(pattern: str) -> list[float]:
    """Return the surprise of each letter: `!` strange, `.` normal, a space no data."""
    return [{"!": STRANGE, ".": NORMAL, " ": np.nan}[letter] for letter in pattern]


def decided(pattern: str, **given: Any) -> tuple[str, str]:
    """Return which points are anomalies (`!`) or held back (`h`), and where events begin (`B`)."""
    decisions, _ = policies(**given).apply(verdicts(row(pattern)), None)
    score = decisions.anomaly_score[:, 0]
    kinds = np.select([np.isnan(score), score >= 1, score == HELD_BACK], [" ", "!", "h"], ".")
    return "".join(kinds), "".join(np.where(decisions.began[:, 0], "B", "."))


def test_scores_are_divided_by_the_threshold() -> None:
    decisions, _ = policies().apply(verdicts([0.0, 1.5, 3.0, 6.0, 20.0, np.nan]), None)
    np.testing.assert_allclose(decisions.anomaly_score[:, 0], [0, 0.5, 1, 2, 1 / 0.3, np.nan])
    assert decisions.anomaly[:, 0].tolist() == [False, False, True, True, True, False]


def test_what_is_just_below_the_threshold_is_not_rounded_to_it() -> None:
    below = np.nextafter(3.0, 0)
    decisions, _ = policies().apply(verdicts([below]), None)
    assert float(f"{decisions.anomaly_score[0, 0]:.9g}") < 1
    assert not decisions.anomaly.any()


def test_missing_points_neither_begin_nor_end_an_event() -> None:
    assert decided("!! !.!") == ("!! !.!", "B....B")


def test_points_in_a_row() -> None:
    assert decided("!.!!.!!!!.!", consecutive=3) == ("h.hh.hh!!.h", ".......B...")
    assert decided("! ! !!", consecutive=3) == ("h h !!", "....B.")


def test_after_an_event_it_is_quiet_for_a_while() -> None:
    assert decided("!!.!!!!!", cooldown="3m") == ("!!.hh!!!", "B....B..")
    assert decided("!.!.!!!", cooldown="3m") == ("!.h.!!!", "B...B..")


def test_cooldown_and_points_in_a_row_together() -> None:
    assert decided("!!.!!!!!", consecutive=2, cooldown="2m") == ("h!.h!!!!", ".B..B...")


def test_a_new_series_is_no_anomaly_until_it_has_warmed_up() -> None:
    assert decided("!!!!", warm_up="2m") == ("hh!!", "..B.")
    assert decided("  !!!!", warm_up="2m") == ("  hh!!", "....B.")


def test_a_series_that_was_away_for_days_is_new_again() -> None:
    rules = policies(warm_up="2m")
    _, memory = rules.apply(verdicts(row("...")), None)
    strange = verdicts(row("!!!"))
    later, _ = rules.apply(replace(strange, times=strange.times + np.timedelta64(6, "D")), memory)
    assert later.began[:, 0].tolist() == [True, False, False]
    much_later, _ = rules.apply(replace(strange, times=strange.times + np.timedelta64(8, "D")), memory)
    assert much_later.began[:, 0].tolist() == [False, False, True]


def test_a_series_that_joins_later_warms_up_by_itself() -> None:
    rules = policies(warm_up="2m")
    both = verdicts([[NORMAL, np.nan]] * 3 + [[STRANGE, STRANGE]] * 3)
    decisions, _ = rules.apply(both, None)
    assert decisions.anomaly.T.tolist() == [[False] * 3 + [True] * 3, [False] * 5 + [True]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"direction": "above"}, [True, False, True]),
        ({"direction": "below"}, [False, True, True]),
        ({"min_deviation": 2}, [True, True, True]),
        ({"min_deviation": 2.1}, [False, False, True]),
        ({"min_relative_deviation": 0.2}, [True, True, True]),
        ({"min_relative_deviation": 0.3}, [False, False, True]),
        ({"direction": "above", "min_deviation": 1}, [True, False, True]),
    ],
)
def test_deviation_from_what_was_expected(given: dict[str, Any], expected: list[bool]) -> None:
    # The third has no expected value, and is not held back.
    found = verdicts([[STRANGE] * 3], [[[12.0], [8.0], [12.0]]], [[[10.0], [10.0], [np.nan]]])
    decisions, _ = policies(**given).apply(found, None)
    assert decisions.anomaly[0].tolist() == expected
    assert set(decisions.anomaly_score[0, ~decisions.anomaly[0]]) <= {HELD_BACK}


def test_the_leading_feature_decides() -> None:
    features = {"queries": {"a": "cpu", "b": "memory"}, "direction": "above"}
    observed, expected = [[[12.0, 1.0]] * 4], [[[10.0, 5.0]] * 4]
    shares = [[[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [np.nan, np.nan]]]
    found = verdicts([[STRANGE] * 4], observed, expected, shares)
    decisions, _ = policies(**features, query=None).apply(found, None)
    assert decisions.anomaly[0].tolist() == [True, False, True, True]


def test_one_feature_must_have_both_direction_and_size() -> None:
    found = verdicts([[STRANGE]], [[[11.0, 0.0]]], [[[10.0, 5.0]]], [[[0.5, 0.5]]])
    given = {"queries": {"a": "cpu", "b": "memory"}, "query": None, "direction": "above", "min_deviation": 2}
    assert not policies(**given).apply(found, None)[0].anomaly.any()


def test_noise_around_the_expected_value_does_not_make_many_events_of_one() -> None:
    found = verdicts(
        [STRANGE] * 6 + [NORMAL, STRANGE], np.array([12, 8, 12, 8, 8, 12, 12, 12.0])[:, None, None]
    )
    decisions, _ = policies(direction="above").apply(found, None)
    assert decisions.began[:, 0].tolist() == [True] + [False] * 6 + [True]
    assert decisions.anomaly[:, 0].tolist() == [True, False, True, False, False, True, False, True]
    # Those in a row are counted anew after a point that is held back.
    decisions, _ = policies(direction="above", consecutive=2).apply(found, None)
    assert not decisions.began.any()


def test_outside_the_data_range_is_an_anomaly_whatever_else_is_said() -> None:
    given = {"data_range": [0, 100], "direction": "above", "min_deviation": 1000}
    found = verdicts([NORMAL] * 4, np.array([-1, 0, 100, 101.0]).reshape(4, 1, 1))
    decisions, _ = policies(**given).apply(found, None)
    assert decisions.anomaly[:, 0].tolist() == [True, False, False, True]
    assert decisions.anomaly_score[0, 0] == 1
    strange, _ = policies(**given).apply(replace(found, surprise=np.full((4, 1), STRANGE)), None)
    np.testing.assert_allclose(strange.anomaly_score[:, 0], [2, HELD_BACK, HELD_BACK, 2])
    # So it is before the model can judge, since no model is needed to see it.
    warming = np.full((4, 1), Status.warming_up, dtype=np.int8)
    unscored = replace(found, surprise=np.full((4, 1), np.nan), status=warming)
    np.testing.assert_array_equal(
        policies(**given).apply(unscored, None)[0].anomaly_score[:, 0], [1, np.nan, np.nan, 1]
    )


def test_outside_the_data_range_there_is_warming_up_and_counting_too() -> None:
    found = verdicts([NORMAL] * 4, -1.0)
    decisions, _ = policies(data_range=[0, None], consecutive=2).apply(found, None)
    assert decisions.began[:, 0].tolist() == [False, True, False, False]


def test_what_is_not_judged_is_not_written_and_ends_nothing() -> None:
    window = {"start": "2026-01-05T00:02:00", "end": "2026-01-05T00:04:00"}
    given = {"calendar": {"maintenance": [window]}, "data_range": [0, 10]}
    assert decided("!!..!!", **given) == ("!!  !!", "B.....")


def panel(values: list[float]) -> Panel:
    column = np.array(values).reshape(-1, 1, 1)
    return Panel(START + np.arange(len(values)) * STEP, column, ({},), ("value",))


def test_normal_is_what_is_judged_in_range_and_within_the_periods() -> None:
    given = {
        "data_range": [0, 10],
        "calendar": {"maintenance": [{"start": "2026-01-05T00:02:00", "end": "2026-01-05T00:03:00"}]},
        "train": {
            "periods": [
                {"start": "2026-01-05T00:01:00", "end": "2026-01-05T00:06:00"},
                {"start": "2026-01-05T00:07:00", "end": "2026-01-06T00:00:00"},
            ],
            "exclude": [{"start": "2026-01-05T00:04:00", "end": "2026-01-05T00:05:00"}],
        },
    }
    normal = policies(**given).normal(panel([1, 1, 1, 11, 1, 1, 1, 1, np.nan]))
    assert np.flatnonzero(normal[:, 0]).tolist() == [1, 5, 7, 8]
    assert policies().normal(panel([1, -1e9, np.nan])).all()


def test_resting_series_take_no_memory() -> None:
    _, one = policies(consecutive=2, cooldown="1h").apply(verdicts([[NORMAL]] * 3), None)
    _, many = policies(consecutive=2, cooldown="1h").apply(verdicts([[NORMAL] * 500] * 3), None)
    assert one == many


def test_memory_that_is_none_is_refused() -> None:
    for content in (b"", b"nonsense", policies().apply(verdicts([NORMAL]), None)[1][:200]):
        with pytest.raises(StoreError, match="remove the pipeline's state"):
            policies().apply(verdicts([NORMAL]), content)


def test_no_stamps_change_nothing() -> None:
    rules = policies(consecutive=3)
    _, memory = rules.apply(verdicts(row("!!")), None)
    decisions, same = rules.apply(part(verdicts(row("!!")), slice(0, 0), [0]), memory)
    assert decisions.anomaly.shape == (0, 1)
    assert same == memory


def part(found: PanelVerdicts, rows: slice, columns: list[int]) -> PanelVerdicts:
    """Return the verdicts of some stamps and series."""
    arrays = {name: getattr(found, name)[rows] for name in BY_STAMP}
    arrays |= {name: arrays[name][:, columns] for name in BY_SERIES}
    return replace(found, **arrays, labels=tuple(found.labels[i] for i in columns))


rules = st.fixed_dictionaries(
    {
        "consecutive": st.integers(1, 4),
        "cooldown": st.sampled_from([0, 60, 200]),
        "warm_up": st.sampled_from([0, 120, 600]),
        "direction": st.sampled_from(["above", "below", "both"]),
        "min_deviation": st.sampled_from([0.0, 1.0]),
        "data_range": st.sampled_from([None, [8.0, None], [None, 12.0]]),
        "calendar": st.sampled_from(
            [{}, {"maintenance": [{"cron": "*/9 * * * *", "duration": "3m"}]}, {"hours": ["00:00-00:25"]}]
        ),
    }
)


@st.composite
def scored(draw: st.DrawFn) -> PanelVerdicts:
    n, k = draw(st.integers(1, 40)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    surprise = rng.choice([NORMAL, STRANGE, np.nan], size=(n, k), p=[0.3, 0.5, 0.2])
    expected = np.where(rng.random((n, k, 1)) < 0.1, np.nan, 10.0)
    return verdicts(surprise, rng.normal(10, 3, (n, k, 1)), expected)


def eventful(
    given: dict[str, Any], normal: Flags, strange: Flags, judged: Flags, times: Stamps, seen: Flags
) -> list[bool]:
    """Return of one series where events begin, as one would do it by hand."""
    began, count, under_way, quiet_until, known = [], 0, False, None, False
    for i, time in enumerate(times):
        if seen[i] and not known:
            known, quiet_until = True, time + np.timedelta64(given["warm_up"], "s")
        begins = False
        if strange[i]:
            count += 1
            begins = not under_way and count >= given["consecutive"] and time >= quiet_until
            under_way = under_way or begins
        elif judged[i]:
            count = 0
        if normal[i]:
            if under_way:
                quiet_until = time + np.timedelta64(given["cooldown"], "s")
            under_way = False
        began.append(begins)
    return began


@settings(deadline=None)
@given(given=rules, found=scored())
def test_events_are_those_that_one_would_find_by_hand(given: dict[str, Any], found: PanelVerdicts) -> None:
    decisions, _ = policies(**given).apply(found, None)
    # Without the rules of events every point that counts is an anomaly, and without the others every one that
    # reaches the threshold.
    pointwise = given | {"consecutive": 1, "cooldown": 0, "warm_up": 0}
    strange = policies(**pointwise).apply(found, None)[0].anomaly
    reached = policies(**pointwise | {"direction": "both", "min_deviation": 0}).apply(found, None)[0].anomaly
    judged = np.logical_not(np.isnan(decisions.anomaly_score))
    flags = judged & ~reached, strange, judged
    for i in range(len(found.labels)):
        by_hand = eventful(given, *(one[:, i] for one in flags), found.times, found.scored[:, i])
        assert decisions.began[:, i].tolist() == by_hand


@settings(deadline=None)
@given(given=rules, found=scored())
def test_anomalous_is_exactly_what_has_a_score_of_one(given: dict[str, Any], found: PanelVerdicts) -> None:
    decisions, _ = policies(**given).apply(found, None)
    np.testing.assert_array_equal(decisions.anomaly, decisions.anomaly_score >= 1)
    own = found.score / found.threshold
    held_back = (own >= 1) & ~decisions.anomaly & ~np.isnan(decisions.anomaly_score)
    assert (decisions.anomaly_score[held_back] == HELD_BACK).all()
    assert not (decisions.began & ~decisions.anomaly).any()


@settings(deadline=None)
@given(given=rules, found=scored(), data=st.data())
def test_in_parts_and_in_any_order_decisions_are_those_of_the_whole(
    given: dict[str, Any], found: PanelVerdicts, data: st.DataObject
) -> None:
    kept = policies(**given)
    whole, last = kept.apply(found, None)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(len(found) - 1, 1)), max_size=8)) | {0, len(found)})
    memory = None
    for first, end in itertools.pairwise(cuts):
        order = data.draw(st.permutations(range(len(found.labels))))
        decisions, memory = kept.apply(part(found, slice(first, end), order), memory)
        for name in vars(Decisions(*[None] * 3)):  # type: ignore[list-item]
            np.testing.assert_array_equal(getattr(decisions, name), getattr(whole, name)[first:end][:, order])
    assert memory == last


@settings(deadline=None)
@given(given=rules, found=scored())
def test_series_without_a_point_may_be_left_out(given: dict[str, Any], found: PanelVerdicts) -> None:
    kept, memory = policies(**given), None
    whole, _ = kept.apply(found, None)
    for i in range(len(found)):
        there = np.flatnonzero(found.scored[i]).tolist()
        decisions, memory = kept.apply(part(found, slice(i, i + 1), there), memory)
        np.testing.assert_array_equal(decisions.began, whole.began[i : i + 1][:, there])
        np.testing.assert_array_equal(decisions.anomaly_score, whole.anomaly_score[i : i + 1][:, there])
