"""What a training prints at its end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anomaliz.bundle.bundle import Bundle

COLUMNS = ("precision", "recall", "f1", "roc_auc", "pr_auc", "false_alarm_rate")


def report(bundle: Bundle, directory: Path) -> str:
    """Return the metrics over all seeds as a table, how the threshold was chosen, and where the bundle is."""
    seeds = len(bundle.metrics["seeds"])
    lines = [f"test part, mean ± std over {seeds} seed{'s' if seeds > 1 else ''}", _header()]
    lines += [_row(name, metrics) for name, metrics in bundle.metrics["summary"].items()]
    for variant in bundle.metrics["ablation"]:
        lines.append(
            _row(f"units_2={variant['units_2']} window={variant['window_size']}", variant["summary"]["fused"])
        )
    return "\n".join([*lines, "", _decision(bundle), f"bundle {directory} ({bundle.version})"])


def _decision(bundle: Bundle) -> str:
    decision = bundle.profile.decision
    if decision.chosen_by == "f1":
        return f"threshold {decision.threshold:.3f}: F1 on validation ({decision.validation_f1:.3f})"
    note = ", extrapolated beyond the calibration data" if decision.extrapolated else ""
    return f"threshold {decision.threshold:.3f}: one false alarm in {decision.alert_budget:g} points{note}"


def _header() -> str:
    return f"{'detector':<24}" + "".join(f"{column:>18}" for column in COLUMNS)


def _row(name: str, metrics: Mapping[str, Any]) -> str:
    return f"{name:<24}" + "".join(f"{_cell(metrics[column]):>18}" for column in COLUMNS)


def _cell(value: Mapping[str, float] | None) -> str:
    return "-" if value is None else f"{value['mean']:.3f} ± {value['std']:.3f}"
