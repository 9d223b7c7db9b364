"""Values that a setting cannot have."""

from pathlib import Path

import pytest

from anomaliz.config import load_settings
from anomaliz.config.keys import KEYS
from anomaliz.config.refusal import allowed
from anomaliz.core.errors import ConfigError


def refused(**variables: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ=variables, env_file=None)
    return caught.value


def test_the_key_value_origin_and_limits_are_named() -> None:
    error = refused(ANOMALIZ__DATA__WINDOW_SIZE="61")
    assert str(error) == (
        "data.window_size cannot be '61' (from environment: ANOMALIZ__DATA__WINDOW_SIZE): "
        "give a whole number from 2 to 60"
    )
    assert error.field == "data.window_size"


def test_the_config_file_is_named(tmp_path: Path) -> None:
    config = tmp_path / "my.yaml"
    config.write_text("data: {profile: real}")
    with pytest.raises(ConfigError) as caught:
        load_settings(config, environ={}, env_file=None)
    assert str(caught.value) == "data.profile cannot be 'real' (from my.yaml): give one of basic, realistic"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("artifact_dir", ""),
        ("artifact_dir", "~nobody-of-this-name/x"),
        ("artifact_dir", "models:/anomaliz"),
        ("artifact_dir", 5),
        ("api.challenger", "s3://bucket/bundle"),
        ("tracking.cache_dir", " "),
        ("data.profile", "Realistic"),
        ("data.n_points", 499),
        ("data.n_points", 900.5),
        ("data.n_points", "many"),
        ("data.n_points", [900]),
        ("data.n_points", {"a": 900}),
        ("data.window_size", 1),
        ("training.seed", -1),
        ("training.seed", 2**32),
        ("training.seed", True),
        ("training.n_seeds", 0),
        ("training.learning_rate", 0),
        ("training.learning_rate", float("nan")),
        ("detection.members", []),
        ("detection.members", "a,a"),
        ("detection.members", "[a"),
        ("detection.members", 3),
        ("detection.fusion.weight_lstm", 1.01),
        ("detection.calibration.tail_quantile", 0.5),
        ("detection.calibration.tail_quantile", 1.0),
        ("detection.threshold.alert_budget", 1),
        ("detection.threshold.alert_budget", float("inf")),
        ("api.host", " "),
        ("api.port", 65536),
        ("api.api_keys", "a,"),
        ("api.reload_seconds", -0.1),
        ("agent.backend", "openia"),
        ("agent.openai_api_key", 5),
        ("agent.openai_base_url", "localhost:8080"),
        ("agent.ollama_base_url", "ftp://127.0.0.1"),
        ("agent.deadline_s", 0),
        ("agent.daily_cost", -1),
        ("agent.prices", "gpt-4o-mini"),
        ("agent.prices", "gpt-4o-mini=cheap/0.60"),
        ("agent.prices", "gpt-4o-mini=-1/0.60"),
        ("logging.level", "LOUD"),
        ("logging.format", "xml"),
    ],
)
def test_an_impossible_value_is_refused_with_what_is_allowed(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides={key: value}, environ={}, env_file=None)
    message = str(caught.value)
    assert message.startswith(f"{key} cannot be ")
    assert message.endswith(f" (from command line): give {allowed(KEYS[key])}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.n_points", 500),
        ("data.window_size", 2),
        ("data.window_size", 60),
        ("training.seed", 2**31 - 1),
        ("detection.fusion.weight_lstm", 0),
        ("detection.fusion.weight_lstm", 1),
        ("api.port", 0),
        ("api.reload_seconds", 0),
    ],
)
def test_limits_are_allowed(key: str, value: float) -> None:
    settings = load_settings(overrides={key: value}, environ={}, env_file=None)
    *sections, name = key.split(".")
    for section in sections:
        settings = getattr(settings, section)
    assert getattr(settings, name) == value


def test_a_secret_is_not_told() -> None:
    assert "hidden" not in str(refused(ANOMALIZ__API__API_KEYS="hidden,"))
    assert "**********" in str(refused(ANOMALIZ__API__API_KEYS="hidden,"))


def test_a_long_value_is_cut() -> None:
    assert len(str(refused(ANOMALIZ__DATA__N_POINTS="9" * 100_000))) < 300


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("tracking.cache_dir", "a path"),
        ("artifact_dir", "a path, models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN_ID/PATH"),
        ("data.n_points", "a whole number from 500"),
        ("detection.members", "a list of one or more non-empty texts, none twice"),
        ("detection.calibration.tail_quantile", "a number above 0.5 and below 1"),
        ("training.learning_rate", "a number above 0 and below 1"),
        ("training.seed", "a whole number from 0 to 2147483647"),
        ("pipelines.executor", "processes, or dask://HOST:PORT"),
        ("api.api_keys", "a list of any number of non-empty texts"),
        ("agent.openai_api_key", "a non-empty text or null"),
        ("agent.openai_base_url", "an http:// or https:// URL or null"),
        ("agent.prices", "a list of any number of prices, each MODEL=INPUT/OUTPUT"),
    ],
)
def test_what_is_allowed_is_said_in_words(key: str, words: str) -> None:
    assert allowed(KEYS[key]) == words
