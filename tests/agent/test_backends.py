"""Both client libraries, for real, against a server that speaks their protocols."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from anomaliz.agent.backends import chat_backend
from anomaliz.agent.failures import LLMError
from anomaliz.agent.price import Usage
from anomaliz.config.settings import Agent
from anomaliz.core.errors import ConfigError

BACKENDS = ("openai", "ollama")
METHODS = ("json_schema", "function_calling")


class Animal(BaseModel):
    """An animal."""

    model_config = ConfigDict(extra="forbid")

    name: str
    size: Literal["small", "large"]


MOUSE = {"name": "mouse", "size": "small"}


def ask(agent: Agent, system: str = "Answer.", user: Any = "Which?") -> Any:
    return asyncio.run(chat_backend(agent).ask(system, user, Animal))


def refused(agent: Agent) -> LLMError:
    with pytest.raises(LLMError) as caught:
        ask(agent)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("method", METHODS)
def test_an_answer_of_the_form_comes_back_with_what_it_cost(
    llm: Any, load_agent: Callable[..., Agent], backend: str, method: str
) -> None:
    llm.script(MOUSE)
    reply = ask(load_agent(backend, structured_output=method), "You are terse.", 'A "{brace}"')
    assert reply.value == Animal(name="mouse", size="small")
    assert reply.usage == Usage(120, 40)
    assert 0 < reply.seconds < 5
    (request,) = llm.requests
    assert [(message["role"], message["content"]) for message in request["messages"]] == [
        ("system", "You are terse."),
        ("user", 'A "{brace}"'),
    ]
    if method == "function_calling":
        assert request["tools"][0]["function"]["name"] == "Animal"
    else:
        schema = request.get("format") or request["response_format"]["json_schema"]["schema"]
        assert schema["properties"]["size"]["enum"] == ["small", "large"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_picture_is_sent_along(llm: Any, load_agent: Callable[..., Agent], backend: str) -> None:
    llm.script(MOUSE)
    url = {"url": "data:image/png;base64,iVBORw0KGgo="}
    ask(
        load_agent(backend),
        user=[{"type": "text", "text": "Which?"}, {"type": "image_url", "image_url": url}],
    )
    message = llm.requests[0]["messages"][1]
    assert "iVBORw0KGgo=" in str(message["content"] if backend == "openai" else message["images"])


def test_what_tokens_cost(load_agent: Callable[..., Agent]) -> None:
    usage = Usage(1_000_000, 500_000)
    assert chat_backend(load_agent("openai")).cost(usage) == 2.0
    assert chat_backend(load_agent("openai"), "dear").cost(usage) is None
    assert chat_backend(load_agent("ollama")).cost(usage) == 0.0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("fault", "cause", "words"),
    [
        ("401", "rejected", "answered 401: mend its API key"),
        ("404", "rejected", "answered 404: mend its model"),
        ("400", "rejected", "answered 400: it does not take what was asked"),
        ("429", "rate_limited", "answered 429"),
        ("500", "failed", "answered 500"),
        ("not JSON", "unreadable", "cannot be read"),
        ("cut off", "unreachable", "cannot be reached"),
    ],
)
def test_a_fault_is_told_by_its_cause(
    llm: Any,
    misbehaving: Any,
    load_agent: Callable[..., Agent],
    backend: str,
    fault: str,
    cause: str,
    words: str,
) -> None:
    llm.script(misbehaving(fault))
    error = refused(load_agent(backend))
    assert error.cause == cause
    assert words in str(error)
    assert str(error).startswith(f"scripted at http://127.0.0.1:{llm.port}")
    assert len(llm.requests) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("A mouse, I think.", "no JSON"),
        ("", "no JSON"),
        ({"name": "mouse", "size": "huge"}, "size: Input should be 'small' or 'large'"),
        ({"name": "mouse"}, "size: Field required"),
        ("[1, 2]", "another form"),
    ],
)
def test_an_answer_of_another_form_has_still_cost_tokens(
    llm: Any, load_agent: Callable[..., Agent], backend: str, answer: Any, words: str
) -> None:
    llm.script(answer)
    error = refused(load_agent(backend))
    assert error.cause == "unreadable"
    assert words in str(error)
    assert error.usage == Usage(120, 40)


def test_how_long_to_wait_is_the_servers_word(
    llm: Any, misbehaving: Any, load_agent: Callable[..., Agent]
) -> None:
    llm.script(misbehaving("429", retry_after=7))
    assert refused(load_agent("openai")).retry_after == 7


@pytest.mark.parametrize("backend", BACKENDS)
def test_nobody_listens(load_agent: Callable[..., Agent], backend: str, free_port: int) -> None:
    error = refused(load_agent(backend, **{f"{backend}_base_url": f"http://127.0.0.1:{free_port}"}))
    assert error.cause == "unreachable"
    assert "start it, or mend its base URL" in str(error)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("fault", ["silent", "stalled"])
def test_a_cancelled_call_closes_its_connection(
    llm: Any,
    misbehaving: Any,
    load_agent: Callable[..., Agent],
    until: Callable[..., None],
    backend: str,
    fault: str,
) -> None:
    llm.script(misbehaving(fault))

    async def give_up() -> float:
        chat = chat_backend(load_agent(backend))
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await chat.ask("Answer.", "Which?", Animal)
        return time.monotonic() - began

    assert asyncio.run(give_up()) < 1.3
    until(lambda: llm.abandoned == 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_serves_one_event_loop_after_another(
    llm: Any, load_agent: Callable[..., Agent], backend: str
) -> None:
    llm.script(MOUSE)
    chat = chat_backend(load_agent(backend))
    for _ in range(2):
        assert asyncio.run(chat.ask("Answer.", "Which?", Animal)).value.name == "mouse"


def test_ollama_is_looked_for_where_its_own_variable_says(
    llm: Any, load_agent: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    llm.script(MOUSE)
    monkeypatch.setenv("OLLAMA_HOST", f"http://127.0.0.1:{llm.port}")
    assert ask(load_agent("ollama", ollama_base_url="")).value.name == "mouse"


def test_a_password_in_a_base_url_is_not_told(load_agent: Callable[..., Agent], free_port: int) -> None:
    error = refused(load_agent("openai", openai_base_url=f"http://me:hidden@127.0.0.1:{free_port}"))
    assert "hidden" not in str(error)


def test_a_disabled_backend_cannot_be_asked(load_agent: Callable[..., Agent]) -> None:
    with pytest.raises(ConfigError, match="is disabled: set it to openai or ollama"):
        chat_backend(load_agent("disabled"))
