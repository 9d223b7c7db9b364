"""What a training prints at its end."""

from collections.abc import Iterable, Mapping

from anomaliz.bundle.bundle import Bundle

COLUMNS = ("precision", "recall", "f1", "roc_auc", "pr_auc", "false_alarm_rate")


def report(bundle: Bundle) -> str:
    """Return the metrics over all seeds as a table, and how the threshold was chosen."""
    seeds = list(bundle.metrics["seeds"])
    spread = len(seeds) > 1
    what = f"mean ± std over {len(seeds)} seeds" if spread else f"seed {seeds[0]}"
    rows = dict(bundle.metrics["summary"])
    for variant in bundle.metrics["ablation"]:
        rows[f"units_2={variant['units_2']} window={variant['window_size']}"] = variant["summary"]["fused"]
    table = [
        _row(name, [_cell(metrics[column], spread) for column in COLUMNS]) for name, metrics in rows.items()
    ]
    if bundle.metrics["series"] is not None:
        series = [bundle.metrics["series"][column] for column in COLUMNS]
        table.append(_row("series profile", ["-" if value is None else f"{value:.3f}" for value in series]))
    return "\n".join([f"test part, {what}", _row("detector", COLUMNS), *table, "", _decision(bundle)])


def _decision(bundle: Bundle) -> str:
    decision = bundle.profile.decision
    if decision.chosen_by == "f1":
        return f"threshold {decision.threshold:.3f}: F1 on validation ({decision.validation_f1:.3f})"
    note = ", extrapolated beyond the calibration data" if decision.extrapolated else ""
    return f"threshold {decision.threshold:.3f}: one false alarm in {decision.alert_budget:g} points{note}"


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:<24}" + "".join(f"{cell:>18}" for cell in cells)


def _cell(value: Mapping[str, float] | None, spread: bool) -> str:
    if value is None:
        return "-"
    return f"{value['mean']:.3f} ± {value['std']:.3f}" if spread else f"{value['mean']:.3f}"
