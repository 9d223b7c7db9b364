"""Names and texts from outside, as data: quoted, printable and short."""

import json
from math import isfinite

LONGEST_NAME = 80
LONGEST_TEXT = 200


def quoted(text: str, longest: int = LONGEST_NAME) -> str:
    """Return `text` in quotes on one line, cut after `longest` characters.

    Quotes and backslashes are escaped, and what is no printable character is a blank, so that nothing of it
    can pass for the words around it.
    """
    line = "".join(character if character.isprintable() else " " for character in text[: longest + 1])
    short = line if len(line) <= longest else line[:longest] + "…"
    return json.dumps(short, ensure_ascii=False)


def percent(share: float) -> str:
    """Return a share of 1 in whole per cents; NaN is an unknown one."""
    return f"{100 * share:.0f}%" if isfinite(share) else "an unknown share"


def number(value: float) -> str:
    """Return a number in four digits, as a person writes it."""
    text = f"{value:.4g}"
    return text if "e" not in text or abs(value) >= 1e9 or abs(value) < 1e-4 else f"{value:.0f}"
