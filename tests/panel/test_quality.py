"""A panel finds what it was measured to find, on a small fixed part of the benchmarks.

A change that lowers a number beyond rounding of other machines fails here; one that means to change them
commits new numbers, with the whole benchmark's in docs/ARCHITECTURE.md.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.panel_quality import SCHEDULES, outcome
from benchmarks.quotient import mean_of
from benchmarks.readings import nab_series, server_series

PARTS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "accuracy" / "expected.json").read_text())
ONCE, *_, DAILY = SCHEDULES
EXPECTED = {"nab_series": (DAILY, 0.403, 0.418), "asd_series": (ONCE, 0.768, 0.504)}
"""By part: how it is fitted, and VUS-PR and F1 then."""
TOLERANCE = 0.02


@pytest.mark.parametrize("part", EXPECTED)
def test_the_quality_is_what_was_measured(part: str, shared: Path) -> None:
    schedule, vus_pr, f1 = EXPECTED[part]
    every = nab_series(shared) if part == "nab_series" else server_series(shared)
    # A server's file is read under its name without `.gz`.
    names = [name.removesuffix(".gz") for name in PARTS[part]]
    found = [outcome(schedule, series) for series in every if series.name in names]
    assert len(found) == len(names)
    assert mean_of(found, "vus_pr").value() > vus_pr - TOLERANCE
    assert mean_of(found, "f1").value() > f1 - TOLERANCE
