"""The model registry: which bundles are in it, and which of them an alias names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anomaliz.core.errors import AnomalizError
from anomaliz.tracking.readings import COMPARED, metrics_that_matter

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

    from anomaliz.bundle.bundle import Bundle

BUNDLE_VERSION = "bundle_version"
BUNDLE_SHA256 = "bundle_sha256"
HISTORY = "{alias}_before"
"""Tag of the registered model: the versions that an alias named before, the last one last."""
LONGEST_HISTORY = 50


@dataclass(frozen=True)
class Version:
    """A version of the registered model, which is a bundle."""

    number: str
    bundle_version: str | None
    """None for a version that something else registered."""
    created: datetime
    aliases: tuple[str, ...]
    metrics: Mapping[str, float]

    def __str__(self) -> str:
        return f"version {self.number} (bundle {self.bundle_version or 'unknown'})"


@dataclass(frozen=True)
class Registry:
    """The versions of one registered model."""

    client: "MlflowClient"
    name: str

    def versions(self) -> list[Version]:
        """Return every version, the newest first; none where nothing is registered."""
        model = self._model()
        if model is None:
            return []
        aliases = _aliases(model)
        found = self.client.search_model_versions(f"name = '{self.name}'")
        return sorted((_version(one, aliases) for one in found), key=_newest_first)

    def register(self, bundle: "Bundle", run_id: str, source: str) -> Version:
        """Return the version that has `bundle`, made from the model at `source` where there is none yet."""
        known = self._of_bundle(bundle.version)
        if known:
            return known
        if self._model() is None:
            self.client.create_registered_model(self.name, description="Bundles trained by Anomaliz.")
        metrics = {name: f"{value:.4f}" for name, value in metrics_that_matter(bundle.metrics).items()}
        tags = {BUNDLE_VERSION: bundle.version, BUNDLE_SHA256: bundle.sha256, **metrics}
        model_id = source.removeprefix("models:/")
        made = self.client.create_model_version(self.name, source, run_id, tags, model_id=model_id)
        return _version(made, {})

    def promote(self, wanted: str, alias: str) -> tuple[Version, str | None]:
        """Make `alias` name the version `wanted`, a number or a bundle's version.

        Returns the version, and the number that the alias named before, which `rollback` goes back to.
        Raises AnomalizError for an unknown version and an impossible alias.
        """
        _require_alias(alias)
        before = _aliases(self._required()).get(alias)
        version = self._wanted(wanted)
        if before == version.number:
            return version, before
        if before is not None:
            # First, so that a cut between the two steps loses no version to go back to.
            self._remember(alias, [*self._history(alias), before])
        self.client.set_registered_model_alias(self.name, alias, version.number)
        return version, before

    def rollback(self, alias: str) -> tuple[Version, str | None]:
        """Make `alias` name what it named before its last promotion; return that, and the number it had.

        Raises AnomalizError where there is nothing to go back to.
        """
        now = _aliases(self._required()).get(alias)
        known = {version.number: version for version in self.versions()}
        history = [number for number in self._history(alias) if number in known]
        while history and history[-1] == now:
            history.pop()
        if not history:
            raise AnomalizError(
                f"alias {alias!r} of model {self.name} named no other version before: "
                "name one with 'anomaliz bundle promote'"
            )
        version = known[history[-1]]
        self.client.set_registered_model_alias(self.name, alias, version.number)
        self._remember(alias, history[:-1])
        return version, now

    def _of_bundle(self, bundle_version: str) -> Version | None:
        return next((one for one in self.versions() if one.bundle_version == bundle_version), None)

    def _wanted(self, wanted: str) -> Version:
        for version in self.versions():
            if wanted in (version.number, version.bundle_version):
                return version
        raise AnomalizError(
            f"model {self.name} has no version {wanted!r}: 'anomaliz bundle list' prints those it has"
        )

    def _model(self) -> "RegisteredModel | None":
        # Asking for a model that is not there is an error; searching is not.
        found = self.client.search_registered_models(f"name = '{self.name}'")
        return found[0] if found else None

    def _required(self) -> "RegisteredModel":
        model = self._model()
        if model is None:
            raise AnomalizError(
                f"nothing is registered as {self.name}: run 'anomaliz train --logger mlflow' first"
            )
        return model

    def _history(self, alias: str) -> list[str]:
        text: str = self._required().tags.get(HISTORY.format(alias=alias), "")
        return text.split()

    def _remember(self, alias: str, numbers: list[str]) -> None:
        text = " ".join(numbers[-LONGEST_HISTORY:])
        self.client.set_registered_model_tag(self.name, HISTORY.format(alias=alias), text)


def _aliases(model: "RegisteredModel") -> dict[str, str]:
    """Return each alias's version; databases give numbers, servers text."""
    return {alias: str(number) for alias, number in model.aliases.items()}


def _require_alias(alias: str) -> None:
    if not re.fullmatch(r"[\w-]+", alias) or re.fullmatch(r"latest|v\d+", alias, re.IGNORECASE):
        raise AnomalizError(
            f"--alias cannot be {alias!r}: give letters, digits, '_' and '-', and neither 'latest' nor 'v1'",
            field="alias",
        )


def _version(found: Any, aliases: Mapping[str, str]) -> Version:
    return Version(
        number=str(found.version),
        bundle_version=found.tags.get(BUNDLE_VERSION),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        aliases=tuple(sorted(alias for alias, number in aliases.items() if number == str(found.version))),
        metrics={name: float(found.tags[name]) for name in COMPARED if name in found.tags},
    )


def _newest_first(version: Version) -> int:
    return -int(version.number)
