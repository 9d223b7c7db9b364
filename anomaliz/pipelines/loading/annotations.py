"""What a field's annotation says: whether it holds a section, a list, a mapping, a secret."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from anomaliz.pipelines.loading.part import Steps


def kinds(annotation: Any) -> Iterator[Any]:
    """Yield the classes that a value may be of, without what they hold."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from kinds(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for option in get_args(annotation):
            yield from kinds(option)
    else:
        yield origin or annotation


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a value may be, None where it is none."""
    found = (kind for kind in kinds(annotation) if isinstance(kind, type) and issubclass(kind, BaseModel))
    return next(found, None)


def item_of(annotation: Any) -> Any:
    """Return the annotation of a list's or mapping's items; None where it has none."""
    for option in _options(annotation):
        if get_origin(option) is tuple:
            return get_args(option)[0]
        if get_origin(option) is dict:
            return get_args(option)[1]
    return None


def annotation_at(model: type[BaseModel], steps: Steps) -> Any:
    """Return the annotation of what lies at the end of `steps`, None where the model knows no such thing."""
    annotation: Any = model
    for step in steps:
        inner = model_in(annotation)
        field = inner.model_fields.get(str(step)) if inner else None
        annotation = field.annotation if field else item_of(annotation)
    return annotation


def is_secret(annotation: Any) -> bool:
    """Return whether values, or those that they hold, are secrets."""
    return SecretStr in kinds(annotation) or SecretStr in kinds(item_of(annotation))


def _options(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _options(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for option in get_args(annotation):
            yield from _options(option)
    else:
        yield annotation
