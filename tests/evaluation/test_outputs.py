"""Files that a run leaves, read back by other programs."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomaliz.config.loading import load_settings
from anomaliz.core.errors import AnomalizError
from anomaliz.data.nab import ALIASES, Nab, NabFolder
from anomaliz.evaluation.labelled import Scored
from anomaliz.evaluation.outputs import Outputs
from anomaliz.evaluation.protocols import Protocol, labelled
from anomaliz.evaluation.scoring import score_labelled

PATH = ALIASES["ec2_cpu_ac20cd"]


@pytest.fixture(scope="module")
def scored(shared: Path) -> Scored:
    series = labelled(Nab(NabFolder(shared / "nab")).read(PATH), Protocol.NAB)
    return score_labelled(series, load_settings(environ={}, env_file=None), with_window=False)


def test_readings_have_a_row_for_each_of_the_file(shared: Path, scored: Scored, tmp_path: Path) -> None:
    Outputs(scores=tmp_path).write(scored)
    written = pd.read_csv(tmp_path / PATH)
    given = pd.read_csv(shared / "nab" / "data" / PATH)
    assert list(written) == ["timestamp", "score", "rank_score", "alert_score", "alert"]
    assert written["timestamp"].tolist() == given["timestamp"].tolist()


def test_readings_are_written_to_the_last_digit(scored: Scored, tmp_path: Path) -> None:
    Outputs(scores=tmp_path).write(scored)
    with (tmp_path / PATH).open() as file:
        rows = list(csv.DictReader(file))
    for name in ("score", "rank_score", "alert_score", "alert"):
        assert [float(row[name]) for row in rows] == getattr(scored, name).tolist()
    assert any(float(row["score"]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (None, ""),
        (np.datetime64("2024-01-01T00:00:01.5", "ns"), "2024-01-01 00:00:01.500000000"),
        (np.datetime64("2024-01-01", "ns"), "2024-01-01 00:00:00"),
    ],
)
def test_stamps_are_whole_seconds_where_all_are(scored: Scored, tmp_path: Path, times, first: str) -> None:
    n = len(scored.score)
    series = scored.series
    stamps = None if times is None else times + np.arange(n) * np.timedelta64(1, "m")
    changed = Scored(**{**vars(scored), "series": type(series)(**{**vars(series), "times": stamps})})
    Outputs(scores=tmp_path).write(changed)
    assert (tmp_path / PATH).read_text().splitlines()[1].split(",")[0] == first


def test_a_plot_has_the_place_of_the_series(scored: Scored, tmp_path: Path) -> None:
    Outputs(plots=tmp_path).write(scored)
    assert (tmp_path / f"{PATH}.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_written_that_nobody_asked_for(scored: Scored, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outputs = Outputs()
    outputs.prepare()
    outputs.write(scored)
    outputs.write_result({"mean": {}})
    assert not list(tmp_path.iterdir())


def test_the_result_is_a_file_in_a_folder_that_is_made(tmp_path: Path) -> None:
    outputs = Outputs(json=tmp_path / "deep" / "run.json")
    outputs.prepare()
    outputs.write_result({"mean": {"f1": None}})
    assert json.loads((tmp_path / "deep" / "run.json").read_text()) == {"mean": {"f1": None}}


def test_a_folder_in_the_place_of_the_result_is_known_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(AnomalizError, match="is a folder: give --json a file"):
        Outputs(json=tmp_path).prepare()
