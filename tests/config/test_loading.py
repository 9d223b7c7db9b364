"""Sources laid over one another."""

import pickle
from pathlib import Path

import pytest
from pydantic import ValidationError

from anomaliz.config import effective, load_settings
from anomaliz.config.keys import KEYS
from anomaliz.core.errors import ConfigError
from anomaliz.models.registry import WINDOW_DETECTORS

POINTS = "ANOMALIZ__DATA__N_POINTS"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "my.yaml"
    path.write_text("data: {n_points: 901}\n")
    return path


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(f"{POINTS}=902\n")
    return path


def test_the_defaults_are_settings() -> None:
    settings = load_settings(environ={}, env_file=None)
    assert settings.artifact_dir == Path("artifacts/dev")
    assert settings.data.window_size == 10
    assert settings.detection.members == tuple(WINDOW_DETECTORS)
    assert settings.agent.openai_api_key is None


def test_each_source_is_stronger_than_the_one_before(config: Path, env_file: Path) -> None:
    sources = [
        ({}, 8000, "defaults.yaml"),
        ({"config": config}, 901, "my.yaml"),
        ({"env_file": env_file}, 902, f".env: {POINTS}"),
        ({"environ": {POINTS: "903"}}, 903, f"environment: {POINTS}"),
        ({"overrides": {"data.n_points": 904}}, 904, "command line"),
    ]
    given: dict[str, object] = {"environ": {}, "env_file": None}
    for source, value, origin in sources:
        given |= source
        shown = {setting.key: (setting.value, setting.origin) for setting in effective(**given)}
        assert shown["data.n_points"] == (value, origin)
        assert load_settings(**given).data.n_points == value


def test_a_file_changes_only_what_it_names(config: Path) -> None:
    settings = load_settings(config, environ={}, env_file=None)
    assert (settings.data.n_points, settings.data.window_size) == (901, 10)


def test_the_process_environment_and_directory_are_read(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(env_file.parent)
    monkeypatch.setenv("ANOMALIZ__DATA__WINDOW_SIZE", "12")
    settings = load_settings()
    assert (settings.data.n_points, settings.data.window_size) == (902, 12)


def test_a_variable_without_our_prefix_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTIFACT_DIR", "elsewhere")
    monkeypatch.setenv("DATA", '{"n_points": 900}')
    settings = load_settings(environ={}, env_file=None)
    assert (settings.artifact_dir, settings.data.n_points) == (Path("artifacts/dev"), 8000)


def test_variables_are_typed_by_their_field() -> None:
    settings = load_settings(
        environ={
            "ANOMALIZ__DETECTION__FUSION__WEIGHT_LSTM": "0.25",
            "ANOMALIZ__DETECTION__MEMBERS": "lstm_forecaster, isolation_forest",
            "ANOMALIZ__API__API_KEYS": '["one", "two"]',
            "ANOMALIZ__LOGGING__LEVEL": "debug",
            "ANOMALIZ_ARTIFACT_DIR": "~/bundle",
        },
        env_file=None,
    )
    assert settings.detection.fusion.weight_lstm == 0.25
    assert settings.detection.members == ("lstm_forecaster", "isolation_forest")
    assert [key.get_secret_value() for key in settings.api.api_keys] == ["one", "two"]
    assert settings.logging.level == "DEBUG"
    assert settings.artifact_dir == Path.home() / "bundle"


def test_an_empty_key_is_no_key() -> None:
    assert load_settings(environ={"OPENAI_API_KEY": ""}, env_file=None).agent.openai_api_key is None
    unlimited = {"ANOMALIZ__AGENT__DAILY_TOKENS": ""}
    assert load_settings(environ=unlimited, env_file=None).agent.daily_tokens is None


def test_an_option_that_was_not_given_overrides_nothing() -> None:
    settings = load_settings(overrides={"training.seed": None}, environ={}, env_file=None)
    assert settings.training.seed == 42


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"training\.sed .*did you mean training\.seed\?"):
        load_settings(overrides={"training.sed": 1}, environ={}, env_file=None)


def test_settings_do_not_change() -> None:
    settings = load_settings(environ={}, env_file=None)
    with pytest.raises(ValidationError):
        settings.data.n_points = 9  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.artifact_dir = Path()  # type: ignore[misc]


def test_settings_travel_to_worker_processes() -> None:
    settings = load_settings(environ={"OPENAI_API_KEY": "sk"}, env_file=None)
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_every_setting_is_shown_and_secrets_are_masked() -> None:
    shown = effective(
        environ={
            "OPENAI_API_KEY": "sk-hidden",
            "ANOMALIZ__API__API_KEYS": "hidden,hidden2",
            "ANOMALIZ__TRACKING__TRACKING_URI": "postgresql://ada:hidden@db/mlflow",
        },
        env_file=None,
    )
    values = {setting.key: setting.value for setting in shown}
    assert list(values) == list(KEYS)
    assert values["agent.openai_api_key"] == "**********"
    assert values["api.api_keys"] == ["**********", "**********"]
    assert values["tracking.tracking_uri"] == "postgresql://ada:**********@db/mlflow"
    assert "hidden" not in str(shown)


def test_a_secret_that_is_not_set_is_not_masked() -> None:
    values = {setting.key: setting.value for setting in effective(environ={}, env_file=None)}
    assert values["agent.openai_api_key"] is None
    assert values["api.api_keys"] == []
