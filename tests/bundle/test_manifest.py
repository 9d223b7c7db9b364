import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anomaliz.bundle.bundle import Bundle
from anomaliz.bundle.manifest import digest, read_whole, verify
from anomaliz.core.errors import BundleError
from anomaliz.models.registry import WINDOW_DETECTORS


@pytest.fixture
def copy(bundle_dir: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bundle_dir, tmp_path / "copy")


def rewrite(copy: Path, **changes: object) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_whole_bundle_passes(copy: Path) -> None:
    manifest = verify(copy)
    assert manifest.features == ("cpu", "memory", "latency")
    assert manifest.profiles["window"] == list(WINDOW_DETECTORS)
    assert set(manifest.profiles) == {"window", "series"}
    assert set(manifest.files) >= {"scoring.onnx", "history.npz", "lstm_autoencoder/model.keras"}


def test_the_files_are_those_of_the_format(copy: Path) -> None:
    found = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert found == {
        "manifest.json",
        "scoring.onnx",
        "history.npz",
        "series.npz",
        "isolation_forest/model.skops",
        "isolation_forest/score_stats.json",
        "lstm_autoencoder/model.keras",
        "lstm_autoencoder/params.json",
        "lstm_forecaster/model.keras",
        "lstm_forecaster/params.json",
        "nearest_neighbours/model.npz",
        "nearest_neighbours/params.json",
        "ridge_forecaster/model.npz",
        "ridge_forecaster/params.json",
        "normalizer.json",
        "threshold.json",
        "metadata.json",
        "metrics.json",
    }


@pytest.mark.parametrize(
    "name", ["scoring.onnx", "history.npz", "threshold.json", "metrics.json", "lstm_autoencoder/model.keras"]
)
def test_one_changed_byte_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} differs from its hash"):
        Bundle.load(copy)


def test_a_stray_file_fails_only_the_full_check(copy: Path) -> None:
    (copy / "notes.txt").write_text("hello")
    Bundle.load(copy)
    with pytest.raises(BundleError, match=r"notes\.txt is not in the manifest"):
        verify(copy)


@pytest.mark.parametrize("name", ["manifest.json", "scoring.onnx", "threshold.json"])
def test_a_missing_file_is_named_with_the_fix(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing.*anomaliz train"):
        Bundle.load(copy)


def test_no_bundle_at_all_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="anomaliz train"):
        Bundle.load(tmp_path / "absent")


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_format_version_is_refused_with_what_to_do(copy: Path, version: object) -> None:
    rewrite(copy, format_version=version)
    with pytest.raises(BundleError, match="reads format 1: train it again"):
        Bundle.load(copy)


@pytest.mark.parametrize("content", ["", "[]", "nonsense", '{"format_version": 1}'])
def test_a_manifest_that_is_none_is_refused(copy: Path, content: str) -> None:
    (copy / "manifest.json").write_text(content)
    with pytest.raises(BundleError, match="train"):
        Bundle.load(copy)


def test_a_file_outside_the_bundle_is_never_read(copy: Path) -> None:
    files = json.loads((copy / "manifest.json").read_text())["files"]
    outside = copy.parent / "outside"
    outside.write_text("secret")
    (copy / "link").symlink_to(outside)
    for name in ("../outside", str(outside), "link"):
        rewrite(copy, files={**files, name: digest(b"secret")})
        with pytest.raises(BundleError, match="outside the bundle"):
            verify(copy)


@pytest.mark.parametrize(
    ("field", "value"),
    [("window_size", "ten"), ("features", "abc"), ("step_seconds", "x"), ("files", None), ("profiles", [])],
)
def test_a_field_of_a_wrong_kind_is_named(copy: Path, field: str, value: object) -> None:
    rewrite(copy, **{field: value})
    with pytest.raises(BundleError, match=f"wrong {field}"):
        Bundle.load(copy)


def test_parts_of_different_bundles_are_refused(copy: Path) -> None:
    rewrite(copy, window_size=12)
    with pytest.raises(BundleError, match="different bundles"):
        Bundle.load(copy)


def test_json_nested_too_deep_is_refused(copy: Path) -> None:
    (copy / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(BundleError, match="not a manifest"):
        Bundle.load(copy)


def test_a_bundle_that_is_replaced_while_it_is_read_is_read_again(copy: Path, bundle_dir: Path) -> None:
    code = f"""
import json, shutil
from pathlib import Path
from anomaliz.bundle.manifest import digest
from anomaliz.bundle.writer import replacing
for i in range(150):
    with replacing(Path({str(copy)!r})) as new:
        shutil.copytree({str(bundle_dir)!r}, new, dirs_exist_ok=True)
        (new / "metadata.json").write_text(json.dumps({{"run": i}}))
        manifest = json.loads((new / "manifest.json").read_text())
        manifest["files"]["metadata.json"] = digest((new / "metadata.json").read_bytes())
        (new / "manifest.json").write_text(json.dumps(manifest))
"""
    loads = 0
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while process.poll() is None:
            read_whole(copy)
            loads += 1
    assert process.returncode == 0
    assert loads > 10
