"""What the URI of a bundle stands for in MLflow, and how to get it."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anomaliz.config.refusal import masked
from anomaliz.core.errors import BundleError
from anomaliz.tracking.cache import Version
from anomaliz.tracking.registry import BUNDLE_SHA256
from anomaliz.tracking.store import connected, gist, require_existing

if TYPE_CHECKING:
    from mlflow import MlflowClient

ABSENT = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"}
"""How MLflow says that a name stands for nothing; any other failure says nothing of the name."""


@dataclass(frozen=True)
class Resolver:
    """Asks the registry at a tracking URI, with a connection for each question."""

    tracking_uri: str

    def resolve(self, uri: str) -> Version:
        """Return what `uri` stands for now.

        Raises BundleError where it stands for nothing, TrackingError where the registry does not answer.
        """
        with self._asking(uri) as client:
            scheme, _, rest = uri.partition(":/")
            return self._of_run(client, uri, rest) if scheme == "runs" else self._of_model(client, rest)

    def download(self, version: Version, folder: Path) -> None:
        """Put the version's files below `folder`; raises as `resolve` does."""
        with self._asking(version.source):
            from mlflow import artifacts

            artifacts.download_artifacts(version.source, dst_path=str(folder), tracking_uri=self.tracking_uri)

    def _of_model(self, client: "MlflowClient", rest: str) -> Version:
        if "@" in rest:
            found = client.get_model_version_by_alias(*rest.split("@"))
        else:
            found = client.get_model_version(*rest.split("/"))
        source = f"models:/{found.name}/{found.version}"
        # A name may be deleted and given again: the time of creation tells the two apart.
        key = self._key(found.name, found.version, f"{source} {found.creation_timestamp}")
        return Version(key, str(found.version), source, found.tags.get(BUNDLE_SHA256))

    def _of_run(self, client: "MlflowClient", uri: str, rest: str) -> Version:
        run_id = rest.partition("/")[0]
        client.get_run(run_id)
        return Version(self._key("run", run_id, uri), run_id, uri)

    def _key(self, name: str, number: str, identity: str) -> str:
        digest = hashlib.sha256(f"{self.tracking_uri}\n{identity}".encode()).hexdigest()[:12]
        return f"{re.sub(r'[^A-Za-z0-9-]', '_', name)[:60]}-{number}-{digest}"

    @contextmanager
    def _asking(self, uri: str) -> Iterator["MlflowClient"]:
        require_existing(self.tracking_uri)
        with connected(self.tracking_uri) as client:
            from mlflow.exceptions import MlflowException

            try:
                yield client
            except MlflowException as error:
                if error.error_code not in ABSENT:
                    raise
                raise BundleError(
                    f"{uri} is not in the registry at {masked(self.tracking_uri)} ({gist(error)}): "
                    "register it there, or give another URI"
                ) from None
