"""The table of `anomaliz config show`."""

from anomaliz.config.loading import Setting
from anomaliz.config.show import render


def test_columns_are_aligned() -> None:
    table = render(
        [
            Setting("data.n_points", 900, "my.yaml"),
            Setting("api.host", "::1", "environment: ANOMALIZ__API__HOST"),
            Setting("agent.openai_api_key", None, "defaults.yaml"),
            Setting("api.api_keys", ["**********"], ".env: ANOMALIZ__API__API_KEYS"),
        ]
    )
    assert table == "\n".join(
        [
            "key                   value           origin",
            "data.n_points         900             my.yaml",
            "api.host              ::1             environment: ANOMALIZ__API__HOST",
            "agent.openai_api_key  null            defaults.yaml",
            'api.api_keys          ["**********"]  .env: ANOMALIZ__API__API_KEYS',
        ]
    )


def test_a_value_never_breaks_a_line() -> None:
    assert render([Setting("api.host", "a\nb", "my.yaml")]).count("\n") == 1
