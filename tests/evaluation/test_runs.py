"""Runs in real processes."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomaliz.config.loading import load_settings
from anomaliz.data.dataset import DataWarning
from anomaliz.data.nab import Nab, NabFolder
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.evaluation.labelled_file import read_labelled
from anomaliz.evaluation.outputs import Outputs, Plots
from anomaliz.evaluation.plan import Plan
from anomaliz.evaluation.protocols import Protocol, labelled
from anomaliz.evaluation.runs import run

# Without the LSTMs, which take longer to import than the others to fit.
MEMBERS = ("isolation_forest", "ridge_forecaster")
SETTINGS = load_settings(overrides={"detection.members": MEMBERS}, environ={}, env_file=None)
PLAN = Plan(Protocol.NAB, SETTINGS, with_window=False)
PATHS = ("realTraffic/occupancy_t4013.csv", "realAdExchange/exchange-3_cpc_results.csv")


@pytest.fixture(scope="module")
def series(shared: Path) -> list[Labelled]:
    """Two series, the shorter one last."""
    nab = Nab(NabFolder(shared / "nab"))
    return [labelled(nab.read(path), Protocol.NAB) for path in PATHS]


def dying_on_the_short_one(scored: Scored, _: Path) -> None:
    """End the process as the kernel does where memory is short."""
    if scored.series.name == PATHS[1]:
        os.kill(os.getpid(), signal.SIGKILL)


def ignore(name: str, seconds: float) -> None:
    pass


def test_results_have_the_order_of_the_series_and_do_not_depend_on_jobs(series: list[Labelled]) -> None:
    reported: list[str] = []
    backward = series[::-1]
    one, _ = run(backward, PLAN, 1, lambda name, _: reported.append(name))
    two, _ = run(backward, PLAN, 2, ignore)
    assert [result.name for result in one] == [result.name for result in two] == list(PATHS[::-1])
    assert sorted(reported) == sorted(PATHS)
    for first, second in zip(one, two, strict=True):
        assert first.measures == second.measures
        assert (first.alert_score == second.alert_score).all()


def test_workers_write_the_readings(series: list[Labelled], tmp_path: Path) -> None:
    run(series, replace(PLAN, outputs=Outputs(scores=tmp_path)), 2, ignore)
    for one in series:
        assert len((tmp_path / one.name).read_text().splitlines()) == len(one.values) + 1


def test_a_series_that_fails_keeps_no_other_back(series: list[Labelled], tmp_path: Path) -> None:
    short = replace(series[0], name="short.csv", n_train=3)
    broken = replace(series[0], name="broken.csv", labels=None)
    plan = replace(PLAN, outputs=Outputs(scores=tmp_path))
    (done,), failures = run([short, series[1], broken], plan, 1, ignore)
    assert done.name == series[1].name
    assert (tmp_path / done.name).is_file()
    assert [failure.name for failure in failures] == ["short.csv", "broken.csv"]
    assert "100 normal rows, got 3" in failures[0].why
    # A fault that nobody foresaw is told with its kind.
    assert failures[1].why.startswith("TypeError: ")


def test_what_is_done_before_a_process_dies_is_kept(series: list[Labelled], tmp_path: Path) -> None:
    scores = Outputs(scores=tmp_path, plots=Plots(tmp_path, dying_on_the_short_one))
    results, failures = run(series, replace(PLAN, outputs=scores), 1, ignore)
    assert [result.name for result in results] == [series[0].name]
    assert [failure.name for failure in failures] == [series[1].name]
    assert "a process died" in failures[0].why


def test_a_column_without_training_values_is_named(series: list[Labelled]) -> None:
    values = np.hstack([series[1].values, series[1].values])
    values[: series[1].n_train, 1] = np.nan
    empty = replace(series[1], values=values, features=("cpu", "memory"))
    _, (failure,) = run([empty], PLAN, 1, ignore)
    assert failure.why.startswith("column 'memory' has no values in the ")


def test_the_window_detectors_can_be_left_out(series: list[Labelled]) -> None:
    (short,), _ = run(series[:1], PLAN, 1, ignore)
    (whole,), _ = run(series[:1], replace(PLAN, with_window=True), 1, ignore)
    without, found = short.measures["detectors"], whole.measures["detectors"]
    assert {name: found[name] for name in without} == without
    assert found.keys() - without.keys() == {*MEMBERS, "window_fused"}
    assert {**whole.measures, "detectors": without} == short.measures


def test_all_warnings_of_a_series_are_one_that_names_it(shared: Path) -> None:
    whole = read_labelled(shared / "asd" / "omi-3.csv.gz")
    rows = slice(whole.n_train - 700, whole.n_train + 100)
    still = replace(whole, values=whole.values[rows], labels=whole.labels[rows], times=None, n_train=700)
    with pytest.warns(DataWarning) as said:
        run([still], Plan(Protocol.EVALUATE, SETTINGS), 1, ignore)
    (warning,) = said
    assert str(warning.message).startswith("omi-3.csv: columns 'm02', 'm03'")
