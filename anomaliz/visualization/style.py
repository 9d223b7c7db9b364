"""What every figure shares: size, colours, and how it reaches a file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anomaliz.core.errors import AnomalizError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which stays apart for colour-blind readers.
COLOURS = {
    "isolation_forest": "#009E73",
    "lstm_autoencoder": "#0072B2",
    "lstm_forecaster": "#E69F00",
    "nearest_neighbours": "#56B4E9",
    "ridge_forecaster": "#000000",
    "fused": "#D55E00",
}
ANOMALY = "#D55E00"
OTHER = "#CC79A7"
LONGEST_LABEL = 30
NO_LABELS = "The test part has no labelled anomalies,\nso there is nothing to compare against."


def colour(detector: str) -> str:
    """Return the colour that `detector` has in every figure."""
    return COLOURS.get(detector, OTHER)


def title(detector: str) -> str:
    """Return a detector's name as a person writes it."""
    return detector.replace("_", " ").replace("lstm", "LSTM")


def new_figure(width: float = 10, height: float = 5.5) -> "Figure":
    """Return an empty figure; raises MissingExtraError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError.of("Plotting", "train") from error
    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def shortened(name: str) -> str:
    """Return a user's `name` no longer than can be read beside an axis."""
    return name if len(name) <= LONGEST_LABEL else name[: LONGEST_LABEL - 1] + "…"


def clean(axes: Any) -> None:
    """Take away the ink that says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def say(figure: "Figure", message: str) -> "Figure":
    """Write `message` in the middle of an otherwise empty figure."""
    figure.text(0.5, 0.5, message, ha="center", va="center", fontsize=14)
    return figure


def png(figure: "Figure") -> bytes:
    """Return `figure` as a PNG."""
    image = BytesIO()
    with _any_script():
        figure.savefig(image, format="png")
    return image.getvalue()


def save(figure: "Figure", path: Path) -> Path:
    """Write `figure` to `path`, making its folder."""
    if path.suffix.lower() != ".png":
        raise AnomalizError(f"{path} must end in .png: figures are PNG files")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _any_script():
            figure.savefig(path)
    except OSError as error:
        raise AnomalizError(f"{path} cannot be written ({error.strerror}): choose another place") from None
    return path


@contextmanager
def _any_script() -> Iterator[None]:
    """Have a name in a script that the font lacks drawn as boxes, which is no news for the terminal."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
