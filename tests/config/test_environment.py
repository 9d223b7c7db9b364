"""Settings from variables."""

import pytest

from anomaliz.config.environment import NOT_SETTINGS, read_variables
from anomaliz.config.keys import KEYS
from anomaliz.config.layer import Entry
from anomaliz.core.errors import ConfigError


def read(**variables: str) -> dict[str, object]:
    return {key: entry.value for key, entry in read_variables(variables, origin="environment").items()}


def refused(**variables: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(**variables)
    return str(caught.value)


def test_every_setting_has_a_variable() -> None:
    variables = {key.variable: "x" for key in KEYS.values()}
    assert list(read(**variables)) == list(KEYS)


def test_the_origin_names_the_variable() -> None:
    layer = read_variables({"ANOMALIZ__DATA__N_POINTS": "900"}, origin="environment")
    assert layer == {"data.n_points": Entry("900", "environment: ANOMALIZ__DATA__N_POINTS")}


def test_aliases_are_read() -> None:
    assert read(ANOMALIZ_ARTIFACT_DIR="here", OPENAI_API_KEY="sk") == {
        "artifact_dir": "here",
        "agent.openai_api_key": "sk",
    }


@pytest.mark.parametrize("reverse", [False, True])
def test_the_full_variable_wins_over_its_alias(reverse: bool) -> None:
    both = [("OPENAI_API_KEY", "theirs"), ("ANOMALIZ__AGENT__OPENAI_API_KEY", "ours")]
    assert read(**dict(reversed(both) if reverse else both)) == {"agent.openai_api_key": "ours"}


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a,b", ["a", "b"]),
        (" a , b ", ["a", "b"]),
        ("a", ["a"]),
        ('["a", "b,c"]', ["a", "b,c"]),
        ("", []),
        ("a,", ["a", ""]),
        ("[a", "[a"),
        pytest.param("[" * 100_000, "[" * 100_000, id="deep"),
    ],
)
def test_lists_are_json_or_commas(text: str, items: object) -> None:
    assert read(ANOMALIZ__API__API_KEYS=text) == {"api.api_keys": items}


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("ANOMALIZ__DATA__WINDOW_SZIE", "ANOMALIZ__DATA__WINDOW_SIZE"),
        ("ANOMALIZ_DATA_WINDOW_SIZE", "ANOMALIZ__DATA__WINDOW_SIZE"),
        ("ANOMALIZ_WINDOW_SIZE", "ANOMALIZ__DATA__WINDOW_SIZE"),
        ("anomaliz__data__window_size", "ANOMALIZ__DATA__WINDOW_SIZE"),
        ("ANOMALIZ_ARTEFACT_DIR", "ANOMALIZ__ARTIFACT_DIR"),
        ("ANOMALIZ_API_PORT", "ANOMALIZ__API__PORT"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(name: str, near: str) -> None:
    assert refused(**{name: "9"}) == f"{name} is not a setting: did you mean {near}?"


def test_an_unknown_variable_like_nothing_is_refused() -> None:
    assert refused(ANOMALIZ__XYZZY="1").endswith("'anomaliz config show' lists every setting")


def test_a_section_is_no_setting() -> None:
    assert refused(ANOMALIZ__DATA='{"n_points": 900}') == (
        "ANOMALIZ__DATA is a section, not a setting: set ANOMALIZ__DATA__PROFILE or another of its keys"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, "x") for name in NOT_SETTINGS),
        ("PATH", "/bin"),
        ("ANOMALIZ_SERVICE_HOST", "10.0.0.1"),
        ("ANOMALIZ_API_SERVICE_PORT_HTTP", "8000"),
        ("ANOMALIZ_PORT", "tcp://10.0.0.1:8000"),
        ("ANOMALIZ_PORT_8000_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_variables_of_others_are_passed_over(name: str, text: str) -> None:
    assert read(**{name: text}) == {}
