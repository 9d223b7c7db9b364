"""The detectors compared: bars of every metric, the spread over seeds, and everything as one table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from anomaliz.visualization.style import NO_LABELS, clean, colour, new_figure, say, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
}


def metrics_comparison(metrics: dict[str, Any]) -> "Figure":
    """Draw a bar for each metric and detector: mean over seeds, with the standard deviation."""
    figure = new_figure(12, 5.5)
    summary = metrics["summary"]
    if not _labelled(summary):
        return say(figure, NO_LABELS)
    axes = figure.subplots()
    width = 0.8 / len(summary)
    for i, (detector, found) in enumerate(summary.items()):
        places = np.arange(len(METRICS)) + (i - (len(summary) - 1) / 2) * width
        means, stds = _mean_std(found, list(METRICS))
        bars = axes.bar(places, means, width * 0.94, yerr=stds, color=colour(detector), label=title(detector))
        axes.bar_label(bars, [f"{mean:.2f}" for mean in means], fontsize=8, padding=2)
    axes.set_xticks(range(len(METRICS)), METRICS.values())
    axes.set(title=f"Test metrics, mean of {_seeds(metrics)}", ylim=(0, 1.1))
    axes.legend(ncols=len(summary), loc="upper center", bbox_to_anchor=(0.5, -0.06), frameon=False)
    clean(axes)
    return figure


def seed_stability(metrics: dict[str, Any]) -> "Figure":
    """Draw each seed's F1 and ROC-AUC as a dot, with mean and standard deviation."""
    figure = new_figure(12, 5.5)
    if not _labelled(metrics["summary"]):
        return say(figure, NO_LABELS)
    for axes, metric in zip(figure.subplots(1, 2), ("f1", "roc_auc"), strict=True):
        for place, detector in enumerate(metrics["summary"]):
            values = [run[detector][metric] for run in metrics["seeds"].values()]
            _seed_dots(axes, place, detector, [value for value in values if value is not None])
        axes.set_xticks(range(len(metrics["summary"])), [title(name) for name in metrics["summary"]])
        axes.set(title=f"{METRICS[metric]} by seed ({_seeds(metrics)})", ylabel=METRICS[metric])
        axes.set_xlim(-0.6, len(metrics["summary"]) - 0.4)
        axes.margins(y=0.2)
        clean(axes)
    return figure


def comparison_summary(metrics: dict[str, Any]) -> "Figure":
    """Draw a table of every metric and detector, and of every variant of a sweep, shaded by value."""
    rows = {title(name): found for name, found in metrics["summary"].items()}
    for variant in metrics["ablation"]:
        name = f"fused, code {variant['units_2']}, window {variant['window_size']}"
        rows[name] = variant["summary"]["fused"]
    figure = new_figure(12, 1.8 + 0.55 * len(rows))
    columns = {**METRICS, "false_alarm_rate": "false alarms"}
    if not _labelled(metrics["summary"]):
        columns = {"false_alarm_rate": "false alarms"}
    axes = figure.subplots()
    means = np.array([_mean_std(found, list(columns))[0] for found in rows.values()])
    axes.imshow(_shade(means, list(columns)), cmap="Greens", vmin=0, vmax=1.4, aspect="auto")
    for (row, column), _ in np.ndenumerate(means):
        found = list(rows.values())[row][list(columns)[column]]
        axes.text(column, row, _cell(found), ha="center", va="center", fontsize=11)
    axes.set_xticks(range(len(columns)), columns.values())
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
    axes.spines[:].set_visible(False)
    figure.suptitle(f"Test part, mean ± standard deviation of {_seeds(metrics)}")
    return figure


def _seed_dots(axes: Any, place: int, detector: str, values: Sequence[float]) -> None:
    if not values:
        return  # a test part of one class only has no ROC-AUC
    spread = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
    axes.scatter(place + spread, values, s=50, color=colour(detector), zorder=3)
    mean, std = float(np.mean(values)), float(np.std(values))
    axes.errorbar(place, mean, yerr=std, fmt="_", markersize=38, color="black", capsize=9, zorder=2)
    label = f"{mean:.3f} ± {std:.3f}"
    axes.annotate(label, (place, max(values)), (0, 12), textcoords="offset points", ha="center", fontsize=9)


def _shade(means: Any, columns: Sequence[str]) -> Any:
    """Return how good each value is, 0 to 1; the rate of false alarms is on another scale, and white."""
    shade = np.nan_to_num(means)
    shade[:, columns.index("false_alarm_rate")] = 0
    return shade


def _mean_std(found: dict[str, Any], metrics: Sequence[str]) -> tuple[list[float], list[float]]:
    known = [found[metric] or {"mean": np.nan, "std": np.nan} for metric in metrics]
    return [value["mean"] for value in known], [value["std"] for value in known]


def _cell(found: dict[str, float] | None) -> str:
    return "-" if found is None else f"{found['mean']:.3f} ± {found['std']:.3f}"


def _labelled(summary: dict[str, Any]) -> bool:
    return all(found["f1"] is not None for found in summary.values())


def _seeds(metrics: dict[str, Any]) -> str:
    count = len(metrics["seeds"])
    return f"{count} seed{'s' if count > 1 else ''}"
