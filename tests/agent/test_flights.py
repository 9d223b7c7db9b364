import asyncio

import pytest

from anomaliz.agent.flights import Flights


class Work:
    """Counts how often it was begun and cut off; ends when it is told to."""

    def __init__(self) -> None:
        self.begun = self.cut = 0
        self.end = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cut += 1
            raise
        return self.begun


def test_who_asks_meanwhile_gets_the_same() -> None:
    async def run() -> tuple[list[int], int]:
        flights, work = Flights[int](), Work()
        asking = [asyncio.create_task(flights.join("key", work)) for _ in range(3)]
        await asyncio.sleep(0)
        work.end.set()
        return await asyncio.gather(*asking), await flights.join("key", work)

    assert asyncio.run(run()) == ([1, 1, 1], 2)


@pytest.mark.parametrize(("leaving", "cut"), [(1, 0), (2, 1)])
def test_it_goes_on_as_long_as_somebody_waits(leaving: int, cut: int) -> None:
    async def run() -> int:
        flights, work = Flights[int](), Work()
        asking = [asyncio.create_task(flights.join("key", work)) for _ in range(2)]
        await asyncio.sleep(0.01)
        for task in asking[:leaving]:
            task.cancel()
        await asyncio.sleep(0.01)
        found = work.cut
        work.end.set()
        await asyncio.gather(*asking, return_exceptions=True)
        return found

    assert asyncio.run(run()) == cut


def test_a_failure_is_everybodys_and_not_kept() -> None:
    async def fail() -> int:
        raise ValueError("no")

    async def run() -> None:
        flights = Flights[int]()
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await flights.join("key", fail)

    asyncio.run(run())
