"""Labels: what tells one series from another."""

from collections.abc import Mapping

Labels = Mapping[str, str]
LabelSet = frozenset[tuple[str, str]]
"""Labels as a key: their order means nothing."""
NAME = "__name__"
"""The label that holds a metric's name."""


def label_set(labels: Labels) -> LabelSet:
    """Return `labels` as a key."""
    return frozenset(labels.items())


def series_name(labels: Labels) -> str:
    """Return the series as Prometheus writes it: `name{label="value"}`."""
    pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(labels.items()) if key != NAME)
    name = labels.get(NAME, "")
    return f"{name}{{{pairs}}}" if pairs or not name else name


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
