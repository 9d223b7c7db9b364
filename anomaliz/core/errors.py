"""Errors that a user can mend. Each message is one sentence that names the thing and the fix."""

from typing import Self


class AnomalizError(Exception):
    """Base of every error that Anomaliz raises on purpose; its text is shown as it is."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        """The input's field, column or setting that is at fault, where there is one."""


class DataError(AnomalizError):
    """A series, frame or request body that cannot be used as it is."""


class ConfigError(AnomalizError):
    """A setting that is unknown or has an impossible value."""


class BundleError(AnomalizError):
    """A bundle that is absent, damaged, or of another format."""


class TrackingError(AnomalizError):
    """A tracking store that cannot be reached, or that refuses what it is asked for."""


class SourceError(AnomalizError):
    """A system for metrics that cannot be reached in time, or refuses what it is asked."""


class StoreError(AnomalizError):
    """A store of state that cannot be reached, or that somebody else has written to meanwhile."""


class ConflictError(AnomalizError):
    """Something that cannot be done now, since something else is under way."""


class MissingExtraError(AnomalizError):
    """A feature whose optional packages are not installed."""

    @classmethod
    def of(cls, feature: str, extra: str) -> Self:
        """Return the error for a `feature` whose packages come with `extra`."""
        return cls(f"{feature} needs the '{extra}' extra: pip install 'anomaliz[{extra}]'")
