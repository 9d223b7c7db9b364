"""The ablation: the same training with other sizes of the autoencoder's code and of the window."""

from dataclasses import dataclass
from typing import Any, Self

from anomaliz.config.settings import Settings

UNITS_2 = (16, 32, 64)
WINDOW_SIZES = (10, 20)


@dataclass(frozen=True)
class Variant:
    """One cell of the sweep."""

    units_2: int
    window_size: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the variant that `settings` describe."""
        return cls(settings.models.lstm_autoencoder.units_2, settings.data.window_size)

    @property
    def name(self) -> str:
        return f"units_2={self.units_2}, window={self.window_size}"

    def describe(self) -> dict[str, Any]:
        return {"units_2": self.units_2, "window_size": self.window_size}

    def applied_to(self, settings: Settings) -> Settings:
        """Return `settings` with this variant's sizes."""
        autoencoder = settings.models.lstm_autoencoder.model_copy(update={"units_2": self.units_2})
        models = settings.models.model_copy(update={"lstm_autoencoder": autoencoder})
        data = settings.data.model_copy(update={"window_size": self.window_size})
        return settings.model_copy(update={"models": models, "data": data})


def variants(settings: Settings) -> list[Variant]:
    """Return every variant of the sweep, the configured one, which ships, first."""
    shipped = Variant.of(settings)
    grid = [Variant(units, window) for window in WINDOW_SIZES for units in UNITS_2]
    return [shipped, *(variant for variant in grid if variant != shipped)]
