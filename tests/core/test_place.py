"""Folders and URIs."""

from pathlib import Path

import pytest

from anomaliz.core.errors import ConfigError
from anomaliz.core.place import RegistryUri, place_of


@pytest.mark.parametrize(
    "text",
    [
        "models:/anomaliz@champion",
        "models:/a model@release-2",
        "models:/anomaliz/12",
        "runs:/0123abc/bundle",
        "runs:/0123abc/model/artifacts/bundle",
    ],
)
def test_a_uri_of_the_registry_stays_as_it_is(text: str) -> None:
    assert place_of(text) == text
    assert isinstance(place_of(text), RegistryUri)


@pytest.mark.parametrize("text", ["artifacts/dev", "/a/b", "c:d", "models", "./models:/x"])
def test_anything_else_is_a_folder(text: str) -> None:
    assert place_of(text) == Path(text)


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert place_of("~/bundle") == Path("/somewhere/bundle")


@pytest.mark.parametrize(
    "text",
    [
        "models:/anomaliz",
        "models:/anomaliz@",
        "models:/anomaliz@a/b",
        "models:/anomaliz/latest",
        "models:/anomaliz/99999999999999999999999",
        "models:/m-0123",
        "models:anomaliz@champion",
        "models://server/anomaliz@champion",
        "runs:/0123abc",
        "runs:/0123abc/",
        "runs:/0123abc/../other",
        "s3://bucket/bundle",
        "file:/bundle",
        "MODELS:/anomaliz@champion",
        "",
        "~nobody-of-this-name/x",
    ],
)
def test_another_form_is_refused_with_those_that_are_read(text: str) -> None:
    with pytest.raises(ConfigError, match=r"give .*models:/NAME@ALIAS|give the whole path"):
        place_of(text)
