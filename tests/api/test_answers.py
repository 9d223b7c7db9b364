import numpy as np

from anomaliz.api.answers import answers_of
from anomaliz.api.responses import JSON
from anomaliz.api.schemas import AnalyzeAnswer
from anomaliz.bundle.bundle import Bundle


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
