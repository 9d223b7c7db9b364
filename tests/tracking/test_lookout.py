"""What URIs stand for in a real registry, and what is known of them without one."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from anomaliz.bundle.manifest import read_manifest, verify
from anomaliz.tracking.cache import BundleCache
from anomaliz.tracking.lookout import Lookout
from anomaliz.tracking.record import TrainingRecord
from anomaliz.tracking.registry import Registry
from anomaliz.tracking.resolver import Resolver
from anomaliz.tracking.store import connected
from anomaliz.tracking.upload import upload

if TYPE_CHECKING:
    from conftest import MlflowServer, Register

Point = Callable[[str, str, str], None]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def lookout(mlflow_server: "MlflowServer", tmp_path: Path) -> Lookout:
    cache = BundleCache(tmp_path / "cache", mlflow_server.uri)
    cache.require_writable()
    return Lookout(Resolver(mlflow_server.uri), cache)


def test_alias_version_and_run_stand_for_one_bundle(
    lookout: Lookout, register: "Register", point: Point, bundle_dir: Path, client: Any
) -> None:
    version = register(bundle_dir, "three-ways")
    point("three-ways", "champion", version)
    run_id = client.get_model_version("three-ways", version).run_id
    sha256 = read_manifest(bundle_dir)[1]
    by_alias = lookout.look("models:/three-ways@champion")
    assert (by_alias.version, by_alias.reachable, by_alias.message) == (version, True, None)
    assert read_manifest(by_alias.found())[1] == sha256
    assert lookout.look(f"models:/three-ways/{version}").folder == by_alias.folder
    by_run = lookout.look(f"runs:/{run_id}/bundle")
    assert by_run.version == run_id
    assert read_manifest(by_run.found())[1] == sha256


@pytest.mark.parametrize("store", ["server", "database"])
def test_what_training_registers_and_a_person_promotes_is_found(
    record: TrainingRecord, bundle_dir: Path, mlflow_server: "MlflowServer", tmp_path: Path, store: str
) -> None:
    uri = mlflow_server.uri if store == "server" else f"sqlite:///{tmp_path}/mlruns.db"
    run_id = upload(replace(record, tracking_uri=uri), bundle_dir).run_id
    with connected(uri) as client:
        Registry(client, record.model_name).promote(record.bundle_version, "champion")
    lookout = Lookout(Resolver(uri), BundleCache(tmp_path / "cache", uri))
    for place in (f"models:/{record.model_name}@champion", f"runs:/{run_id}/bundle"):
        found = verify(lookout.look(place).found())
        assert found.version == record.bundle_version


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/nothing-of-this-name@champion", "not found"),
        ("models:/nothing-of-this-name/1", "not found"),
        (f"runs:/{'f' * 32}/bundle", "not found"),
    ],
)
def test_a_name_for_nothing_is_said_in_a_sentence(lookout: Lookout, uri: str, said: str) -> None:
    sighting = lookout.look(uri)
    assert (sighting.folder, sighting.reachable) == (None, True)
    assert (sighting.message or "").startswith(f"{uri} is not in the registry at http://127.0.0.1:")
    assert said in (sighting.message or "")
    assert "\n" not in (sighting.message or "")


def test_a_version_that_is_not_its_tags_is_refused(
    lookout: Lookout, register: "Register", bundle_dir: Path
) -> None:
    version = register(bundle_dir, "mistagged", sha256="0" * 64)
    sighting = lookout.look(f"models:/mistagged/{version}")
    assert (sighting.folder, sighting.reachable) == (None, True)
    assert "tagged with another's hash, 000000000000" in (sighting.message or "")


def test_a_damaged_cache_is_downloaded_again(
    lookout: Lookout, register: "Register", bundle_dir: Path
) -> None:
    uri = f"models:/mended/{register(bundle_dir, 'mended')}"
    folder = lookout.look(uri).found()
    (folder / "scoring.onnx").write_bytes(b"damaged")
    assert lookout.look(uri).found() == folder
    assert (folder / "scoring.onnx").read_bytes() == (bundle_dir / "scoring.onnx").read_bytes()


def test_without_the_registry_the_cache_answers(
    lookout: Lookout, register: "Register", bundle_dir: Path
) -> None:
    uri = f"models:/lonely/{register(bundle_dir, 'lonely')}"
    folder = lookout.look(uri).found()
    away = Lookout(Resolver(NOBODY), lookout.cache)
    sighting = away.look(uri)
    assert (sighting.folder, sighting.version, sighting.reachable) == (folder, "1", False)
    assert "cannot be reached (connection refused); " in (sighting.message or "")
    assert f"what {uri} last stood for, version 1, is served" in (sighting.message or "")
    (folder / "scoring.onnx").write_bytes(b"damaged")
    assert away.look(uri).folder is None
    assert "in the cache is damaged" in (away.look(uri).message or "")
    shutil.rmtree(lookout.cache.directory)
    assert f"{uri} is not in the cache" in (away.look(uri).message or "")


def test_a_database_that_is_not_there_is_not_made(lookout: Lookout, tmp_path: Path) -> None:
    database = tmp_path / "absent.db"
    sighting = Lookout(Resolver(f"sqlite:///{database}"), lookout.cache).look("models:/anomaliz@champion")
    assert (sighting.folder, sighting.reachable) == (None, False)
    assert (sighting.message or "").startswith(f"sqlite:///{database} is not there: 'anomaliz train --logger")
    assert not database.exists()


def test_a_cache_that_cannot_be_written_is_said(
    lookout: Lookout, register: "Register", bundle_dir: Path
) -> None:
    uri = f"models:/homeless/{register(bundle_dir, 'homeless')}"
    shutil.rmtree(lookout.cache.directory)
    lookout.cache.directory.touch()
    sighting = lookout.look(uri)
    assert (sighting.folder, sighting.reachable) == (None, True)
    assert f"cannot be kept in tracking.cache_dir {lookout.cache.directory}" in (sighting.message or "")
