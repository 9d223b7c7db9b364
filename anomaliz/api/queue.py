"""A queue of windows: requests that arrive together are scored in one run of the graph."""

import asyncio
from dataclasses import dataclass, field

import numpy as np

from anomaliz.api.answers import Answer, answers_of
from anomaliz.api.monitoring import Monitoring
from anomaliz.bundle.bundle import Bundle
from anomaliz.core.types import Floats

Waiting = tuple[Bundle, Floats, "asyncio.Future[Answer]"]


@dataclass
class WindowQueue:
    """Windows that wait for the end of the event loop's turn, all for the same bundle."""

    monitoring: Monitoring
    _waiting: list[Waiting] = field(default_factory=list)

    def answer(self, bundle: Bundle, window: Floats) -> "asyncio.Future[Answer]":
        """Return the answer to come for a finite `window (window_size, n_features)`."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._flush)
        elif self._waiting[0][0] is not bundle:
            # A bundle was swapped in between: its windows are not mixed with the old one's.
            self._flush()
            loop.call_soon(self._flush)
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((bundle, window, future))
        return future

    def _flush(self) -> None:
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        try:
            answers = self._answers(waiting[0][0], [window for _, window, _ in waiting])
        except Exception as error:  # each request reports it as its own
            for _, _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, _, future), answer in zip(waiting, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _answers(self, bundle: Bundle, windows: list[Floats]) -> list[Answer]:
        verdicts = bundle.score_windows(np.array(windows))
        self.monitoring.scored(verdicts)
        return answers_of(bundle, verdicts)
