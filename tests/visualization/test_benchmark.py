from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomaliz.core.errors import AnomalizError, DataError
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.visualization.benchmark import calibration, plot_calibration, plot_scored, scored_benchmark

PNG = b"\x89PNG\r\n\x1a\n"
ALERTS = [320, 325, 480]


def scored_of(values: Any, **changes: Any) -> Scored:
    """A scored series of 500 rows, 100 of them for training, with two labelled windows and three alerts."""
    n = len(values)
    rows = np.arange(n)
    labels = ((rows >= 300) & (rows < 340)) | (rows == 400)
    times = np.datetime64("2024-01-01", "ns") + rows * np.timedelta64(5, "m")
    features = tuple(f"m{i}" for i in range(values.shape[1]))
    windows = [(300, 340), (400, 401)]
    series = Labelled("group/file.csv", values, times, labels, features, 100, windows=windows)
    zeros, alert = np.zeros(n), np.isin(rows, ALERTS)
    status, score = np.zeros(n, np.int8), np.where(labels, 0.8, 0.1)
    scored = Scored(series, score, score * 20, zeros, alert, 0.35, 4.0, {}, {}, status, 1.0)
    return replace(scored, series=replace(series, **changes))


@pytest.fixture
def scored(rng: np.random.Generator) -> Scored:
    return scored_of(rng.normal(size=(500, 1)))


def labels_of(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def spans_of(axes: Any, label: str) -> list[tuple[float, float]]:
    return [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches if p.get_label() == label]


def test_a_figure_is_written_where_it_is_wanted(scored: Scored, tmp_path: Path) -> None:
    path = tmp_path / "group" / "file.png"
    assert plot_scored(scored, path) == path
    content = path.read_bytes()
    assert content.startswith(PNG)
    assert len(content) > 20_000


def test_another_kind_of_file_is_refused(scored: Scored, tmp_path: Path) -> None:
    with pytest.raises(AnomalizError, match=r"must end in \.png"):
        plot_scored(scored, tmp_path / "file.svg")


def test_value_score_and_rank_score_stand_below_each_other(scored: Scored) -> None:
    figure = scored_benchmark(scored)
    assert [axes.get_ylabel() for axes in figure.axes] == ["m0", "score", "rank score"]
    readings = (scored.series.values[:, 0], scored.score, scored.rank_score)
    for axes, reading in zip(figure.axes, readings, strict=True):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), reading)
    assert figure.axes[1].lines[1].get_ydata() == [0.35, 0.35]


def test_every_panel_shades_training_and_labels(scored: Scored) -> None:
    for axes in scored_benchmark(scored).axes:
        assert spans_of(axes, "training") == [(-0.5, 99.5)]
        assert spans_of(axes, "labelled anomaly") == [(299.5, 339.5), (399.5, 400.5)]
        assert spans_of(axes, "validation") == []


def test_the_validation_part_follows_the_training_part(rng: np.random.Generator) -> None:
    figure = scored_benchmark(scored_of(rng.normal(size=(500, 1)), n_validation=50))
    assert spans_of(figure.axes[0], "validation") == [(99.5, 149.5)]


def test_labels_without_windows_are_shaded_too(rng: np.random.Generator) -> None:
    figure = scored_benchmark(scored_of(rng.normal(size=(500, 1)), windows=()))
    assert spans_of(figure.axes[0], "labelled anomaly") == [(299.5, 339.5), (399.5, 400.5)]


def test_alerts_stand_on_the_value(scored: Scored) -> None:
    segments = scored_benchmark(scored).axes[0].collections[0].get_segments()
    assert [segment[0, 0] for segment in segments] == ALERTS


def test_the_title_counts_and_the_legend_names(scored: Scored) -> None:
    figure = scored_benchmark(scored)
    assert figure.axes[0].get_title() == "group/file.csv: 2 labelled anomalies, 3 alerts"
    assert labels_of(figure) == ["training", "labelled anomaly", "alert", "threshold 0.35"]


def test_a_series_without_labels_or_alerts_is_drawn(scored: Scored, tmp_path: Path) -> None:
    series = replace(scored.series, labels=np.zeros(500, bool), windows=(), n_train=0)
    quiet = replace(scored, series=series, alert=np.zeros(500, bool), rank_score=np.zeros(500))
    figure = scored_benchmark(quiet)
    assert figure.axes[0].get_title() == "group/file.csv: 0 alerts"
    assert labels_of(figure) == ["threshold 0.35"]
    assert plot_scored(quiet, tmp_path / "quiet.png").read_bytes().startswith(PNG)


def test_of_many_features_those_that_depart_most_are_drawn(rng: np.random.Generator) -> None:
    values = rng.normal(size=(500, 19))
    values[:, 0], values[:, 1] = 1.0, np.nan
    values[300:340, [2, 5, 7, 11, 13]] += 8
    values[:, 17] = 1.0
    values[310, 17] = 2.0
    figure = scored_benchmark(scored_of(values))
    shown = [axes.get_ylabel() for axes in figure.axes[:-2]]
    assert shown == ["m2", "m5", "m7", "m11", "m13", "m17"]
    assert figure.axes[0].get_title().endswith("6 of 19 features")


def test_without_labels_the_first_features_are_drawn(rng: np.random.Generator) -> None:
    unlabelled = scored_of(rng.normal(size=(500, 8)), labels=np.zeros(500, bool), windows=())
    shown = [axes.get_ylabel() for axes in scored_benchmark(unlabelled).axes[:-2]]
    assert shown == [f"m{i}" for i in range(6)]


def test_ticks_tell_the_stamps_even_when_these_step_back(scored: Scored) -> None:
    times = np.asarray(scored.series.times).copy()
    times[200:] -= np.timedelta64(1, "h")
    axis = scored_benchmark(replace(scored, series=replace(scored.series, times=times))).axes[-1].xaxis
    told = [axis.get_major_formatter()(row, 0) for row in (0.0, 200.0, -1.0, 0.5, 500.0)]
    assert told == ["2024-01-01\n00:00", "2024-01-01\n15:40", "", "", ""]


def test_without_stamps_rows_are_numbered(rng: np.random.Generator) -> None:
    assert scored_benchmark(scored_of(rng.normal(size=(500, 1)), times=None)).axes[-1].get_xlabel() == "row"


def test_names_are_drawn_as_they_are(scored: Scored, tmp_path: Path) -> None:
    series = replace(scored.series, name="a$b$c", features=("$\\frac{$",))
    assert plot_scored(replace(scored, series=series), tmp_path / "plot.png").read_bytes().startswith(PNG)


CLAIMED = np.array([0.001, 0.01, 0.1])


def test_calibration_draws_a_line_for_each_name_beside_the_diagonal(tmp_path: Path) -> None:
    observed = {"NAB": 2 * CLAIMED, "servers": CLAIMED / 2, "fused": np.array([0, 0.02, 0.1])}
    axes = calibration(CLAIMED, observed).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    *lines, diagonal = axes.lines
    assert [line.get_label() for line in lines] == ["NAB", "servers", "fused"]
    for line, rates in zip(lines, observed.values(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), CLAIMED)
        np.testing.assert_array_equal(line.get_ydata(), rates)
    np.testing.assert_array_equal(diagonal.get_ydata(), [0.001, 0.1])
    path = tmp_path / "calibration.png"
    assert plot_calibration(CLAIMED, observed, path).read_bytes().startswith(PNG)


def test_a_rate_of_zero_leaves_the_figure_at_its_foot() -> None:
    axes = calibration(CLAIMED, {"NAB": np.array([0, 0, 0.2])}).axes[0]
    lowest, highest = axes.get_ylim()
    assert 0.0005 < lowest < 0.001
    assert 0.2 < highest < 0.5
    zero, foot = axes.transData.transform([(0.001, 0.0), (0.001, lowest)])[:, 1]
    assert -np.inf < zero < foot


def test_lines_have_colours_of_their_own() -> None:
    names = ["synthetic", "NAB", "isolation_forest", "ASD"]
    *lines, _ = calibration(CLAIMED, dict.fromkeys(names, CLAIMED)).axes[0].lines
    colours = [line.get_color() for line in lines]
    assert len(set(colours)) == len(names)
    assert colours[2] == "#009E73"


@pytest.mark.parametrize(
    ("claimed", "observed", "reason"),
    [
        ([], [], "claimed must be rates above 0"),
        ([0.0, 0.1], [0.1, 0.1], "claimed must be rates above 0"),
        ([0.1, np.nan], [0.1, 0.1], "claimed must be rates above 0"),
        ([0.1, 0.2], [0.1], "observed 'NAB' must be a rate"),
        ([0.1, 0.2], [0.1, 1.1], "observed 'NAB' must be a rate"),
        ([0.1, 0.2], [0.1, np.nan], "observed 'NAB' must be a rate"),
    ],
)
def test_rates_that_are_none_are_refused(claimed: Any, observed: Any, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        calibration(claimed, {"NAB": observed})
