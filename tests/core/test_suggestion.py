from anomaliz.core.suggestion import suggestion


def test_a_near_name_is_suggested() -> None:
    assert suggestion("memroy", ("cpu", "memory")) == ", did you mean 'memory'?"


def test_a_far_name_is_not() -> None:
    assert suggestion("disk", ("cpu", "memory")) == ""
    assert suggestion("x" * 10**7, ("cpu", "memory")) == ""
