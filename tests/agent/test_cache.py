from anomaliz.agent.cache import MOST, CoolDown


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_value_is_kept_for_a_while() -> None:
    clock = Clock()
    kept: CoolDown[str] = CoolDown(300, clock)
    kept.put(("a",), "explained")
    clock.now = 299.9
    assert kept.get(("a",)) == "explained"
    assert kept.get(("b",)) is None
    clock.now = 300
    assert kept.get(("a",)) is None


def test_no_seconds_keep_nothing() -> None:
    kept: CoolDown[str] = CoolDown(0)
    kept.put(1, "explained")
    assert kept.get(1) is None


def test_the_oldest_make_room() -> None:
    kept: CoolDown[int] = CoolDown(300)
    for i in range(MOST + 1):
        kept.put(i, i)
    assert kept.get(0) is None
    assert kept.get(1) == 1
    assert kept.get(MOST) == MOST
