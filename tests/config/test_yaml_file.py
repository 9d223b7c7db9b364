"""The packaged defaults and the file of `--config`."""

from pathlib import Path

import pytest

from anomaliz.config.keys import KEYS
from anomaliz.config.yaml_file import DEFAULTS, read_yaml_file
from anomaliz.core.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "my.yaml"


def test_the_defaults_have_every_setting_once() -> None:
    assert list(read_yaml_file(DEFAULTS)) == list(KEYS)


def test_keys_are_flattened_and_know_their_file(file: Path) -> None:
    file.write_text("data:\n  n_points: 900\nmodels: {lstm_forecaster: {units: 8}}\n")
    layer = read_yaml_file(file)
    assert {key: entry.value for key, entry in layer.items()} == {
        "data.n_points": 900,
        "models.lstm_forecaster.units": 8,
    }
    assert {entry.origin for entry in layer.values()} == {"my.yaml"}


def test_an_empty_section_sets_nothing(file: Path) -> None:
    file.write_text("data:\n  # n_points: 900\nartifact_dir: here\n")
    assert list(read_yaml_file(file)) == ["artifact_dir"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "data: {window_szie: 9}",
            "data.window_szie in my.yaml is not a setting: did you mean data.window_size?",
        ),
        ("dta: {window_size: 9}", "dta in my.yaml is not a setting: did you mean data?"),
        ("n_points: 900", "n_points in my.yaml is not a setting: did you mean data.n_points?"),
        ("1: 2", "1 in my.yaml is not a setting: 'anomaliz config show' lists every setting"),
        ("data: 9", "data in my.yaml is a section, not a setting: set data.profile or another of its keys"),
        ("data.n_points: 900\ndata: {n_points: 901}", "data.n_points is given twice in my.yaml: keep one"),
    ],
)
def test_a_key_that_is_no_setting_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_yaml_file(file)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a mapping of settings"),
        (b"- data", "is not a mapping of settings"),
        (b"just words", "is not a mapping of settings"),
        (b"data: [1", "is not YAML at line 1"),
        (b"data:\n  n_points: 900\n  n_points: 901", "is not YAML at line 3: n_points is given twice"),
        (b"data: 2021-99-99", "is not YAML: month must be in 1..12"),
        (b"? [a, b]\n: c", "is not YAML at line 1: found unhashable key"),
        (
            b"a: !!python/object/apply:os.getcwd []",
            "is not YAML at line 1: could not determine a constructor",
        ),
        (b"a: !!map [b]", "is not YAML at line 1: expected a mapping node"),
        (b"a: \x07", "is not YAML: unacceptable character"),
        pytest.param(b"[" * 5000, "is not YAML: maximum recursion depth", id="deep"),
        (b"\xff\xfe\x00", "is not text"),
    ],
)
def test_a_file_that_is_no_mapping_in_yaml_is_refused(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml_file(file)
    assert str(caught.value).startswith(f"{file} {message}")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_yaml_file(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml_file(tmp_path)


def test_a_merged_mapping_may_be_overridden(file: Path) -> None:
    file.write_text("data: {<<: {n_points: 900, window_size: 5}, n_points: 901}\n")
    layer = read_yaml_file(file)
    assert (layer["data.n_points"].value, layer["data.window_size"].value) == (901, 5)
