"""A query as errors show it."""

LONGEST = 80


def shortened(query: str) -> str:
    """Return the query on one line, quoted, with its middle left out where it is long."""
    line = " ".join(query.split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    return repr(line)
