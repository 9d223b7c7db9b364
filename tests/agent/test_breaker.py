import pytest

from anomaliz.agent.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Breaker:
    breaker = Breaker(failures=3, open_seconds=60, clock=clock)
    for _ in range(3):
        assert breaker.lets_through()
        breaker.failed()
    return breaker


def test_failures_in_a_row_open_it(opened: Breaker) -> None:
    assert opened.state == "open"
    assert not opened.lets_through()


def test_a_success_between_failures_keeps_it_closed(clock: Clock) -> None:
    breaker = Breaker(failures=2, open_seconds=60, clock=clock)
    for _ in range(5):
        breaker.failed()
        breaker.succeeded()
    assert breaker.state == "closed"


def test_after_a_while_one_may_try(opened: Breaker, clock: Clock) -> None:
    clock.now = 59.9
    assert not opened.lets_through()
    clock.now = 60
    assert opened.state == "half_open"
    assert [opened.lets_through() for _ in range(3)] == [True, False, False]


def test_a_try_that_goes_well_closes_it(opened: Breaker, clock: Clock) -> None:
    clock.now = 60
    assert opened.lets_through()
    opened.succeeded()
    assert opened.state == "closed"
    opened.failed()
    assert opened.state == "closed"


def test_a_try_that_fails_opens_it_again(opened: Breaker, clock: Clock) -> None:
    clock.now = 60
    assert opened.lets_through()
    opened.failed()
    clock.now = 119
    assert opened.state == "open"
    clock.now = 120
    assert opened.lets_through()


def test_a_try_that_was_given_up_lets_another_one_try(opened: Breaker, clock: Clock) -> None:
    clock.now = 60
    assert opened.lets_through()
    opened.gave_up()
    assert opened.lets_through()
