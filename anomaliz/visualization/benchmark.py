"""What a benchmark run saw: a scored series beside its labels, and how well false-alarm rates hold."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anomaliz.core.errors import DataError
from anomaliz.core.types import Floats
from anomaliz.evaluation.labelled import Labelled, Scored
from anomaliz.metrics.events import runs
from anomaliz.visualization.series import MOST_FEATURES
from anomaliz.visualization.style import ANOMALY, COLOURS, OTHER, clean, new_figure, save, shortened, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCORE, RANK, LABELLED, TRAINING = "#0072B2", "#009E73", "#E69F00", "#999999"
PALETTE = (*COLOURS.values(), OTHER, "#56B4E9", "#000000")
MARKERS = "osD^vP"


def plot_scored(scored: Scored, path: Path) -> Path:
    """Draw `scored_benchmark` into the PNG file `path`, and return it."""
    return save(scored_benchmark(scored), path)


def plot_calibration(claimed: Floats, observed: Mapping[str, Floats], path: Path) -> Path:
    """Draw `calibration` into the PNG file `path`, and return it."""
    return save(calibration(claimed, observed), path)


def scored_benchmark(scored: Scored) -> "Figure":
    """Draw the series' values with labelled windows and alerts above its score and rank score.

    Rows are equally far apart, whatever their stamps say, which may repeat or step back.
    """
    series = scored.series
    shown = _features_to_show(series)
    tall = 2 if len(shown) == 1 else 1
    figure = new_figure(13, 2.6 + 1.4 * (tall * len(shown) + 1))
    panels = figure.subplots(len(shown) + 2, 1, sharex=True, height_ratios=[tall] * len(shown) + [1, 1])
    for axes in panels:
        _spans(axes, series)
        clean(axes)
    for axes, feature in zip(panels, shown, strict=False):
        _feature(axes, scored, feature)
    _score(panels[-2], scored)
    _rank_score(panels[-1], scored)
    _name_rows(panels[-1], series)
    panels[0].set_title(_heading(scored, len(shown)), parse_math=False)
    _legend(figure, panels)
    return figure


def calibration(claimed: Floats, observed: Mapping[str, Floats]) -> "Figure":
    """Draw the observed false-alarm rates over the `claimed (k,)` ones, a line for each name.

    A line that leaves the foot of the figure means no false alarm. Raises DataError for rates outside
    their range or of unequal lengths.
    """
    claimed, rates = _checked(claimed, observed)
    figure = new_figure(7, 6.5)
    axes = figure.subplots()
    colours = _colours(list(rates))
    for (name, rate), marker in zip(rates.items(), cycle(MARKERS), strict=False):
        axes.plot(claimed, rate, color=colours[name], marker=marker, label=title(name))
    ends = np.array([claimed.min(), claimed.max()])
    axes.plot(ends, ends, color="grey", linestyle=":", label="as claimed", zorder=1)
    axes.set_xscale("log")
    axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(*_limits(np.concatenate([claimed, *rates.values()])))
    axes.set(title="Calibration", xlabel="claimed false-alarm rate", ylabel="observed false-alarm rate")
    axes.legend(frameon=False)
    clean(axes)
    return figure


def _features_to_show(series: Labelled) -> list[int]:
    """Return the features that depart most in labelled rows, in the file's order."""
    n = len(series.features)
    if n <= MOST_FEATURES or not series.labels.any():
        return list(range(min(MOST_FEATURES, n)))
    return sorted(np.argsort(-_departure(series), kind="stable")[:MOST_FEATURES].tolist())


def _departure(series: Labelled) -> Floats:
    """Return how far labelled rows lie from the mean of the others, in deviations, `(n_features,)`."""
    values = np.ma.masked_invalid(series.values)
    normal, strange = values[~series.labels], values[series.labels]
    far = np.ma.filled(np.abs(strange - normal.mean(axis=0)).mean(axis=0), 0.0)
    spread = np.ma.filled(normal.std(axis=0), 0.0)
    return np.asarray(np.divide(far, spread, out=np.where(far > 0, np.inf, 0.0), where=spread > 0))


def _heading(scored: Scored, shown: int) -> str:
    series = scored.series
    parts = [_count(int(scored.alert.sum()), "alert", "alerts")]
    if n_windows := len(_windows(series)):
        parts.insert(0, _count(n_windows, "labelled anomaly", "labelled anomalies"))
    if shown < len(series.features):
        parts.append(f"{shown} of {len(series.features)} features")
    return f"{series.name}: {', '.join(parts)}"


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _windows(series: Labelled) -> list[tuple[int, int]]:
    return list(series.windows) or runs(series.labels)


def _spans(axes: Any, series: Labelled) -> None:
    """Shade the training part, the validation part lighter, and the labelled windows."""
    trained, validated = series.n_train, series.n_train + series.n_validation
    _span(axes, 0, trained, color=TRAINING, alpha=0.28, linewidth=0, label="training")
    _span(axes, trained, validated, color=TRAINING, alpha=0.14, linewidth=0, label="validation")
    for start, end in _windows(series):
        # With an edge, since one row of thousands is too narrow to be seen.
        _span(axes, start, end, color=LABELLED, alpha=0.35, linewidth=1, label="labelled anomaly")


def _span(axes: Any, start: int, end: int, **style: Any) -> None:
    if end > start:
        axes.axvspan(start - 0.5, end - 0.5, **style)


def _feature(axes: Any, scored: Scored, feature: int) -> None:
    axes.plot(scored.series.values[:, feature], color="black", linewidth=0.8)
    axes.set_ylabel(shortened(scored.series.features[feature]), parse_math=False)
    axes.margins(x=0.01)
    alerts = np.flatnonzero(scored.alert)
    if len(alerts):
        height = axes.get_xaxis_transform()
        axes.vlines(alerts, 0, 1, color=ANOMALY, linewidth=1.2, transform=height, label="alert")


def _score(axes: Any, scored: Scored) -> None:
    axes.plot(scored.score, color=SCORE, linewidth=0.8)
    label = f"threshold {scored.threshold:.2f}"
    axes.axhline(scored.threshold, color=ANOMALY, linestyle="--", linewidth=1, label=label)
    axes.set(ylabel="score", ylim=(-0.02, 1.05))


def _rank_score(axes: Any, scored: Scored) -> None:
    axes.plot(scored.rank_score, color=RANK, linewidth=0.8)
    axes.set_ylabel("rank score")
    axes.set_ylim(bottom=0)


def _name_rows(axes: Any, series: Labelled) -> None:
    """Write each tick's stamp below it, or the row's number where there are no stamps."""
    times = series.times
    if times is None:
        axes.set_xlabel("row")
        return
    minutes = np.datetime_as_string(times, unit="m")

    def stamp(row: float, _: int) -> str:
        # Ticks also stand beside the series, and between the rows of a short one.
        known = row == int(row) and 0 <= row < len(minutes)
        return minutes[int(row)].replace("T", "\n") if known else ""

    axes.xaxis.set_major_formatter(stamp)


def _legend(figure: "Figure", panels: Any) -> None:
    """Put one entry for each label below the panels, where no line passes."""
    entries: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=len(entries), frameon=False
    )


def _colours(names: Sequence[str]) -> dict[str, str]:
    """Return a colour for each name, a detector's own for a detector."""
    own = {name: COLOURS[name] for name in names if name in COLOURS}
    others = [name for name in names if name not in own]
    return own | dict(zip(others, cycle([c for c in PALETTE if c not in own.values()]), strict=False))


def _checked(claimed: Floats, observed: Mapping[str, Floats]) -> tuple[Floats, dict[str, Floats]]:
    claimed = np.asarray(claimed, dtype=np.float64)
    rates: dict[str, Floats] = {name: np.asarray(rate, float) for name, rate in observed.items()}
    if not claimed.size or not ((claimed > 0) & (claimed <= 1)).all():
        raise DataError("claimed must be rates above 0 and at most 1", field="claimed")
    for name, rate in rates.items():
        if rate.shape != claimed.shape or not ((rate >= 0) & (rate <= 1)).all():
            raise DataError(
                f"observed {name!r} must be a rate in [0, 1] for each claimed one", field="observed"
            )
    return claimed, rates


def _limits(rates: Floats) -> tuple[float, float]:
    """Return a little more than the range of all `rates` that a logarithm takes."""
    return float(rates[rates > 0].min() / 1.6), float(rates.max() * 1.6)
