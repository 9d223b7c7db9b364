import numpy as np

from anomaliz.visualization.excerpt import MOST_FEATURES, excerpt_figure
from anomaliz.visualization.style import png

TIMES = np.datetime64("2024-01-01", "ns") + np.arange(20) * np.timedelta64(5, "m")


def test_each_feature_has_a_panel_whatever_its_name() -> None:
    names = ['"$x^$"', '"延迟"', '"' + "n" * 80 + '"']
    figure = excerpt_figure(np.full((20, 3), np.nan), TIMES, names)
    assert [axes.get_ylabel() for axes in figure.axes] == [*names[:2], names[2][:29] + "…"]
    assert png(figure).startswith(b"\x89PNG")


def test_no_more_panels_than_can_be_read() -> None:
    names = [f"v{i}" for i in range(40)]
    figure = excerpt_figure(np.ones((20, 40)), TIMES, names)
    assert [axes.get_ylabel() for axes in figure.axes] == names[:MOST_FEATURES]
