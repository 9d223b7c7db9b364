"""Hours of a week."""

import pytest

from anomaliz.pipelines.hours import Hours

ALL = frozenset(range(7))


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("Mon-Fri 08:00-18:00", {0, 1, 2, 3, 4}, 480, 1080),
        ("sat,Sunday 8:30 - 12:00", {5, 6}, 510, 720),
        ("Fri-Mon 00:00-24:00", {4, 5, 6, 0}, 0, 1440),
        ("Wed 22:00-06:00", {2}, 1320, 1800),
        ("08:00-18:00", ALL, 480, 1080),
    ],
)
def test_hours_are_read(text: str, days: set[int], start: int, end: int) -> None:
    assert Hours.parse(text) == Hours(frozenset(days), start, end)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("always", "must be days and hours such as 'Mon-Fri 08:00-18:00', got 'always'"),
        ("Mon-Fry 08:00-09:00", "'Fry' in 'Mon-Fry 08:00-09:00' is no day"),
        ("M 08:00-09:00", "'M' in 'M 08:00-09:00' is no day"),
        ("Mon 08:60-09:00", "'08:60' in 'Mon 08:60-09:00' is no time"),
        ("Mon 08:00-24:01", "'24:01' in 'Mon 08:00-24:01' is no time"),
        ("Mon 08:00-08:00", "holds no time"),
        ("Mon 24:00-08:00", "holds no time"),
    ],
)
def test_what_is_no_hours_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="must be days and hours") as caught:
        Hours.parse(text)
    assert message in str(caught.value)
