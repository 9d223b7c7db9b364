import asyncio
from pathlib import Path

import numpy as np
import pytest

from anomaliz.api.answers import Answer
from anomaliz.api.monitoring import Monitoring
from anomaliz.api.queue import WindowQueue
from anomaliz.bundle.bundle import Bundle


@pytest.fixture
def queue() -> WindowQueue:
    return WindowQueue(Monitoring())


def test_windows_of_one_turn_are_scored_together(queue: WindowQueue, bundle: Bundle) -> None:
    windows = [bundle.canary * (1 + i / 50) for i in range(8)]

    async def together() -> list[Answer]:
        return await asyncio.gather(*(queue.answer(bundle, window) for window in windows))

    scores = [answer["score"] for answer in asyncio.run(together())]
    assert scores == bundle.score_windows(np.stack(windows)).score.tolist()
    assert len(set(scores)) > 1


def test_a_swap_in_between_mixes_nothing(queue: WindowQueue, bundle: Bundle, other_dir: Path) -> None:
    other = Bundle.load(other_dir)
    turns = [bundle, other, other, bundle, other]

    async def together() -> list[Answer]:
        return await asyncio.gather(*(queue.answer(turn, turn.canary) for turn in turns))

    for turn, answer in zip(turns, asyncio.run(together()), strict=True):
        assert answer["bundle"]["sha256"] == turn.sha256
        assert answer["threshold"] == turn.profile.decision.threshold


def test_a_failure_is_each_requests_own_and_the_queue_goes_on(queue: WindowQueue, bundle: Bundle) -> None:
    async def fail_then_go_on() -> tuple[list[object], Answer]:
        wrong = np.zeros((bundle.window_size, 99))
        failed = await asyncio.gather(
            *(queue.answer(bundle, wrong) for _ in range(2)), return_exceptions=True
        )
        return failed, await queue.answer(bundle, bundle.canary)

    failed, answer = asyncio.run(fail_then_go_on())
    assert all(isinstance(error, Exception) for error in failed)
    assert answer["status"] == "ok"


def test_a_request_that_left_does_not_disturb_the_others(queue: WindowQueue, bundle: Bundle) -> None:
    async def leave() -> Answer:
        gone = queue.answer(bundle, bundle.canary)
        stays = queue.answer(bundle, bundle.canary)
        gone.cancel()
        return await stays

    assert asyncio.run(leave())["status"] == "ok"
