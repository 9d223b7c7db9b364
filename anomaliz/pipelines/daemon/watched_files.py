"""Whether files of definitions are others than they were."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from anomaliz.core.errors import ConfigError
from anomaliz.pipelines.loading import definition_files

Glance = frozenset[tuple[str, int, int, int]]
"""Path, inode, size and modification time of each file."""


class WatchedFiles:
    """Looks at files, and at the YAML files of folders. What was saved without a change is no change."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._glance = self._look()
        self._content = self._read()

    def changed(self) -> bool:
        """Return whether there is another content, or file, than at the last call."""
        glance = self._look()
        if glance == self._glance:
            return False
        content = self._read()
        # Looked at before it was read: what changes meanwhile is seen the next time.
        self._glance = glance
        changed = content != self._content
        self._content = content
        return changed

    def _files(self) -> list[Path]:
        try:
            return definition_files(self._paths)
        except ConfigError:
            # Which loading them says in words.
            return []

    def _look(self) -> Glance:
        seen = set()
        for file in self._files():
            try:
                stat = file.stat()
            except OSError:
                continue
            seen.add((str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return frozenset(seen)

    def _read(self) -> dict[str, str]:
        digests = {}
        for file in self._files():
            try:
                digests[str(file)] = hashlib.sha256(file.read_bytes()).hexdigest()
            except OSError:
                continue
        return digests
