"""Dotted keys and their variables."""

from anomaliz.config.keys import ALIASES, KEYS, SECTIONS, VARIABLES


def test_a_variable_is_the_key_in_capitals() -> None:
    assert KEYS["detection.fusion.weight_lstm"].variable == "ANOMALIZ__DETECTION__FUSION__WEIGHT_LSTM"


def test_no_two_settings_share_a_variable() -> None:
    assert len(VARIABLES) == len(KEYS) + len(ALIASES)


def test_an_alias_is_weaker_than_the_full_variable() -> None:
    assert KEYS["artifact_dir"].variables == ("ANOMALIZ_ARTIFACT_DIR", "ANOMALIZ__ARTIFACT_DIR")


def test_a_key_is_no_section() -> None:
    assert {"data", "detection.fusion"} <= set(SECTIONS)
    assert not set(SECTIONS) & set(KEYS)


def test_lists_and_secrets_are_known_by_their_type() -> None:
    assert [dotted for dotted, key in KEYS.items() if key.is_list] == [
        "detection.members",
        "api.api_keys",
        "agent.prices",
        "agent.opinion.models",
    ]
    assert [dotted for dotted, key in KEYS.items() if key.is_secret] == [
        "api.api_keys",
        "agent.openai_api_key",
        "pipelines.store",
    ]


def test_every_setting_is_described() -> None:
    assert all((key.field.description or "").endswith(".") for key in KEYS.values())


def test_no_model_has_a_default_of_its_own() -> None:
    assert all(key.field.is_required() for key in KEYS.values())
