import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.detection.events import find_events
from anomaliz.visualization.dashboard import FIGURES, write_dashboard
from anomaliz.visualization.series import scored_series
from anomaliz.visualization.style import save

PNG = b"\x89PNG\r\n\x1a\n"


def test_the_command_writes_every_figure(bundle_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "anomaliz.visualization.dashboard", "--bundle", str(bundle_dir)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "reports")], check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(tmp_path / "reports" / name) for name in FIGURES]
    for name in FIGURES:
        content = (tmp_path / "reports" / name).read_bytes()
        assert content.startswith(PNG)
        assert len(content) > 20_000


def test_the_figures_show_every_detector(bundle: Bundle) -> None:
    axes = FIGURES["roc_curves.png"](bundle.metrics).axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label.split("  ")[0] for label in labels] == [
        "isolation forest",
        "LSTM autoencoder",
        "LSTM forecaster",
        "nearest neighbours",
        "ridge forecaster",
        "fused",
        "chance",
    ]
    assert labels[-2].endswith(f"{bundle.metrics['test']['fused']['roc_auc']:.3f}")


def test_bars_have_the_heights_of_the_metrics(bundle: Bundle) -> None:
    axes = FIGURES["metrics_comparison.png"](bundle.metrics).axes[0]
    heights = {round(bar.get_height(), 9) for bar in axes.patches}
    for found in bundle.metrics["summary"].values():
        assert {round(found[metric]["mean"], 9) for metric in ("precision", "recall", "f1")} <= heights


@pytest.mark.parametrize("name", ["roc_curves.png", "metrics_comparison.png", "seed_stability.png"])
def test_without_labels_the_figure_says_so(bundle: Bundle, name: str) -> None:
    nothing = dict.fromkeys(("precision", "recall", "f1", "roc_auc", "pr_auc"))
    summary = {detector: {**found, **nothing} for detector, found in bundle.metrics["summary"].items()}
    figure = FIGURES[name]({**bundle.metrics, "summary": summary, "curves": {}})
    assert "no labelled anomalies" in figure.texts[0].get_text()


def test_the_dashboard_needs_no_labels(bundle: Bundle) -> None:
    nothing = dict.fromkeys(("precision", "recall", "f1", "roc_auc", "pr_auc"))
    summary = {detector: {**found, **nothing} for detector, found in bundle.metrics["summary"].items()}
    figure = FIGURES["comparison_summary.png"]({**bundle.metrics, "summary": summary, "curves": {}})
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["false alarms"]


def test_a_scored_series_has_a_panel_for_each_feature_and_its_events(bundle: Bundle, tmp_path: Path) -> None:
    rows = np.tile(bundle.canary, (5, 1))
    rows[30, 0] = 0.99
    verdicts = bundle.score(rows)
    events = find_events(verdicts)
    figure = scored_series(verdicts, events, "server")
    assert len(figure.axes) == 4
    assert len(figure.axes[0].patches) == len(events) > 0
    assert save(figure, tmp_path / "deep" / "plot.png").read_bytes().startswith(PNG)


def test_writing_returns_the_files(bundle: Bundle, tmp_path: Path) -> None:
    assert [path.name for path in write_dashboard(bundle, tmp_path)] == list(FIGURES)


def test_names_are_drawn_as_they_are(bundle: Bundle, tmp_path: Path) -> None:
    verdicts = replace(bundle.score(np.tile(bundle.canary, (3, 1))), features=("$\\frac{$", "🔥", "x" * 3000))
    figure = scored_series(verdicts, [], "a$b$c")
    assert save(figure, tmp_path / "plot.png").read_bytes().startswith(PNG)
    assert [len(axes.get_ylabel()) for axes in figure.axes] == [8, 1, 30, 5]
