"""A query of Redis time series: its options, as Redis names them, and its text form."""

import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from reprlib import repr as short
from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from anomaliz.core.errors import DataError
from anomaliz.core.suggestion import suggestion

Aggregation = Literal[
    "avg", "sum", "min", "max", "range", "count", "first", "last", "std.p", "std.s", "var.p", "var.s", "twa"
]
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDS = {"-": "start", "+": "end", "start": "start", "end": "end"}


def _milliseconds(value: object) -> object:
    """Return a datetime (UTC without a zone) or an interval in the server's unit, anything else as it is."""
    if isinstance(value, datetime):
        aware = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
        return (aware - EPOCH) // MILLISECOND
    return value // MILLISECOND if isinstance(value, timedelta) else value


def _end(value: object) -> object:
    return ENDS.get(value, value) if isinstance(value, str) else value


Stamp: TypeAlias = Annotated[int, BeforeValidator(_milliseconds), Field(ge=0)]
Interval: TypeAlias = Annotated[int, BeforeValidator(_milliseconds), Field(ge=1)]
Align: TypeAlias = Annotated[Literal["start", "end"] | Stamp, BeforeValidator(_end)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Command: TypeAlias = list[str | int | float]


class SeriesQuery(BaseModel):
    """What to read of a Redis time series (`key`), or of every series that `filters` pick.

    Stamps are datetimes (UTC without a zone) or epoch milliseconds, intervals are timedeltas or
    milliseconds. Raises pydantic's ValidationError, which is a ValueError, for anything else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    key: Text | None = None
    filters: tuple[Text, ...] = ()
    """`label=value` and the server's other forms; at least one must pick."""
    start: Stamp | None = None
    """First stamp; None is the series' first."""
    end: Stamp | None = None
    """Stamp before which to stop; None is behind the series' last."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Most samples, of each series."""
    reversed: bool = False
    """Whether to read from the newest on (`TS.REVRANGE`): which samples `count` keeps."""
    aggregation: Aggregation | None = None
    bucket: Interval | None = None
    """Of the aggregation."""
    align: Align | None = None
    """What the buckets are counted from: `start` (of what is read), `end` or a stamp."""
    empty: bool = False
    """Whether empty buckets are reported."""
    latest: bool = False
    """Whether a compaction's newest bucket, which is not full yet, is reported."""
    filter_by_ts: tuple[Stamp, ...] = ()
    filter_by_value: tuple[float, float] | None = None
    """Least and greatest value."""
    group_by: Text | None = None
    """Label over whose values series are reduced to one each."""
    reduce: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, needed in (("bucket", "aggregation"), ("align", "aggregation"), ("empty", "aggregation")):
            if getattr(self, name) and getattr(self, needed) is None:
                raise ValueError(f"{name} needs an {needed}")
        if (self.group_by is None) != (self.reduce is None):
            raise ValueError("group_by and reduce go together")
        if self.group_by and not self.filters:
            raise ValueError("group_by needs filters")
        if self.key and self.filters:
            raise ValueError("a query has a key or filters, not both")
        if self.filter_by_value and self.filter_by_value[0] > self.filter_by_value[1]:
            raise ValueError("filter_by_value goes from the least to the greatest value")
        return self

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what one would write behind `TS.RANGE` or `TS.MRANGE`, without the times.

        `metrics:cpu AGGREGATION avg 60000`, `FILTER metric=cpu region=eu`. The bucket may be left out and is
        then the step; the word `REVERSED` reads from the newest on. Raises DataError that names the fault.
        """
        try:
            fields = _fields(_Words(shlex.split(text)))
            if not fields.get("key") and not fields.get("filters"):
                raise ValueError("give a key, or FILTER label=value")
            return cls.model_validate(fields)
        except ValidationError as error:
            raise DataError(f"{_fault(error)} in the query {short(text)}", field="query") from None
        except ValueError as error:
            raise DataError(f"{error} in the query {short(text)}", field="query") from None

    def aligned(self, start: int, end: int) -> int:
        """Return the stamp that the buckets of what is read, `start` to `end`, are counted from."""
        if self.align is None:
            return 0  # as the server does it
        return {"start": start, "end": end}.get(self.align, 0) if isinstance(self.align, str) else self.align

    def command(self, first: int, last: int, bucket: int | None, align: int) -> Command:
        """Return the command that reads the stamps `first` to `last`, both included, in milliseconds.

        `bucket` and `align`, in milliseconds too, are those of the aggregation.
        """
        name = "REVRANGE" if self.reversed else "RANGE"
        options = [*self._filtering(), *self._bucketing(bucket, align)]
        if self.key is not None:
            return [f"TS.{name}", self.key, first, last, *options]
        grouping = ["GROUPBY", self.group_by, "REDUCE", self.reduce] if self.group_by and self.reduce else []
        return [f"TS.M{name}", first, last, *options, "WITHLABELS", "FILTER", *self.filters, *grouping]

    def _filtering(self) -> Command:
        words: Command = ["LATEST"] if self.latest else []
        if self.filter_by_ts:
            words += ["FILTER_BY_TS", *self.filter_by_ts]
        if self.filter_by_value:
            words += ["FILTER_BY_VALUE", *self.filter_by_value]
        return [*words, "COUNT", self.count] if self.count else words

    def _bucketing(self, bucket: int | None, align: int) -> Command:
        if self.aggregation is None or bucket is None:
            return []
        return ["ALIGN", align, "AGGREGATION", self.aggregation, bucket, *(["EMPTY"] if self.empty else [])]


class _Words:
    """The words of a query, read from the left."""

    def __init__(self, words: list[str]) -> None:
        self._words = words[::-1]

    def __bool__(self) -> bool:
        return bool(self._words)

    def take(self, behind: str) -> str:
        """Return the next word; ValueError where it is missing `behind` another."""
        if not self._words:
            raise ValueError(f"{behind} needs a value")
        return self._words.pop()

    def take_while(self, wanted: Callable[[str], bool]) -> list[str]:
        taken = []
        while self._words and wanted(self._words[-1]):
            taken.append(self._words.pop())
        return taken


def _fields(words: _Words) -> dict[str, object]:
    fields: dict[str, object] = {}
    while words:
        word = words.take("")
        read = READERS.get(word.upper())
        if read is not None:
            fields |= read(words)
        elif not fields:
            fields["key"] = word
        else:
            near = suggestion(word.upper(), READERS) or f": give one of {', '.join(READERS)}"
            raise ValueError(f"{short(word)} is not an option{near}")
    return fields


def _aggregation(words: _Words) -> dict[str, object]:
    kind = words.take("AGGREGATION").lower()
    if kind not in get_args(Aggregation):
        near = suggestion(kind, get_args(Aggregation)) or f": give one of {', '.join(get_args(Aggregation))}"
        raise ValueError(f"{short(kind)} is not an aggregation{near}")
    bucket = words.take_while(str.isdecimal)[:1]
    return {"aggregation": kind, **({"bucket": int(bucket[0])} if bucket else {})}


def _filter(words: _Words) -> dict[str, object]:
    return {"filters": tuple(words.take_while(lambda word: word.upper() not in READERS))}


def _group(words: _Words) -> dict[str, object]:
    label = words.take("GROUPBY")
    if words.take("GROUPBY").upper() != "REDUCE":
        raise ValueError("GROUPBY label needs REDUCE and a reducer")
    return {"group_by": label, "reduce": words.take("REDUCE")}


def _align(words: _Words) -> dict[str, object]:
    align = words.take("ALIGN")
    return {"align": int(align) if align.isdecimal() else align}


READERS: dict[str, Callable[[_Words], dict[str, object]]] = {
    "FILTER": _filter,
    "FILTER_BY_TS": lambda words: {"filter_by_ts": tuple(map(int, words.take_while(str.isdecimal)))},
    "FILTER_BY_VALUE": lambda words: {
        "filter_by_value": (words.take("FILTER_BY_VALUE"), words.take("FILTER_BY_VALUE"))
    },
    "COUNT": lambda words: {"count": words.take("COUNT")},
    "ALIGN": _align,
    "AGGREGATION": _aggregation,
    "EMPTY": lambda _: {"empty": True},
    "LATEST": lambda _: {"latest": True},
    "REVERSED": lambda _: {"reversed": True},
    "GROUPBY": _group,
}


def _fault(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    fault = first["msg"].removeprefix("Value error, ")
    return f"{place}: {fault}" if place else fault
