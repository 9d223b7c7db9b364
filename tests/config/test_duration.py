import pytest
from pydantic import TypeAdapter, ValidationError

from anomaliz.config.duration import Seconds, SecondsOrZero


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("7d", 604_800),
        ("2w", 1_209_600),
        ("500ms", 0.5),
        ("1.5h", 5400),
    ],
)
def test_a_duration_is_seconds(given: str, seconds: float) -> None:
    assert TypeAdapter(Seconds).validate_python(given) == seconds


@pytest.mark.parametrize("given", ["", "5", "m", "5 minutes", "-5m", "5m soon", "1y"])
def test_what_is_no_duration_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="a duration such as 30s, 5m or 1h30m"):
        TypeAdapter(Seconds).validate_python(given)


def test_a_number_is_seconds() -> None:
    assert TypeAdapter(Seconds).validate_python(2.5) == 2.5
    assert TypeAdapter(SecondsOrZero).validate_python("0s") == 0
    with pytest.raises(ValidationError, match="greater than 0"):
        TypeAdapter(Seconds).validate_python("0s")
