"""The record of a training."""

import pytest

from anomaliz.config.keys import KEYS
from anomaliz.config.loading import load_settings
from anomaliz.core.errors import AnomalizError
from anomaliz.tracking.record import LONGEST_VALUE, TrainingRecord, params_of
from anomaliz.tracking.revision import Revision

SECRETS = {"agent.openai_api_key", "api.api_keys", "pipelines.store"}


def test_every_setting_that_is_no_secret_is_a_parameter() -> None:
    environ = {
        "OPENAI_API_KEY": "sk-hidden",
        "ANOMALIZ__API__API_KEYS": "hidden",
        "ANOMALIZ__TRACKING__TRACKING_URI": "postgresql://ada:hidden@db/mlflow",
        "ANOMALIZ__DATA__N_POINTS": "900",
    }
    params = params_of(load_settings(environ=environ, env_file=None))
    assert set(params) == set(KEYS) - SECRETS
    assert params["data.n_points"] == "900"
    assert params["detection.members"].startswith("isolation_forest, lstm_autoencoder, ")
    assert "hidden" not in str(params)


def test_a_long_value_is_cut() -> None:
    settings = load_settings(overrides={"agent.ollama_model": "x" * 9000}, environ={}, env_file=None)
    value = params_of(settings)["agent.ollama_model"]
    assert len(value) == LONGEST_VALUE
    assert value.endswith("x…")


@pytest.mark.parametrize("revision", [None, Revision("0123", dirty=False)])
def test_a_record_survives_its_way_over_the_disk(revision: Revision | None) -> None:
    settings = load_settings(environ={}, env_file=None)
    record = TrainingRecord.of("v", settings, 1.5, 2.5, revision)
    assert record.peak_memory > 10
    assert TrainingRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"bundle_version": 1}'])
def test_anything_else_is_refused_with_the_field(content: bytes) -> None:
    with pytest.raises(AnomalizError, match=r"a wrong (record|bundle_version)"):
        TrainingRecord.from_json(content)
