"""The day's budget: tokens and money that explanations may cost."""

from collections.abc import Callable
from datetime import UTC, date, datetime

from anomaliz.agent.price import Usage


def _today() -> date:
    return datetime.now(UTC).date()


class Budget:
    """Counts what a day (UTC) has cost; what is under way is counted when it ends."""

    def __init__(
        self, daily_tokens: int | None, daily_cost: float | None, today: Callable[[], date] = _today
    ) -> None:
        self.daily_tokens = daily_tokens
        self.daily_cost = daily_cost
        self._today = today
        self._day = today()
        self._tokens = 0
        self._cost = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether nothing more may be spent today."""
        self._turn()
        if self.daily_tokens is not None and self._tokens >= self.daily_tokens:
            return True
        return self.daily_cost is not None and self._cost >= self.daily_cost

    def spend(self, usage: Usage, cost: float | None) -> None:
        """Count tokens, and money where the price is known."""
        self._turn()
        self._tokens += usage.total
        self._cost += cost or 0.0

    def _turn(self) -> None:
        today = self._today()
        if today != self._day:
            self._day, self._tokens, self._cost = today, 0, 0.0
