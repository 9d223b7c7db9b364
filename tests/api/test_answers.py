import numpy as np

from anomaliz.api.answers import answers_of, stamps_text
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import AnalyzeAnswer
from anomaliz.bundle.bundle import Bundle


def test_stamps_are_written_without_loss_and_no_longer_than_needed() -> None:
    def text(*stamps: str) -> list[str]:
        return stamps_text(np.array(stamps, "datetime64[ns]"))

    assert text("2024-01-01", "2024-01-01T00:00:01") == ["2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"]
    assert text("2024-01-01", "2024-01-01T00:00:00.5")[0] == "2024-01-01T00:00:00.000Z"
    assert text("2024-01-01T00:00:00.000001") == ["2024-01-01T00:00:00.000001Z"]
    assert text("1969-12-31T23:59:59.000000001") == ["1969-12-31T23:59:59.000000001Z"]
    assert text() == []


def test_there_is_an_answer_for_each_verdict(bundle: Bundle) -> None:
    verdicts = bundle.score(np.tile(bundle.canary, (2, 1)))
    answers = answers_of(bundle, verdicts)
    assert [answer["status"] for answer in answers] == ["warming_up"] * 9 + ["ok"] * 11
    assert [answer["anomaly"] is None for answer in answers] == [True] * 9 + [False] * 11


def test_a_reading_that_is_not_there_is_sent_as_null(bundle: Bundle) -> None:
    (answer,) = answers_of(bundle, bundle.score(bundle.canary[:1]))
    sent = AnalyzeAnswer.model_validate_json(bytes(JSON(answer).body))
    assert sent.score is sent.anomaly is sent.model_used is None
    assert {reading.surprise for reading in sent.detectors.values()} == {None}
    assert {part.contribution for part in sent.contributions.values()} == {None}
    assert sent.contributions["cpu"].observed == bundle.canary[0, 0]
