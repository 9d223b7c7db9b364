"""Rows of text as a table."""

from collections.abc import Sequence


def text_table(rows: Sequence[Sequence[str]], n_left: int = 1) -> str:
    """Return `rows`, the heading first, with the first `n_left` columns flush left and the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths, n_left) for row in rows)


def number_cell(value: float | None) -> str:
    """Return a measure to three digits, a count as it is, and a dash for what is not defined."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _line(row: Sequence[str], widths: Sequence[int], n_left: int) -> str:
    names = (cell.ljust(width) for cell, width in zip(row[:n_left], widths, strict=False))
    numbers = (cell.rjust(width) for cell, width in zip(row[n_left:], widths[n_left:], strict=True))
    return "  ".join([*names, *numbers]).rstrip()
