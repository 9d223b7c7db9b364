"""Views of a backtest to draw: all of it, and each event from near by."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from anomaliz.core.verdict import Event
from anomaliz.evaluation.backtest import Backtest
from anomaliz.evaluation.labelled import Scored

LEAST_CONTEXT = 60
"""Rows on either side of an event, where three times its length is less."""
CONTEXT = 3


def views(backtest: Backtest) -> Iterator[Scored]:
    """Yield the whole series, and each event with the rows around it; what contributed most comes first."""
    whole, events = backtest.judged.scored(), backtest.events
    yield _view(whole, slice(None), _leading(events, whole), whole.series.name)
    n_digits = len(str(len(events)))
    for number, event in enumerate(events, 1):
        name = f"{whole.series.name}_event_{number:0{n_digits}}"
        yield _view(whole, _around(event, whole), _leading([event], whole), name)


def _leading(events: Sequence[Event], scored: Scored) -> list[int]:
    """Return the features by what they contributed to `events` in all, those of the file without any."""
    total = np.sum([event.contributions for event in events], axis=0) * np.ones(len(scored.series.features))
    order: list[int] = np.argsort(-total, kind="stable").tolist()
    return order


def _around(event: Event, scored: Scored) -> slice:
    """Return the rows of the series to draw for `event`, which counts from the first row judged."""
    n_train = scored.series.n_train
    context = max(LEAST_CONTEXT, CONTEXT * (event.end - event.start))
    return slice(max(n_train + event.start - context, 0), n_train + event.end + context)


def _view(scored: Scored, rows: slice, features: Sequence[int], name: str) -> Scored:
    series, first = scored.series, rows.start or 0
    part = replace(
        series,
        name=name,
        values=series.values[rows][:, features],
        times=None if series.times is None else series.times[rows],
        labels=series.labels[rows],
        features=tuple(series.features[feature] for feature in features),
        n_train=max(series.n_train - first, 0),
    )
    return replace(
        scored,
        series=part,
        score=scored.score[rows],
        rank_score=scored.rank_score[rows],
        alert_score=scored.alert_score[rows],
        alert=scored.alert[rows],
        surprise={name: readings[rows] for name, readings in scored.surprise.items()},
        status=scored.status[rows],
    )
