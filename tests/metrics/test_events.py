import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from anomaliz.core.errors import DataError
from anomaliz.core.types import Flags
from anomaliz.metrics.events import (
    detection_delays,
    event_recall,
    false_alarms,
    false_alarms_per_day,
    runs,
)

HOUR = np.timedelta64(1, "h")
booleans = st.lists(st.booleans(), max_size=40).map(lambda row: np.array(row, dtype=np.bool_))
points = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def flags(text: str) -> Flags:
    return np.array([letter == "x" for letter in text])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", []), ("...", []), ("xxx", [(0, 3)]), ("x.xx.", [(0, 1), (2, 4)]), ("..x", [(2, 3)])],
)
def test_runs_are_half_open(text: str, expected: list[tuple[int, int]]) -> None:
    assert runs(flags(text)) == expected


@given(booleans)
def test_runs_cover_all_that_is_true_and_never_touch(row: Flags) -> None:
    covered = np.zeros(len(row), dtype=np.bool_)
    found = runs(row)
    for start, end in found:
        assert row[start:end].all()
        covered[start:end] = True
    assert_array_equal(covered, row)
    assert all(end < start for (_, end), (start, _) in pairwise(found))


def test_a_delay_is_counted_from_the_start_of_the_event() -> None:
    labels, found = flags("..xxxx..xx..xx"), flags(".xx..x......xx")
    assert_array_equal(detection_delays(labels, found), [0, np.nan, 0])
    assert_array_equal(detection_delays(labels, flags(".....x...x...x")), [3, 1, 1])


def test_recall_counts_events_and_not_rows() -> None:
    assert event_recall(flags("xxxxx.x.x"), flags("....x.x..")) == pytest.approx(2 / 3)
    assert event_recall(flags("xx"), flags("..")) == 0


def test_without_events_there_is_no_recall() -> None:
    assert math.isnan(event_recall(flags("..."), flags("x..")))
    assert len(detection_delays(flags("..."), flags("x.."))) == 0


def test_a_false_alarm_is_a_whole_run_that_touches_no_event() -> None:
    assert false_alarms(flags("....xx...."), flags("xx.xx..x.x")) == 3
    assert false_alarms(flags("....xx...."), flags("....x.....")) == 0
    assert false_alarms(flags("...."), flags("xxxx")) == 1


def test_false_alarms_per_day_are_over_the_time_of_all_rows() -> None:
    labels, found = np.zeros(48, dtype=np.bool_), np.zeros(48, dtype=np.bool_)
    found[[3, 4, 20, 40]] = True
    assert false_alarms_per_day(labels, found, HOUR) == pytest.approx(1.5)
    assert math.isnan(false_alarms_per_day(labels[:0], found[:0], HOUR))


@given(points)
def test_more_flags_never_lower_recall_nor_lengthen_a_delay(rows: list[tuple[bool, bool]]) -> None:
    labels, found = (np.array(column) for column in zip(*rows, strict=True))
    more = found | np.roll(found, 1)
    before, after = detection_delays(labels, found), detection_delays(labels, more)
    was_found = ~np.isnan(before)
    assert (after[was_found] <= before[was_found]).all()


@given(points)
def test_every_run_of_flags_is_a_false_alarm_or_touches_an_event(rows: list[tuple[bool, bool]]) -> None:
    labels, found = (np.array(column) for column in zip(*rows, strict=True))
    touching = sum(labels[start:end].any() for start, end in runs(found))
    assert false_alarms(labels, found) + touching == len(runs(found))
    assert false_alarms(np.zeros_like(labels), found) == len(runs(found))


@pytest.mark.parametrize("function", [detection_delays, event_recall, false_alarms])
def test_unequal_lengths_are_refused(function) -> None:
    with pytest.raises(DataError, match="alike in length"):
        function(flags("x."), flags("x"))


@pytest.mark.parametrize("step", [np.timedelta64(0, "s"), -HOUR, np.timedelta64("NaT")])
def test_a_step_that_is_not_positive_is_refused(step: np.timedelta64) -> None:
    with pytest.raises(DataError, match="step must be a positive duration"):
        false_alarms_per_day(flags("x."), flags("x."), step)
