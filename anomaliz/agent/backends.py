"""Backends: where an LLM runs, and one way of asking each for an answer of a given form."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from anomaliz.agent.failures import LLMError, failure
from anomaliz.agent.price import Price, Usage
from anomaliz.config.refusal import masked
from anomaliz.config.settings import Agent
from anomaliz.core.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Form = TypeVar("Form", bound=BaseModel)
Message: TypeAlias = str | list[str | dict[str, Any]]
"""Text, or parts as LangChain has them: `{"type": "text", …}`, `{"type": "image_url", …}`."""

OPENAI_URL = "https://api.openai.com/v1"
NO_KEY = "none"
"""What a server of one's own is sent where no key is set: the protocol wants one."""
# Calls are minutes apart: a connection kept open would be stale, and belong to an event loop.
HEADERS = {"Connection": "close"}


@dataclass(frozen=True)
class Reply(Generic[Form]):
    """An answer of the form that was asked for."""

    value: Form
    usage: Usage
    seconds: float


@dataclass(frozen=True)
class ChatBackend:
    """A model behind one of the protocols."""

    model: str
    place: str
    """Names server and model in a sentence."""
    chat: "BaseChatModel"
    options: dict[str, Any]
    """How the model is held to a form."""
    price: Price | None
    """None where the settings have none."""

    async def ask(self, system: str, user: Message, form: type[Form]) -> Reply[Form]:
        """Return the model's answer, checked against `form`; raises LLMError whatever else happens.

        One call, no retries. Cancelling it closes the connection.
        """
        began = time.perf_counter()
        asking = self.chat.with_structured_output(form.model_json_schema(), include_raw=True, **self.options)
        try:
            answer: Any = await asking.ainvoke([("system", system), ("human", user)])
        except Exception as error:
            raise failure(error, self.place) from error
        usage = _usage(answer["raw"])
        value = self._value(answer["parsed"], form, usage)
        return Reply(value, usage, time.perf_counter() - began)

    def cost(self, usage: Usage) -> float | None:
        """Return what so many tokens cost, None where the price is unknown."""
        return None if self.price is None else self.price.cost(usage)

    def _value(self, parsed: object, form: type[Form], usage: Usage) -> Form:
        if parsed is None:
            raise LLMError(f"{self.place} answered no JSON", "unreadable", usage=usage)
        try:
            return form.model_validate(parsed)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            reason = f"{self.place} answered in another form than asked for ({where}: {first['msg']})"
            raise LLMError(reason, "unreadable", usage=usage) from None


def chat_backend(agent: Agent, model: str | None = None) -> ChatBackend:
    """Return the configured backend, with another `model` of it where one is named.

    Raises MissingExtraError without LangChain, ConfigError for a backend that is disabled. Importing
    LangChain takes seconds.
    """
    try:
        if agent.backend == "openai":
            return _openai(agent, model or agent.openai_model)
        if agent.backend == "ollama":
            return _ollama(agent, model or agent.ollama_model)
    except ImportError as error:
        raise MissingExtraError.of("The explanation agent", "agent") from error
    raise ConfigError(
        "agent.backend is disabled: set it to openai or ollama, ANOMALIZ__AGENT__BACKEND for one",
        field="agent.backend",
    )


def _openai(agent: Agent, model: str) -> ChatBackend:
    from langchain_openai import ChatOpenAI
    from openai import DefaultAsyncHttpxClient
    from pydantic import SecretStr

    url = agent.openai_base_url or OPENAI_URL
    chat = ChatOpenAI(
        model=model,
        api_key=agent.openai_api_key or SecretStr(NO_KEY),
        base_url=url,
        timeout=agent.deadline_s,
        max_retries=0,
        default_headers=HEADERS,
        http_async_client=DefaultAsyncHttpxClient(),
        # OpenAI's newer protocol, which other servers do not speak, is never chosen for us.
        use_responses_api=False,
    )
    options = {"method": agent.structured_output, "strict": True}
    return ChatBackend(model, _place(model, url), chat, options, Price.of(agent, model))


def _ollama(agent: Agent, model: str) -> ChatBackend:
    from langchain_ollama import ChatOllama

    chat = ChatOllama(
        model=model,
        base_url=agent.ollama_base_url,
        temperature=0,
        client_kwargs={"timeout": agent.deadline_s, "headers": HEADERS},
    )
    place = _place(model, agent.ollama_base_url or "OLLAMA_HOST")
    return ChatBackend(model, place, chat, {"method": agent.structured_output}, Price.of(agent, model))


def _place(model: str, url: str) -> str:
    return f"{model} at {masked(url)}"


def _usage(raw: Any) -> Usage:
    counted = getattr(raw, "usage_metadata", None) or {}
    return Usage(counted.get("input_tokens", 0), counted.get("output_tokens", 0))
