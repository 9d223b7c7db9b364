"""Request bodies: read within the limit, of an accepted media type, parsed as JSON."""

import asyncio
from collections.abc import Collection
from http import HTTPStatus

from pydantic_core import from_json
from starlette.requests import Request

from anomaliz.api.problems import ProblemError

JSON_TYPES = ("application/json",)
CSV_TYPES = ("text/csv", "application/csv")
BODY_SECONDS = 20
UTF8 = {"utf-8", "utf8", "us-ascii", "ascii"}


async def read_body(request: Request, accepted: Collection[str], limit: int) -> tuple[bytes, str]:
    """Return the body and its media type, the first accepted one where the request names none.

    Raises ProblemError 415 for another media type, charset or an encoded body, 400 for a Content-Length
    that is no number or a body cut short, 408 for one that is not here in time, and 413 once more than
    `limit` bytes are announced or here.
    """
    media_type = _media_type(request, accepted)
    _check_announced(request, limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _receive(request, limit), media_type
    except TimeoutError:
        detail = f"the body was not complete after {BODY_SECONDS} s: send it faster"
        raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail) from None


def parse_json(raw: bytes) -> object:
    """Return what the JSON text says; raises ProblemError 400 where it is none or is nested too deep.

    NaN and Infinity are let through, so that who reads the value can name its field.
    """
    try:
        return from_json(raw, allow_inf_nan=True)
    except ValueError as error:
        reason = "it is nested too deep" if "recursion" in str(error) else str(error)
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, f"the body is not JSON that can be read: {reason}"
        ) from None


def _media_type(request: Request, accepted: Collection[str]) -> str:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise _unsupported("the body is encoded: send it without Content-Encoding")
    declared = request.headers.get("content-type")
    if declared is None:
        return next(iter(accepted))
    if declared in accepted:
        return declared
    media_type, _, parameters = declared.partition(";")
    media_type = media_type.strip().lower()
    if media_type not in accepted:
        raise _unsupported(f"the body is of a type that is not read here: send {' or '.join(accepted)}")
    _check_charset(parameters)
    return media_type


def _check_charset(parameters: str) -> None:
    for parameter in parameters.lower().split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in UTF8:
            raise _unsupported("the body's charset is not read here: send UTF-8")


def _unsupported(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, field="Content-Type")


def _check_announced(request: Request, limit: int) -> None:
    announced = request.headers.get("content-length")
    if announced is None:
        return
    if not (announced.isascii() and announced.isdigit()):
        raise ProblemError(
            HTTPStatus.BAD_REQUEST, "Content-Length must be a number of bytes", field="Content-Length"
        )
    # A number of more digits than any limit has is not converted: that could take long.
    if len(announced) > 18 or int(announced) > limit:
        raise _too_large(limit)


async def _receive(request: Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the connection closed before the body was complete")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunk if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> ProblemError:
    detail = f"the body is larger than the {limit} bytes that are read: send less at a time"
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
