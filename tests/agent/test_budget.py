from datetime import date

from anomaliz.agent.budget import Budget
from anomaliz.agent.price import Usage


class Calendar:
    day = date(2024, 1, 1)

    def __call__(self) -> date:
        return self.day


def test_tokens_run_out_and_come_back_the_next_day() -> None:
    calendar = Calendar()
    budget = Budget(100, None, calendar)
    budget.spend(Usage(60, 39), None)
    assert not budget.exhausted
    budget.spend(Usage(1, 0), None)
    assert budget.exhausted
    calendar.day = date(2024, 1, 2)
    assert not budget.exhausted


def test_money_runs_out() -> None:
    budget = Budget(None, 0.01)
    budget.spend(Usage(10**9, 0), 0.009)
    assert not budget.exhausted
    budget.spend(Usage(1, 1), 0.002)
    assert budget.exhausted


def test_without_limits_nothing_runs_out() -> None:
    budget = Budget(None, None)
    budget.spend(Usage(10**12, 10**12), 1e9)
    assert not budget.exhausted


def test_no_money_is_a_budget_too() -> None:
    assert Budget(None, 0.0).exhausted
