"""Rows of a table in the docs, as the settings have them."""

from pydantic import BaseModel
from pydantic_core import PydanticUndefined


def rows(model: type[BaseModel], *, without: frozenset[str] = frozenset()) -> list[str]:
    """Return a row for each key of the settings with its default and meaning, `type` aside."""
    return [_row(name, model) for name in model.model_fields if name not in {"type"} | without]


def _row(name: str, model: type[BaseModel]) -> str:
    field = model.model_fields[name]
    default = field.default
    if default is PydanticUndefined or default is None:
        shown = ""
    elif isinstance(default, bool):
        shown = f"`{str(default).lower()}`"
    else:
        shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    return f"| `{name}` | {shown} | {field.description} |"
