"""The Accept header: how much a client wants a media type (RFC 9110, section 12.5.1)."""

import math


def quality(accept: str, media_type: str, *, wildcards: bool = True) -> float:
    """Return the quality, 0 to 1, that `accept` gives `media_type`; without `wildcards` only if by name."""
    kind = media_type.partition("/")[0]
    wanted = [media_type, f"{kind}/*", "*/*"] if wildcards else [media_type]
    given = dict(_range(part) for part in reversed(accept.split(",")))
    return next((given[name] for name in wanted if name in given), 0.0)


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    weights = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
    return name, _weight(weights[0]) if weights else 1.0


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return min(max(weight, 0.0), 1.0) if math.isfinite(weight) else 0.0
