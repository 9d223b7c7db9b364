"""Work in real processes; the functions are the standard library's, which every process can import."""

import math
import multiprocessing
import os
from functools import partial

import pytest

from anomaliz.core.errors import AnomalizError
from anomaliz.training.processes import run_tasks


def test_every_result_has_the_position_of_its_task() -> None:
    assert dict(run_tasks(math.sqrt, [4, 9, 16], 2)) == {0: 2.0, 1: 3.0, 2: 4.0}


def test_processes_have_one_thread_and_ours_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]
    assert dict(run_tasks(os.getenv, names, 1)) == {0: "1", 1: "1"}
    assert list(map(os.getenv, names)) == ["3", None]


def test_what_a_task_raises_ends_the_others() -> None:
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        dict(run_tasks(math.sqrt, [-1, 4], 2))
    assert not multiprocessing.active_children()


def test_a_process_that_dies_is_one_sentence() -> None:
    with pytest.raises(AnomalizError, match="a process died, most likely for want of memory"):
        dict(run_tasks(os._exit, [1], 1))


def test_whoever_stops_listening_ends_the_processes() -> None:
    results = run_tasks(partial(pow, 2), [1, 2, 3], 1)
    next(results)
    results.close()
    assert not multiprocessing.active_children()
