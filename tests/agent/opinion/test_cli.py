"""`anomaliz detect --llm`, run as a user runs it, on a series with a gap and a spike."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anomaliz.bundle.bundle import Bundle

RunCli = Callable[..., Any]


@pytest.fixture
def series(bundle: Bundle, tmp_path: Path) -> Path:
    """Sixty normal rows, five minutes apart but for a gap of an hour after row 29, with a spike in row 40."""
    rows = np.tile(bundle.canary, (6, 1))
    rows[40, 0] = 0.99
    minutes = 5 * np.arange(60) + 60 * (np.arange(60) >= 30)
    times = np.datetime64("2024-01-01") + minutes * np.timedelta64(1, "m")
    lines = [f"{time}Z,{row[2]},{row[0]},{row[1]}" for time, row in zip(times.astype(str), rows, strict=True)]
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["timestamp,latency,cpu,memory", *lines]) + "\n")
    return path


SPIKE = {
    "timestamp": "2024-01-01 04:20",
    "value": 0.99,
    "kind": "spike",
    "confidence": 0.9,
    "rationale": "cpu is far above the rest.",
}
OTHER = SPIKE | {"timestamp": 1704067200 + 300, "value": 5000, "kind": "drift", "confidence": 0.5}


def test_events_are_printed_beside_what_the_llm_found(
    llm: Any, run_cli: RunCli, bundle_dir: Path, series: Path
) -> None:
    llm.script({"anomalies": [SPIKE, OTHER]})
    done = run_cli("detect", "--bundle", bundle_dir, series, "--llm", "--fail-on-anomaly")
    assert done.returncode == 3, done.stderr
    points, how, _, heading, *lines = done.stdout.splitlines()
    assert points.startswith("60 points, ")
    assert how.startswith("scripted was shown 60 rows from 2024-01-01T00:00:00Z on: ")
    assert "2 anomalies named, 2 kept; 2 calls, 320 tokens" in how
    assert heading.split() == ["when", "anomaliz", "scripted", "why"]
    (both,) = (line for line in lines if "spike 0.90" in line)
    assert both.startswith("2024-01-01T04:20:00Z to ")
    assert "critical" in both
    (alone,) = (line for line in lines if "drift 0.50" in line)
    assert alone.split()[:2] == ["2024-01-01T00:05:00Z", "-"]
    assert "(the row has another value)" in alone


def test_json_has_the_detection_and_the_second_opinion(
    llm: Any, run_cli: RunCli, bundle_dir: Path, series: Path
) -> None:
    llm.script({"anomalies": [SPIKE, OTHER, SPIKE | {"timestamp": "2030-01-01"}]})
    arguments = ("--llm-model", "a", "--llm-model", "b", "--llm-seed", 1, "--llm-image", "--json")
    done = run_cli("detect", "--bundle", bundle_dir, series, "--llm", *arguments, backend="ollama")
    answer = json.loads(done.stdout)
    assert len(answer["points"]) == 60
    second = answer["second_opinion"]
    assert second["model"] == llm.requests[0]["model"]
    assert second["model"] in ("a", "b")
    assert second["image"] is True
    assert second["calls"] == 2
    assert second["dropped"] == {"unknown_timestamps": 2, "invalid": 0, "not_detected": 0}
    early, spike = second["findings"]
    assert (early["row"], early["event"], early["value_matches"]) == (1, None, False)
    assert spike["row"] == 40
    assert answer["points"][40]["timestamp"] == spike["timestamp"] == "2024-01-01T04:20:00Z"
    event = answer["events"][spike["event"]]
    assert event["start"] <= spike["timestamp"] < event["end"]


def test_csv_has_the_llms_columns_at_its_rows(
    llm: Any, run_cli: RunCli, bundle_dir: Path, series: Path
) -> None:
    llm.script({"anomalies": [SPIKE]})
    done = run_cli("detect", "--bundle", bundle_dir, series, "--llm", "--out", "-")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert len(rows) == 60
    said = {row["timestamp"]: (row["llm_kind"], row["llm_confidence"]) for row in rows if row["llm_kind"]}
    assert said == {"2024-01-01T04:20:00Z": ("spike", "0.9")}


def test_rows_that_were_not_shown_are_told_from_those_that_were(
    llm: Any, run_cli: RunCli, bundle_dir: Path, series: Path
) -> None:
    llm.script({"anomalies": []})
    options = {"opinion.max_values": 30}
    done = run_cli("detect", "--bundle", bundle_dir, series, "--llm", **options)
    assert "was shown 10 rows from 2024-01-01T05:10:00Z on: 0 anomalies named, 0 kept; 1 call," in done.stdout
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("2024-01-01T04:20"))
    assert line.endswith("not shown")


def test_a_failure_is_one_sentence_and_exit_code_1(
    llm: Any, run_cli: RunCli, misbehaving: Any, bundle_dir: Path, series: Path
) -> None:
    llm.script(misbehaving("silent"))
    detect = ("detect", "--bundle", bundle_dir, series, "--llm")
    refusals = {
        "within 0.3 s: raise agent.opinion.deadline_s": run_cli(*detect, **{"opinion.deadline_s": 0.3}),
        "agent.backend is disabled": run_cli(*detect, backend="disabled"),
        "detect_prompt: absent.md cannot be read": run_cli(*detect, "--detect-prompt", "absent.md"),
        "agent.opinion.models cannot be": run_cli(*detect, "--llm-model", ""),
    }
    for said, done in refusals.items():
        assert done.returncode == 1
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: ")
        assert said in line


def test_options_of_the_llm_need_it(run_cli: RunCli, bundle_dir: Path, series: Path) -> None:
    for option in (("--llm-seed", 0), ("--llm-image",)):
        done = run_cli("detect", "--bundle", bundle_dir, series, *option)
        assert done.returncode == 2
        assert "--llm" in done.stderr
