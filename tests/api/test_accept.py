import pytest

from anomaliz.api.accept import quality


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", 0),
        ("*/*", 1),
        ("text/*;q=0.5, */*;q=0.1", 0.5),
        ("text/plain;q=0.2, text/*", 0.2),
        ("TEXT/PLAIN ; version=0.0.4 ; Q=0.3", 0.3),
        ("text/plain;q=0", 0),
        ("text/plain;q=nan", 0),
        ("text/plain;q=high", 0),
        ("text/plain;q=7", 1),
        ("application/json", 0),
        ("text/plain;version=1;q=0.4, text/plain;version=0;q=0.3", 0.4),
        (",;,=", 0),
    ],
)
def test_the_most_specific_range_says_the_quality(accept: str, expected: float) -> None:
    assert quality(accept, "text/plain") == expected


def test_wildcards_do_not_name() -> None:
    assert quality("*/*, text/*", "text/plain", wildcards=False) == 0
