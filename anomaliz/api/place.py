"""Where the service finds a bundle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from anomaliz.core.place import RegistryUri
from anomaliz.tracking.watcher import RegistryWatcher


class BundlePlace(Protocol):
    """Where a bundle is. Its text is what a user called it."""

    def folder(self) -> Path:
        """Return the folder where the bundle lies now; raises BundleError with the reason if nowhere."""
        ...

    def look(self) -> None:
        """Have `folder` know what is there now; raises BundleError with the reason if it cannot."""
        ...


@dataclass(frozen=True)
class FolderPlace:
    """A folder, which is where it is."""

    directory: Path

    def folder(self) -> Path:
        return self.directory

    def look(self) -> None:
        """Do nothing: a folder is looked at when it is read."""

    def __str__(self) -> str:
        return str(self.directory)


@dataclass(frozen=True)
class RegistryPlace:
    """A URI of the registry, whose bundles a watcher has downloaded."""

    uri: RegistryUri
    watcher: RegistryWatcher

    def folder(self) -> Path:
        return self.watcher.folder(self.uri)

    def look(self) -> None:
        self.watcher.look()

    def __str__(self) -> str:
        return self.uri
