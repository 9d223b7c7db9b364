"""The newest point of a series: how /analyze and /analyze/batch judge it."""

from anomaliz.api.answers import Answer, answers_of, stamps_text
from anomaliz.api.monitoring import Monitoring
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.types import Floats, Stamps


def newest_window(bundle: Bundle, values: Floats, times: Stamps | None) -> Floats | None:
    """Return the newest window of finite `values (n, n_features)`, or None where rows are missing in time."""
    if times is not None:
        values, times = _within_reach(bundle, values, times)
        if len(bundle.regularise(values, times)[0]) > len(values):
            return None
    return values[-bundle.window_size :]


def answer_with_gaps(bundle: Bundle, values: Floats, times: Stamps, monitoring: Monitoring) -> Answer:
    """Return the newest point's answer for a series in which the stamps `(n,)` show missing rows."""
    whole, stamps, _ = bundle.regularise(*_within_reach(bundle, values, times))
    verdicts = bundle.score(whole, stamps, newest=1)
    monitoring.scored(verdicts)
    return answers_of(bundle, verdicts)[0]


def _within_reach(bundle: Bundle, values: Floats, times: Stamps) -> tuple[Floats, Stamps]:
    """Return the newest rows, those that can bear on the newest point: histories may be long."""
    return values[-bundle.reach - 1 :], times[-bundle.reach - 1 :]


def stamped(answer: Answer, times: Stamps | None) -> Answer:
    """Return the answer with the newest of the stamps `(n,)`, where there are any."""
    if times is not None:
        answer["timestamp"] = stamps_text(times[-1:])[0]
    return answer
