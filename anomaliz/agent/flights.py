"""Single flight: who asks for what is under way already gets that answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass
class Flight(Generic[Value]):
    """Work under way, and how many wait for it."""

    task: "asyncio.Task[Value]"
    waiting: int = 0


class Flights(Generic[Value]):
    """The work under way, by what it is of. For one event loop."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, Flight[Value]] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[Value]]) -> Value:
        """Return the result of the work of this key, begun now if it is not under way.

        It is cancelled when nobody waits for it any more.
        """
        flight = self._under_way.get(key) or self._begin(key, work)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                # Not waited for: its connection closes in its own time.
                flight.task.cancel()
                self._landed(key, flight)

    def _begin(self, key: Hashable, work: Callable[[], Awaitable[Value]]) -> Flight[Value]:
        flight = self._under_way[key] = Flight(asyncio.ensure_future(_awaited(work)))
        flight.task.add_done_callback(lambda _: self._landed(key, flight))
        return flight

    def _landed(self, key: Hashable, flight: Flight[Value]) -> None:
        if self._under_way.get(key) is flight:
            del self._under_way[key]


async def _awaited(work: Callable[[], Awaitable[Value]]) -> Value:
    return await work()
