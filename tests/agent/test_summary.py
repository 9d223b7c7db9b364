from dataclasses import replace

import numpy as np
import pytest

from anomaliz.agent.incident import Incident, Reading
from anomaliz.agent.shapes import SHAPE_KINDS
from anomaliz.agent.summary import TEMPLATES, summary
from anomaliz.core.types import Floats

NOISE = np.array([1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 1.2, 0.8, 1.1, 0.9])
FIVE_MINUTES = np.timedelta64(300, "s")


def incident(recent: Floats, **known: float) -> Incident:
    reading = Reading("cpu", 1.0, recent=recent, **known)
    return Incident(score=0.35, readings=(reading,), step=FIVE_MINUTES)


CASES = {
    "spike": ([*NOISE, 9.0], "cpu spiked to 9."),
    "drop": ([*NOISE, -9.0], "cpu dropped to -9."),
    "level_shift": (
        [*NOISE, *NOISE[:5] + 8],
        "cpu has shifted from about 1 to about 9, for 5 rows, 25 minutes.",
    ),
    "drift": ([*NOISE, *NOISE[:6] + np.arange(6) * 3], "cpu has drifted from about 1 to 16, over "),
    "flat_line": ([*NOISE, 7, 7, 7, 7, 7], "cpu has not moved from 7 for 5 rows, 25 minutes."),
    "variance_change": (
        [*NOISE, 9, -8, 7, -9, 8, -7],
        "cpu varies more than before, for 6 rows, 30 minutes: "
        "its standard deviation went from 0.1414 to 8.042.",
    ),
    "unknown": (list(NOISE), "cpu is at 0.9."),
}


@pytest.mark.parametrize("kind", SHAPE_KINDS)
def test_every_shape_has_a_sentence(kind: str) -> None:
    values, sentence = CASES[kind]
    text = summary(incident(np.array(values)))
    assert text.startswith(sentence)
    assert text.endswith("Severity by score: low.")
    assert "nan" not in text


def test_there_is_a_template_for_each_shape() -> None:
    assert tuple(TEMPLATES) == SHAPE_KINDS


def test_what_was_expected_is_told() -> None:
    known = incident(np.array([*NOISE, 9.0]), observed=9.0, expected=1.0, lower=0.5, upper=1.5)
    assert summary(known).startswith("cpu spiked to 9, where 1 (usually 0.5 to 1.5) was expected.")


@pytest.mark.parametrize(
    ("observed", "word"), [(9.0, "spiked to 9"), (-9.0, "dropped to -9"), (1.1, "is at 1.1")]
)
def test_without_a_window_the_usual_range_decides(observed: float, word: str) -> None:
    point = incident(np.empty(0), observed=observed, expected=1.0, lower=0.5, upper=1.5)
    assert summary(point).startswith(f"cpu {word}, where 1 (usually 0.5 to 1.5) was expected.")


def test_with_nothing_but_shares_the_feature_is_named() -> None:
    event = Incident(score=0.9, readings=(Reading("cpu", 0.8), Reading("disk", 0.2)))
    assert summary(event) == (
        "cpu is where the anomaly shows. It carries 80% of the anomaly, disk 20%. "
        "Severity by score: critical."
    )


def test_a_name_with_braces_and_lines_is_shown_as_it_is_on_one_line() -> None:
    reading = Reading("{name}\n{0.__class__}", 1.0, 9.0, 1.0, 0.5, 1.5)
    text = summary(replace(incident(np.empty(0)), readings=(reading,)))
    assert text.startswith("{name} {0.__class__} spiked to 9")
    assert len(summary(replace(incident(np.empty(0)), readings=(Reading("x" * 9999, 1.0),)))) < 300
