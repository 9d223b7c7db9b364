"""A registry of models, which MLflow keeps: what a URI stands for there, and how to get it."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anomaliz.config.refusal import masked
from anomaliz.core.errors import BundleError, MissingExtraError
from anomaliz.tracking.cache import Version

SHA256_TAG = "bundle_sha256"
"""Of a model's version: the hash of the bundle in it."""

# MLflow's own would let a look at a dead server take many minutes.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"}
"""How MLflow says that a name stands for nothing; any other failure says nothing of the name."""
LONGEST_REASON = 200

_ERRNO = re.compile(r"\[Errno -?\d+\] ([^\"')]+)")
_SQLITE = re.compile(r"sqlite(\+\w+)?:///(?P<path>[^?]+)")


class UnreachableError(Exception):
    """The registry did not answer; the text is the reason."""


class Registry:
    """The registry at a tracking URI."""

    def __init__(self, tracking_uri: str) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            import mlflow
        except ImportError as error:
            raise MissingExtraError.of("A bundle in a registry", "tracking") from error
        self.tracking_uri = tracking_uri
        mlflow.set_tracking_uri(tracking_uri)
        mlflow.set_registry_uri(tracking_uri)

    def resolve(self, uri: str) -> Version:
        """Return what `uri` stands for now.

        Raises BundleError where it stands for nothing, UnreachableError where the registry does not answer.
        """
        with self._asking(uri):
            self._require_store()
            scheme, _, rest = uri.partition(":/")
            return self._of_run(uri, rest) if scheme == "runs" else self._of_model(rest)

    def download(self, version: Version, folder: Path) -> None:
        """Put the version's files below `folder`; raises as `resolve` does."""
        from mlflow import artifacts

        with self._asking(version.source):
            artifacts.download_artifacts(version.source, dst_path=str(folder), tracking_uri=self.tracking_uri)

    def _of_model(self, rest: str) -> Version:
        from mlflow import MlflowClient

        client = MlflowClient()
        if "@" in rest:
            found = client.get_model_version_by_alias(*rest.split("@"))
        else:
            found = client.get_model_version(*rest.split("/"))
        source = f"models:/{found.name}/{found.version}"
        # A name may be deleted and given again: the time of creation tells the two apart.
        key = self._key(found.name, found.version, f"{source} {found.creation_timestamp}")
        return Version(key, str(found.version), source, found.tags.get(SHA256_TAG))

    def _of_run(self, uri: str, rest: str) -> Version:
        from mlflow import MlflowClient

        run_id = rest.partition("/")[0]
        MlflowClient().get_run(run_id)
        return Version(self._key("run", run_id, uri), run_id, uri)

    def _key(self, name: str, number: str, identity: str) -> str:
        digest = hashlib.sha256(f"{self.tracking_uri}\n{identity}".encode()).hexdigest()[:12]
        return f"{re.sub(r'[^A-Za-z0-9-]', '_', name)[:60]}-{number}-{digest}"

    def _require_store(self) -> None:
        """Refuse a database file that is not there, which a look would make."""
        database = _SQLITE.match(self.tracking_uri)
        if database and not Path(database["path"]).exists():
            raise UnreachableError(f"there is no file {database['path']}")

    @contextmanager
    def _asking(self, uri: str) -> Iterator[None]:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            if error.error_code in ABSENT:
                raise BundleError(
                    f"{uri} is not in the registry at {masked(self.tracking_uri)} ({_reason(error)}): "
                    "register it there, or give another URI"
                ) from None
            raise UnreachableError(_reason(error)) from error
        except (BundleError, UnreachableError):
            raise
        except Exception as error:  # drivers and HTTP libraries raise what they like
            raise UnreachableError(_reason(error)) from error


def _reason(error: Any) -> str:
    """Return the gist of an error that may fill pages."""
    text = str(error)
    if errno := _ERRNO.search(text):
        return errno[1].strip()
    line = masked(text.strip().partition("\n")[0].removeprefix(f"{getattr(error, 'error_code', '')}: "))
    return line[:LONGEST_REASON].rstrip(".") or type(error).__name__
