"""Says of a definition what is wrong with it: where, which key, and what is allowed instead."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from reprlib import Repr
from typing import Any

from pydantic import BaseModel, ValidationError

from anomaliz.config.refusal import MASK, masked
from anomaliz.core.errors import ConfigError
from anomaliz.core.suggestion import nearest
from anomaliz.pipelines.loading.annotations import annotation_at, is_secret, model_in
from anomaliz.pipelines.loading.part import Steps

UNKNOWN, MISSING, NO_TEXT = "extra_forbidden", "missing", "invalid_key"

LONGEST = 80
"""Characters of a value, or of a name, that are shown."""

_short = Repr()
_short.maxstring = _short.maxother = LONGEST
_VERBS = ("must", "needs", "takes", "knows")
_SHOULD = re.compile(r"^\w+ should ")
_INSTANCE = re.compile(r" or instance of \w+")
_WORDS = {"a valid tuple": "a list", "a valid dictionary": "a mapping", "a valid string": "a text"}


@dataclass(frozen=True)
class Subject:
    """A definition that is being read."""

    name: str
    """As in `pipeline cpu`."""
    kind: str
    """As in `a pipeline`."""
    model: type[BaseModel]
    place: Callable[[Steps], str]
    """Where a value of it was given, as in `pipelines.yaml line 7`."""
    given: Callable[[Steps], Any]
    """The value as it was given."""

    def refusal(self, error: ValidationError) -> ConfigError:
        """Return the first fault that validation found, an unknown key before others, as one sentence."""
        faults = error.errors(include_url=False, include_input=False)
        fault = next((one for one in faults if one["type"] == UNKNOWN), faults[0])
        # `[key]` stands for the key itself.
        steps = tuple(step for step in fault["loc"] if step != "[key]")
        return self.refused(steps, self._said(fault["type"], steps, _message(fault)))

    def refused(self, steps: Steps, sentence: str) -> ConfigError:
        """Return the refusal of what lies at the end of `steps`."""
        where = self.place(steps)
        return ConfigError(f"{where}: {sentence}" if where else sentence, field=dotted(steps) or None)

    def _said(self, kind: str, steps: Steps, message: str) -> str:
        if kind == UNKNOWN:
            return self._unknown(steps)
        if kind == NO_TEXT:
            return f"{self.whole(steps[:-1])} has a key {shown(steps[-1])} that is no text: quote it"
        if kind == MISSING:
            return f"{self.whole(steps[:-1])} has no {steps[-1]}: give it{self._meaning(steps)}"
        given = self.given(steps)
        # Our own validators say what they got, where it helps.
        said = "got " in message or (isinstance(given, str) and given in message)
        if steps and not said and not isinstance(given, dict | list):
            message = f"{message}, got {self._shown(steps)}"
        colon = "" if message.startswith(_VERBS) else ":"
        return f"{self.whole(steps)}{colon} {message}"

    def whole(self, steps: Steps) -> str:
        """Return a name for what lies at the end of `steps`, as in `score.threshold of pipeline cpu`."""
        return f"{dotted(steps)} of {self.name}" if steps else self.name

    def _unknown(self, steps: Steps) -> str:
        model = self._model(steps[:-1])
        keys = list(model.model_fields) if model else []
        key = str(steps[-1])
        near = nearest(key, keys)
        advice = f"did you mean {near}?" if near else f"it takes {', '.join(keys)}"
        owner = f"{dotted(steps[:-1])} of {self.kind}" if len(steps) > 1 else self.kind
        return f"{shown(key)} is no key of {owner}: {advice}"

    def _meaning(self, steps: Steps) -> str:
        model = self._model(steps[:-1])
        field = model.model_fields.get(str(steps[-1])) if model else None
        text = (field.description if field else None) or ""
        return f" ({text[:1].lower()}{text[1:].rstrip('.')})" if text else ""

    def _shown(self, steps: Steps) -> str:
        if self._is_secret(steps):
            return MASK
        return masked(shown(self.given(steps)))

    def _is_secret(self, steps: Steps) -> bool:
        return any(is_secret(annotation_at(self.model, steps[:end])) for end in range(1, len(steps) + 1))

    def _model(self, steps: Steps) -> type[BaseModel] | None:
        return model_in(annotation_at(self.model, steps))


def shown(value: object) -> str:
    """Return a value, or the beginning of a long one, as in YAML where that is not as in Python."""
    return json.dumps(value) if value is None or isinstance(value, bool) else _short.repr(value)


def plain(name: str) -> str:
    """Return a name as it is, or quoted and cut where it would break a sentence."""
    return name if name.isprintable() and len(name) <= LONGEST else shown(name)


def dotted(steps: Steps) -> str:
    """Return the way as text, as in `train.periods[0].start`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{plain(step)}" for step in steps)
    return text.removeprefix(".")


def _message(fault: Any) -> str:
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if fault["type"] == "string_pattern_mismatch":
        return "must be a text of letters, digits, '.', '_' and '-'"
    message = _INSTANCE.sub("", _SHOULD.sub("must ", fault["msg"]))
    for theirs, ours in _WORDS.items():
        message = message.replace(theirs, ours)
    return message
