"""Runs in real processes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomaliz.config.loading import load_settings
from anomaliz.core.errors import AnomalizError
from anomaliz.data.nab import Nab, NabFolder
from anomaliz.evaluation.labelled import Labelled
from anomaliz.evaluation.outputs import Outputs
from anomaliz.evaluation.protocols import Protocol, labelled
from anomaliz.evaluation.runs import run

SETTINGS = load_settings(overrides={"training.epochs": 1}, environ={}, env_file=None)
PATHS = ("realTraffic/occupancy_t4013.csv", "realAdExchange/exchange-3_cpc_results.csv")


@pytest.fixture(scope="module")
def series(shared: Path) -> list[Labelled]:
    """Two series, the shorter one last."""
    nab = Nab(NabFolder(shared / "nab"))
    return [labelled(nab.read(path), Protocol.NAB) for path in PATHS]


def ignore(name: str, seconds: float) -> None:
    pass


def test_results_have_the_order_of_the_series_and_do_not_depend_on_jobs(series: list[Labelled]) -> None:
    reported: list[str] = []
    backward = series[::-1]
    one = run(backward, Protocol.NAB, SETTINGS, Outputs(), 1, lambda name, _: reported.append(name))
    two = run(backward, Protocol.NAB, SETTINGS, Outputs(), 2, ignore)
    assert [result.name for result in one] == [result.name for result in two] == list(PATHS[::-1])
    assert sorted(reported) == sorted(PATHS)
    for first, second in zip(one, two, strict=True):
        assert first.measures == second.measures
        assert (first.alert_score == second.alert_score).all()


def test_workers_write_the_readings(series: list[Labelled], tmp_path: Path) -> None:
    run(series, Protocol.SPLIT, SETTINGS, Outputs(scores=tmp_path), 2, ignore)
    for one in series:
        assert len((tmp_path / one.name).read_text().splitlines()) == len(one.values) + 1


def test_a_series_that_fails_is_named(series: list[Labelled]) -> None:
    short = replace(series[0], name="short.csv", n_train=3)
    with pytest.raises(AnomalizError, match=r"^short\.csv: [^\n]+$"):
        run([series[1], short], Protocol.NAB, SETTINGS, Outputs(), 1, ignore)


def test_a_fault_that_nobody_foresaw_names_the_series_too(series: list[Labelled]) -> None:
    broken = replace(series[0], name="broken.csv", labels=np.zeros((2, 2), bool))
    with pytest.raises(AnomalizError, match=r"^broken\.csv: "):
        run([broken], Protocol.NAB, SETTINGS, Outputs(), 1, ignore)
