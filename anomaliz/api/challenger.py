"""The challenger: a bundle that scores again what the bundle in service has answered, for comparison.

Nothing waits for it. A request leaves its series in a bounded queue once it is judged; a thread scores them.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anomaliz.api.answers import Answer
from anomaliz.api.challenger_monitoring import ChallengerMonitoring
from anomaliz.api.newest import newest_verdict, newest_window
from anomaliz.api.reload import BundleHolder
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.errors import AnomalizError
from anomaliz.core.types import Floats, Stamps
from anomaliz.core.verdict import Verdicts

logger = logging.getLogger(__name__)

MOST_WAITING = 2048
MOST_WAITING_BYTES = 32_000_000
PAUSE_SECONDS = 0.05
"""Between two turns of the thread: what came meanwhile is one run of the graph, and far less work."""
AT_ONCE = 32
"""Windows in one run of the graph: requests wait for the interpreter while Python handles its outcome."""


@dataclass(frozen=True)
class Answered:
    """A series and what was answered of its newest point."""

    features: tuple[str, ...]
    values: Floats
    """`(n, n_features)`."""
    times: Stamps | None
    score: float
    anomaly: bool


class Challenger:
    """Scores answered series again, by the bundle of `holder`."""

    def __init__(
        self, holder: BundleHolder, champion: BundleHolder, monitoring: ChallengerMonitoring
    ) -> None:
        self.holder = holder
        self._champion = champion
        self._monitoring = monitoring
        self._unfit: str | None = None
        self._waiting: list[Answered] = []
        self._bytes = 0
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._stopping = threading.Event()
        holder.on_change(self._compare_features)
        champion.on_change(self._compare_features)

    @property
    def reason(self) -> str | None:
        """Why it does not score; None while it does."""
        return self.holder.reason if self.holder.bundle is None else self._unfit

    def offer(self, bundle: Bundle, values: Floats, times: Stamps | None, answer: Answer) -> None:
        """Take a series, `(n, n_features)` and stamps `(n,)`, and `bundle`'s answer, if there is room."""
        if self.holder.bundle is None or self._unfit:
            return
        with self._lock:
            if len(self._waiting) >= MOST_WAITING or self._bytes + values.nbytes > MOST_WAITING_BYTES:
                self._monitoring.dropped.inc()
                return
            self._waiting.append(
                Answered(bundle.features, values, times, answer["score"], bool(answer["anomaly"]))
            )
            self._bytes += values.nbytes
        self._work.set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Score until the block ends."""
        thread = threading.Thread(target=self._score_forever, name="challenger", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._work.set()
            thread.join(1)

    def _score_forever(self) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            self._work.wait()
            for part in self._taken():
                self._score(part)
                # Gives way to requests that wait for the interpreter.
                time.sleep(0)

    def _taken(self) -> Iterator[list[Answered]]:
        with self._lock:
            waiting, self._waiting, self._bytes = self._waiting, [], 0
            self._work.clear()
        for i in range(0, len(waiting), AT_ONCE):
            yield waiting[i : i + AT_ONCE]

    def _score(self, answered: Sequence[Answered]) -> None:
        bundle = self.holder.bundle
        assert bundle is not None
        windows: list[Floats] = []
        whole: list[Answered] = []
        for one in answered:
            try:
                values = one.values[:, _columns(bundle, one.features)]
                window = newest_window(bundle, values, one.times)
                if window is None:
                    self._count([one], newest_verdict(bundle, values, one.times))
                elif len(window) < bundle.window_size:
                    self._monitoring.unscored.inc()
                else:
                    windows.append(window)
                    whole.append(one)
            except Exception as error:
                self._fail(1, error)
        if not windows:
            return
        try:
            self._count(whole, bundle.score_windows(np.stack(windows)))
        except Exception as error:
            self._fail(len(windows), error)

    def _count(self, answered: Sequence[Answered], verdicts: Verdicts) -> None:
        self._monitoring.compared(
            np.array([one.score for one in answered]),
            np.array([one.anomaly for one in answered]),
            verdicts.score,
            verdicts.anomaly,
        )

    def _fail(self, points: int, error: Exception) -> None:
        self._monitoring.failed.inc(points)
        # Only an error that nobody foresaw is worth a traceback.
        cause = None if isinstance(error, AnomalizError) else error
        logger.warning("challenger failed", exc_info=cause, extra={"reason": str(error)})

    def _compare_features(self) -> None:
        challenger, champion = self.holder.bundle, self._champion.bundle
        unfit = None
        if challenger and champion and set(challenger.features) != set(champion.features):
            unfit = (
                f"the challenger {challenger.name} takes {', '.join(challenger.features)}, and the bundle in "
                f"service {', '.join(champion.features)}: choose one of the same features"
            )
        if unfit and unfit != self._unfit:
            logger.error("challenger refused", extra={"reason": unfit})
        self._unfit = unfit


def _columns(bundle: Bundle, features: tuple[str, ...]) -> NDArray[np.intp] | slice:
    """Return where the bundle's features are among `features`."""
    if bundle.features == features:
        return slice(None)
    return np.array([features.index(feature) for feature in bundle.features])
