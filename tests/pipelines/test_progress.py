import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anomaliz.pipelines.progress import Memory, Written
from anomaliz.pipelines.times import ceiling, floor
from anomaliz.store.state import PipelineState, Totals

STEP = np.timedelta64(300, "s").astype("timedelta64[ns]")
START = np.datetime64("2026-03-02", "ns")


def state(memory: Memory, written: Written, model: str = "one") -> PipelineState:
    return PipelineState(START, START, memory.packed(), model, written.packed(), Totals())


def written(flags: list[list[bool]], *hosts: str) -> Written:
    times = START + np.arange(len(flags)) * STEP
    return Written(
        times,
        [{"host": host} for host in hosts],
        np.array(flags, np.bool_),
        np.full(len(hosts), np.datetime64("NaT"), "datetime64[ns]"),
    )


def test_memory_of_another_model_is_of_no_use_and_that_of_the_policies_stays() -> None:
    kept = state(Memory(b"model", b"policies"), written([], "a"))
    assert Memory.of(kept, "one") == Memory(b"model", b"policies")
    assert Memory.of(kept, "other") == Memory(None, b"policies")
    assert Memory.of(None, "one") == Memory()


def test_what_was_written_is_found_by_stamp_and_labels_in_any_order() -> None:
    known = Written.of(state(Memory(), written([[True, False], [False, True]], "a", "b")))
    times = START + np.arange(1, 4) * STEP
    found = known.among(times, [{"host": "c"}, {"host": "b"}, {"host": "a"}])
    assert found.tolist() == [[False, True, False], [False, False, False], [False, False, False]]


def test_nothing_was_written_at_the_beginning() -> None:
    assert not Written.of(None).among(np.array([START]), [{"host": "a"}]).any()


@given(st.integers(-(10**12), 10**12), st.sampled_from([1, 60, 300, 86_400]))
def test_the_grid_is_multiples_of_the_step_since_the_epoch(seconds: int, step: int) -> None:
    stamp = np.datetime64(0, "ns") + np.timedelta64(seconds, "s")
    length = np.timedelta64(step, "s").astype("timedelta64[ns]")
    assert floor(stamp, length) <= stamp <= ceiling(stamp, length)
    assert ceiling(stamp, length) - floor(stamp, length) in (0 * length, length)
    assert (floor(stamp, length) - np.datetime64(0, "ns")) % length == np.timedelta64(0, "ns")
