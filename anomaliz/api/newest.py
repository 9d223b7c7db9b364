"""The newest point of a series: how /analyze and /analyze/batch judge it."""

from anomaliz.api.answers import Answer, answers_of
from anomaliz.api.monitoring import Monitoring
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.stamps import stamps_text
from anomaliz.core.types import Floats, Stamps
from anomaliz.core.verdict import Verdicts


def newest_window(bundle: Bundle, values: Floats, times: Stamps | None) -> Floats | None:
    """Return the newest window of finite `values (n, n_features)`, or None where it is not enough.

    That is where the rows are enough for the series profile, or where some are missing in time.
    """
    if bundle.has_history(len(values), times):
        return None
    if times is not None:
        values, times = values[-bundle.reach - 1 :], times[-bundle.reach - 1 :]
        if len(bundle.regularise(values, times)[0]) > len(values):
            return None
    return values[-bundle.window_size :]


def answer_newest(bundle: Bundle, values: Floats, times: Stamps | None, monitoring: Monitoring) -> Answer:
    """Return the newest point's answer from all that lies before it, the gaps between stamps included."""
    verdicts = newest_verdict(bundle, values, times)
    monitoring.scored(verdicts)
    return answers_of(bundle, verdicts)[0]


def newest_verdict(bundle: Bundle, values: Floats, times: Stamps | None) -> Verdicts:
    """Return the newest point's verdict from all that lies before it."""
    if times is not None:
        values, times, _ = bundle.regularise(values, times)
    return bundle.score(values, times, newest=1)


def stamped(answer: Answer, times: Stamps | None) -> Answer:
    """Return the answer with the newest of the stamps `(n,)`, where there are any."""
    if times is not None:
        answer["timestamp"] = stamps_text(times[-1:])[0]
    return answer
