"""A query in SQL: its template filled in, and known to read only."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from anomaliz.core.errors import DataError, MissingExtraError

READING = ("SELECT", "WITH", "FROM", "VALUES", "TABLE", "PIVOT")
_QUOTED = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | (\$\w*\$).*?\1 | --[^\n]* | /\*.*?\*/""",
    re.DOTALL | re.VERBOSE,
)
_BOUND = re.compile(r"(?<![:\w\\]):(start_epoch|end_epoch|start|end|step)\b(?!:)")
_OTHER = re.compile(r"(?<![:\w\\]):(?=\w)(?!(?:start_epoch|end_epoch|start|end|step)\b)")
TIMES = ("start", "end", "step")


@dataclass(frozen=True)
class SqlQuery:
    """One statement that reads.

    It may bind `:start` and `:end` (stamps), `:start_epoch` and `:end_epoch` (seconds) and `:step` (seconds).
    """

    statement: str
    """As SQLAlchemy's `text` takes it: every other colon is escaped."""
    bound: frozenset[str]

    @classmethod
    def parse(cls, template: str, start: datetime, end: datetime, step: timedelta) -> Self:
        """Fill in a Jinja template, which sees `start`, `end` and `step`, in a sandbox.

        Raises DataError for a template that cannot be filled in, and for anything but one statement that
        reads.
        """
        statement = _filled(template, start, end, step).strip()
        bare = _QUOTED.sub(" ", statement).strip().removesuffix(";").strip()
        if ";" in bare:
            raise DataError("it has several statements: give one", field="query")
        first = re.match(r"[(\s]*(\w*)", bare)
        if first is None or first[1].upper() not in READING:
            raise DataError("it does not begin with SELECT or WITH: give one that reads", field="query")
        return cls(_escaped(statement.removesuffix(";")), frozenset(_BOUND.findall(bare)))

    def values(
        self, start: datetime, end: datetime, step: timedelta, stamp: Callable[[datetime], object]
    ) -> dict[str, object]:
        """Return what is bound; `stamp` makes of a datetime what the dialect takes."""
        known = {
            "start": stamp(start),
            "end": stamp(end),
            "step": _number(step.total_seconds()),
            "start_epoch": _number(start.timestamp()),
            "end_epoch": _number(end.timestamp()),
        }
        return {name: known[name] for name in self.bound}


def _number(seconds: float) -> float | int:
    return int(seconds) if seconds.is_integer() else seconds


def depends_on_time(template: str) -> bool:
    """Whether a template asks for its time range, so that it can be asked part by part."""
    bare = _QUOTED.sub(" ", template)
    filled = " ".join(re.findall(r"\{\{.*?\}\}|\{%.*?%\}", template, re.DOTALL))
    bound = set(_BOUND.findall(bare))
    starts = bool(bound & {"start", "start_epoch"}) or re.search(r"\bstart\b", filled) is not None
    ends = bool(bound & {"end", "end_epoch"}) or re.search(r"\bend\b", filled) is not None
    return starts and ends


def _escaped(statement: str) -> str:
    """Return the statement with every colon escaped that would be taken for a parameter and is none."""
    parts, done = [], 0
    for quoted in _QUOTED.finditer(statement):
        parts += [_OTHER.sub(r"\\:", statement[done : quoted.start()])]
        parts += [re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", quoted[0])]
        done = quoted.end()
    return "".join([*parts, _OTHER.sub(r"\\:", statement[done:])])


def _filled(template: str, start: datetime, end: datetime, step: timedelta) -> str:
    if "{" not in template:
        return template
    try:
        from jinja2 import StrictUndefined
        from jinja2.exceptions import TemplateError
        from jinja2.sandbox import SandboxedEnvironment
    except ImportError:
        raise MissingExtraError.of("templates in SQL", "sources") from None
    try:
        sandbox = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        return sandbox.from_string(template).render(start=start, end=end, step=step)
    except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, OverflowError) as error:
        line = getattr(error, "lineno", None)
        where = f"line {line} of its template" if line else "its template"
        raise DataError(f"{where} cannot be filled in ({error}): it may use {', '.join(TIMES)}") from None
