"""The calls of one explanation: two at most, retries among them, all before its deadline."""

import asyncio
import json
import time
from typing import Any

from anomaliz.agent.backends import ChatBackend, Form
from anomaliz.agent.budget import Budget
from anomaliz.agent.failures import LLMError
from anomaliz.agent.monitoring import AgentMonitoring
from anomaliz.agent.price import Usage
from anomaliz.agent.prompt import Prompt
from anomaliz.agent.spans import span
from anomaliz.agent.trace import Exchange, Trace

MOST = 2
PAUSE_SECONDS = 0.2
"""Before a call is tried again, where the server does not say how long to wait."""
LETTERS_A_TOKEN = 4


class Calls:
    """Asks a backend, and accounts for it."""

    def __init__(
        self,
        backend: ChatBackend,
        budget: Budget,
        monitoring: AgentMonitoring | None,
        trace: Trace,
        deadline: float,
    ) -> None:
        """`deadline` is a time of the monotonic clock."""
        self.left = MOST
        self.usage = Usage()
        self._backend = backend
        self._budget = budget
        self._monitoring = monitoring
        self._trace = trace
        self._deadline = deadline

    @property
    def seconds_left(self) -> float:
        """Until the deadline."""
        return self._deadline - time.monotonic()

    async def ask(self, prompt: Prompt, content: dict[str, Any], form: type[Form]) -> Form:
        """Return the LLM's answer to a prompt and a JSON object; raises LLMError when the last try failed."""
        message = json.dumps(content, ensure_ascii=False)
        while True:
            try:
                return await self._once(prompt, message, form)
            except LLMError as error:
                pause = PAUSE_SECONDS if error.retry_after is None else error.retry_after
                if not (error.may_pass and self.left and pause < self.seconds_left):
                    raise
                await asyncio.sleep(pause)

    async def _once(self, prompt: Prompt, message: str, form: type[Form]) -> Form:
        self.left -= 1
        began = time.perf_counter()
        result, usage, said = "cancelled", Usage(), "given up: no time was left"
        with span(f"chat {self._backend.model}", prompt=f"{prompt.name}-{prompt.version}") as current:
            try:
                reply = await self._backend.ask(prompt.text, message, form)
                result, usage, said = "ok", reply.usage, reply.value.model_dump_json()
                return reply.value
            except LLMError as error:
                result, usage, said = error.cause, error.usage, str(error)
                raise
            finally:
                if result == "cancelled":
                    # Nobody says what it cost: at least what was sent.
                    usage = Usage(input_tokens=(len(prompt.text) + len(message)) // LETTERS_A_TOKEN)
                current.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
                current.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
                seconds = time.perf_counter() - began
                self._account(result, usage, seconds)
                self._trace.exchanged(Exchange(prompt, message, said, seconds))

    def _account(self, result: str, usage: Usage, seconds: float) -> None:
        cost = self._backend.cost(usage)
        self.usage += usage
        self._budget.spend(usage, cost)
        if self._monitoring:
            self._monitoring.called(result, seconds, usage, cost)
