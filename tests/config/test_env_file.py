"""Settings from `.env`."""

from pathlib import Path

import pytest

from anomaliz.config.env_file import read_env_file
from anomaliz.core.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_an_absent_file_sets_nothing(file: Path) -> None:
    assert read_env_file(file) == {}


def test_settings_are_read_and_foreign_lines_passed_over(file: Path) -> None:
    file.write_text(
        "# ours\nexport ANOMALIZ__DATA__N_POINTS=900\nOPENAI_API_KEY='sk x'\nDATABASE_URL=x\nEDITOR\n"
    )
    layer = read_env_file(file)
    assert [(key, entry.value, entry.origin) for key, entry in layer.items()] == [
        ("data.n_points", "900", ".env: ANOMALIZ__DATA__N_POINTS"),
        ("agent.openai_api_key", "sk x", ".env: OPENAI_API_KEY"),
    ]


def test_an_unknown_setting_is_refused(file: Path) -> None:
    file.write_text("ANOMALIZ__DATA__N_POINT=900\n")
    with pytest.raises(ConfigError) as caught:
        read_env_file(file)
    assert str(caught.value) == (
        "ANOMALIZ__DATA__N_POINT in .env is not a setting: did you mean ANOMALIZ__DATA__N_POINTS?"
    )


@pytest.mark.parametrize(
    "line", ["ANOMALIZ__DATA__N_POINTS", "ANOMALIZ__DATA__N_POINTS: 900", 'export OPENAI_API_KEY="sk']
)
def test_a_line_of_ours_without_a_value_is_refused(file: Path, line: str) -> None:
    file.write_text(f"A=1\n\n{line}\nB=2\n")
    with pytest.raises(ConfigError, match=r"^\.env line 3 gives its variable no value"):
        read_env_file(file)


def test_a_file_that_is_not_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not text"):
        read_env_file(file)
