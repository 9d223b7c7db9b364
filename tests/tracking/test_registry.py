"""Which bundle an alias names, at a real registry."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.config.loading import load_settings
from anomaliz.core.errors import AnomalizError
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.registry import Registry
from anomaliz.tracking.upload import upload

BUNDLES = ("20260101T000000Z-aaaaaaaa", "20260102T000000Z-bbbbbbbb", "20260103T000000Z-cccccccc")


@pytest.fixture(scope="module")
def model(mlflow_server: Any, bundle: Bundle, bundle_dir: Path) -> tuple[str, str]:
    """A run at the server, and its model's URI."""
    from mlflow import MlflowClient

    overrides = {"tracking.tracking_uri": mlflow_server.uri, "tracking.model_name": "source"}
    settings = load_settings(overrides=overrides, environ={}, env_file=None)
    uploaded = upload(TrainingRecord.of(bundle.version, settings, 0.0, 1.0, None), bundle_dir)
    client = MlflowClient(mlflow_server.uri, mlflow_server.uri)
    return uploaded.run_id, client.get_model_version("source", uploaded.model_version).source


@pytest.fixture
def registry(client: Any, model: tuple[str, str], bundle: Bundle, name: str) -> Registry:
    """A registered model of three bundles, versions 1 to 3."""
    registry = Registry(client, name)
    for version in BUNDLES:
        registry.register(replace(bundle, manifest=replace(bundle.manifest, version=version)), *model)
    return registry


def champion(registry: Registry) -> str | None:
    return next((one.number for one in registry.versions() if "champion" in one.aliases), None)


def test_versions_come_newest_first_with_their_bundle_and_metrics(registry: Registry, bundle: Bundle) -> None:
    versions = registry.versions()
    assert [version.number for version in versions] == ["3", "2", "1"]
    assert [version.bundle_version for version in versions] == list(reversed(BUNDLES))
    f1 = bundle.metrics["summary"]["fused"]["f1"]["mean"]
    assert versions[0].metrics["f1"] == pytest.approx(f1, abs=1e-4)
    assert versions[0].metrics["series_pr_auc"] == pytest.approx(bundle.metrics["series"]["pr_auc"], abs=1e-4)


def test_a_version_has_the_bundles_hash_as_a_tag(registry: Registry, bundle: Bundle) -> None:
    tags = registry.client.get_model_version(registry.name, "1").tags
    assert (tags["bundle_version"], tags["bundle_sha256"]) == (BUNDLES[0], bundle.sha256)


def test_a_version_is_named_by_its_number_or_by_its_bundle(registry: Registry) -> None:
    version, before = registry.promote("2", "champion")
    assert (version.bundle_version, before) == (BUNDLES[1], None)
    version, before = registry.promote(BUNDLES[2], "champion")
    assert (version.number, before) == ("3", "2")
    assert champion(registry) == "3"


def test_rollback_goes_back_promotion_by_promotion(registry: Registry) -> None:
    for number in ("1", "3", "2"):
        registry.promote(number, "champion")
    went = []
    for _ in range(2):
        version, _ = registry.rollback("champion")
        went.append((version.number, champion(registry)))
    assert went == [("3", "3"), ("1", "1")]
    with pytest.raises(AnomalizError, match="named no other version before"):
        registry.rollback("champion")
    assert champion(registry) == "1"


def test_promoting_what_is_promoted_changes_nothing(registry: Registry) -> None:
    registry.promote("1", "champion")
    registry.promote("2", "champion")
    assert registry.promote("2", "champion")[1] == "2"
    assert registry.rollback("champion")[0].number == "1"


def test_rollback_passes_over_a_version_that_was_deleted(registry: Registry) -> None:
    for number in ("1", "2", "3"):
        registry.promote(number, "champion")
    registry.client.delete_model_version(registry.name, "2")
    assert registry.rollback("champion")[0].number == "1"


def test_a_promotion_cut_off_before_the_alias_moved_loses_nothing(registry: Registry) -> None:
    registry.promote("1", "champion")
    registry.promote("2", "champion")
    # What a promotion writes first; then the power failed.
    registry.client.set_registered_model_tag(registry.name, "champion_before", "1 2")
    assert registry.rollback("champion")[0].number == "1"


def test_each_alias_has_a_past_of_its_own(registry: Registry) -> None:
    registry.promote("1", "champion")
    registry.promote("2", "champion")
    registry.promote("3", "challenger")
    with pytest.raises(AnomalizError, match=r"alias 'challenger' .* named no other version"):
        registry.rollback("challenger")


@pytest.mark.parametrize("wanted", ["4", "0", "20260101", ""])
def test_an_unknown_version_is_refused(registry: Registry, wanted: str) -> None:
    with pytest.raises(AnomalizError, match=f"has no version '{wanted}': 'anomaliz bundle list' prints"):
        registry.promote(wanted, "champion")


@pytest.mark.parametrize("alias", ["", "a b", "latest", "Latest", "v1", "a/b"])
def test_an_impossible_alias_is_refused(registry: Registry, alias: str) -> None:
    with pytest.raises(AnomalizError, match="--alias cannot be"):
        registry.promote("1", alias)


def test_an_empty_registry_has_no_versions_and_says_how_to_get_one(client: Any, name: str) -> None:
    registry = Registry(client, name)
    assert registry.versions() == []
    for move in (lambda: registry.promote("1", "champion"), lambda: registry.rollback("champion")):
        with pytest.raises(AnomalizError, match=r"nothing is registered as .*: run 'anomaliz train --logger"):
            move()
