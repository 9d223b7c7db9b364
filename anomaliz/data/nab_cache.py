"""NAB's files, downloaded when they are first read, and checked against their checksum ever after."""

import hashlib
import os
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import urlopen

from anomaliz.core.errors import ConfigError, DataError
from anomaliz.data.nab_content import fault_in

BASE_URL = "https://raw.githubusercontent.com/numenta/NAB/master"
URL_VARIABLE = "ANOMALIZ_NAB_URL"
DIRECTORY = Path(".nab_cache")
TIMEOUT = 30.0
"""Seconds without a byte."""
ATTEMPTS = 3
PAUSE = 0.5
"""Seconds between attempts."""
AGAIN = "delete it, and it is downloaded again"
INSTEAD = "connect to the network, or give NAB's folder with --data-dir"


@dataclass(frozen=True)
class NabCache:
    """A folder that is filled from `url`, file by file, so that an interrupted download goes on where it was.

    Beside each file lies `NAME.sha256`, as `sha256sum` writes it, recorded when the file was fetched. Nothing
    is kept that is plainly not NAB's. NAB itself publishes no checksums to hold a file against.
    """

    directory: Path
    url: str

    @classmethod
    def default(cls) -> Self:
        """Return `.nab_cache` of the working directory, filled from ANOMALIZ_NAB_URL or numenta/NAB."""
        url = os.environ.get(URL_VARIABLE) or BASE_URL
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"{URL_VARIABLE} must begin with http:// or https://, got {url!r}")
        return cls(DIRECTORY, url.rstrip("/"))

    def has(self, name: str) -> bool:  # noqa: ARG002
        """Return True: what is not there is fetched."""
        return True

    def place(self, name: str) -> Path:
        """Return where `name` is kept."""
        return self.directory / name

    def read(self, name: str) -> bytes:
        """Return the content of `name`; DataError when it cannot be fetched or has changed since it was."""
        path = self.place(name)
        record = path.with_name(f"{path.name}.sha256")
        if not (path.is_file() and record.is_file()):
            self._fetch(name, path, record)
        content = path.read_bytes()
        if _digest(content) != record.read_text().partition(" ")[0]:
            raise DataError(f"{path} differs from its checksum: {AGAIN}")
        fault = fault_in(name, content)
        if fault:
            raise DataError(f"{path} {fault}: {AGAIN}")
        return content

    def _fetch(self, name: str, path: Path, record: Path) -> None:
        url = f"{self.url}/{quote(name)}"
        content = _download(url)
        fault = fault_in(name, content)
        if fault:
            raise DataError(f"what {url} sends {fault}: {INSTEAD}")
        path.parent.mkdir(parents=True, exist_ok=True)
        # The file comes last: where it is, its checksum is too.
        _replace(record, f"{_digest(content)}  {path.name}\n".encode())
        _replace(path, content)


def _download(url: str, attempts: int = ATTEMPTS) -> bytes:
    try:
        with urlopen(url, timeout=TIMEOUT) as response:
            content: bytes = response.read()
            return content
    except (OSError, HTTPException) as error:
        if attempts == 1 or isinstance(error, HTTPError):
            raise DataError(f"{url} cannot be downloaded ({_reason(error)}): {INSTEAD}") from None
    time.sleep(PAUSE)
    return _download(url, attempts - 1)


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code}"
    if isinstance(error, URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    if isinstance(error, HTTPException):
        return "the connection was cut"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _replace(path: Path, content: bytes) -> None:
    """Write `path` whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
