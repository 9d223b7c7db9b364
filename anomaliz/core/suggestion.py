"""The suggestion in an error: the known name that an unknown one resembles."""

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_NAME = 80
"""Of a longer name only the beginning is compared, since comparing takes the square of its length."""


def nearest(unknown: str, known: Iterable[str]) -> str | None:
    """Return the one of the `known` names that `unknown` resembles most, or None where it resembles none."""
    matches = get_close_matches(unknown[:LONGEST_NAME], list(known), n=1)
    return matches[0] if matches else None


def suggestion(unknown: str, known: Iterable[str]) -> str:
    """Return ", did you mean 'cpu'?" for a near match among `known` names, else nothing."""
    near = nearest(unknown, known)
    return f", did you mean {near!r}?" if near else ""
