"""Settings: what they are, where they come from, and what they are now."""

from anomaliz.config.loading import Setting, effective, load_settings
from anomaliz.config.settings import Settings

__all__ = ["Setting", "Settings", "effective", "load_settings"]
