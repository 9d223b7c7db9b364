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
from anomaliz.evaluation.outputs import Outputs, Plots
from anomaliz.evaluation.protocols import Protocol, labelled
from anomaliz.evaluation.scoring import score_labelled
from anomaliz.visualization.benchmark import plot_scored

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
    Outputs(plots=Plots(tmp_path, plot_scored)).write(scored)
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


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A file that is read."""
    path = tmp_path / "in" / "three.csv"
    path.parent.mkdir()
    path.write_text("value,label\n")
    return path


@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to])
def test_no_output_takes_the_place_of_an_input(given: Path, tmp_path: Path, link) -> None:
    target, folder = given, given.parent
    if link:
        folder = tmp_path / "out"
        folder.mkdir()
        target = folder / given.name
        link(target, given)
    for outputs, said in (
        (Outputs(scores=folder), f"--scores would overwrite {target}, which is read: give another folder"),
        (Outputs(json=target), f"--json would overwrite {target}, which is read: give another file"),
    ):
        with pytest.raises(AnomalizError) as caught:
            outputs.prepare([given], [given.name])
        assert str(caught.value) == said


def test_an_input_beside_the_outputs_is_no_hindrance(given: Path) -> None:
    folder = given.parent
    Outputs(folder / "run.json", folder, Plots(folder, plot_scored)).prepare([given], ["other.csv"])


@pytest.mark.parametrize("option", ["--json", "--scores", "--plots"])
@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_the_place_of_a_folder_is_known_before_the_work(
    given: Path, option: str, below: str
) -> None:
    folder = given / below
    outputs = {
        "--json": Outputs(json=folder / "run.json"),
        "--scores": Outputs(scores=folder),
        "--plots": Outputs(plots=Plots(folder, plot_scored)),
    }[option]
    with pytest.raises(AnomalizError, match=rf"^{folder} .*: give {option} another place$") as caught:
        outputs.prepare()
    assert caught.value.field == option
