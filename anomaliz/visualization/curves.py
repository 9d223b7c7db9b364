"""ROC and precision-recall curves of every detector, side by side."""

from typing import TYPE_CHECKING, Any

from anomaliz.visualization.style import NO_LABELS, clean, colour, new_figure, say, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def roc_curves(metrics: dict[str, Any]) -> "Figure":
    """Draw the shipped model's curves on the test part, from a bundle's metrics."""
    figure = new_figure(12, 6.5)
    if not metrics["curves"]:
        return say(figure, NO_LABELS)
    roc, pr = figure.subplots(1, 2)
    for detector, curves in metrics["curves"].items():
        found = metrics["test"][detector]
        style = {"color": colour(detector), "linewidth": 2.6 if detector == "fused" else 1.6}
        roc.plot(*curves["roc"].values(), label=f"{title(detector)}  {found['roc_auc']:.3f}", **style)
        pr.plot(*curves["pr"].values(), label=f"{title(detector)}  {found['pr_auc']:.3f}", **style)
    share = metrics["test"]["fused"]["n_anomalous"] / metrics["test"]["fused"]["n"]
    roc.plot([0, 1], [0, 1], color="grey", linestyle=":", label="chance  0.500")
    pr.axhline(share, color="grey", linestyle=":", label=f"chance  {share:.3f}")
    _finish(
        roc,
        f"ROC curve (test, seed {metrics['seed']})",
        "false positive rate",
        "true positive rate",
        "ROC-AUC",
    )
    _finish(pr, f"Precision-recall curve (test, seed {metrics['seed']})", "recall", "precision", "PR-AUC")
    return figure


def _finish(axes: Any, heading: str, x: str, y: str, measure: str) -> None:
    axes.set(title=heading, xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    # Below the axes: inside there is no corner that some curve does not pass through.
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, title=measure, frameon=False)
    clean(axes)
