from anomaliz.pipelines.daemon.clock import Clock


class Hand:
    """A clock that goes as it is told."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def test_time_that_passes_is_no_jump() -> None:
    wall, steady = Hand(1000.0), Hand(5.0)
    clock = Clock(wall, steady)
    wall.seconds, steady.seconds = 4600.5, 3605.0
    assert clock.jump() == 0


def test_a_jump_is_told_once() -> None:
    wall, steady = Hand(1000.0), Hand(5.0)
    clock = Clock(wall, steady)
    wall.seconds -= 3600
    assert clock.jump() == -3600
    assert clock.jump() == 0
    wall.seconds += 10
    assert clock.jump() == 10
