import json
from collections.abc import Callable
from typing import Any

RunCli = Callable[..., Any]
ANSWER = {
    "kind": "spike",
    "analysis": "The metric cpu spiked. A batch job is the probable cause.",
    "severity": "medium",
    "recommendation": "Look at the jobs.",
    "confidence": 0.8,
    "evidence": ["f1"],
    "conclusive": True,
}


def test_a_line_for_each_model_and_one_for_the_rules(llm: Any, run_cli: RunCli) -> None:
    llm.script(ANSWER)
    done = run_cli("agent", "eval", "--model", "scripted", "--model", "other", "--jobs", 4)
    assert done.returncode == 0, done.stderr
    heading, first, second, rules = done.stdout.splitlines()
    assert heading.split()[:4] == ["model", "answered", "inconclusive", "kind"]
    # Six of 42 incidents are spikes, 14 are medium; of the others none is two grades away.
    assert first.split()[:4] == ["scripted", "42/42", "0", "14%"]
    assert first.split()[5:7] == ["33%", "0%"]
    assert first.split()[9:] == ["6720", "0.0084"]
    assert second.split()[0] == "other"
    assert second.split()[-1] == "unknown"
    assert rules.startswith("rules")
    assert len(done.stderr.splitlines()) == 84


def test_json_has_every_incident(llm: Any, run_cli: RunCli) -> None:
    llm.script(ANSWER)
    done = run_cli("agent", "eval", "--json", "--seed", 7, backend="ollama")
    answer = json.loads(done.stdout)
    assert answer["seed"] == 7
    model, rules = answer["models"]
    assert (model["model"], rules["model"]) == ("scripted", "rules")
    assert model["measures"]["kind_accuracy"] == 6 / 42
    assert len(model["outcomes"]) == 42
    assert model["outcomes"][0]["right_kind"] is True


def test_a_model_that_explains_nothing_fails(llm: Any, run_cli: RunCli, misbehaving: Any) -> None:
    llm.script(misbehaving("401"))
    done = run_cli("agent", "eval")
    assert done.returncode == 1
    assert "0/42" in done.stdout
    assert "circuit_open" not in done.stdout
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: scripted explained none of 42 incidents: scripted at http://127.0.0.1")
    assert error.endswith("answered 401: mend its API key")


def test_no_backend_is_one_sentence(run_cli: RunCli) -> None:
    done = run_cli("agent", "eval", backend="disabled")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: agent.backend is disabled: set it to openai or ollama")
    assert len(done.stderr.splitlines()) == 1
