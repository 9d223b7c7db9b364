"""Problems: every error that the service answers, in the form of RFC 9457."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from anomaliz.api.responses import ProblemJSON
from anomaliz.core.errors import AnomalizError, BundleError, ConflictError, StoreError


class ProblemError(Exception):
    """An answer other than success: status, one sentence, and the field at fault where there is one."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = headers

    @property
    def response(self) -> Response:
        content = problem(self.status, self.detail, self.field)
        return ProblemJSON(content, self.status, self.headers)


def problem(status: HTTPStatus, detail: str, field: str | None = None) -> dict[str, Any]:
    """Return the details of a problem; `field` is there only when one is at fault."""
    details = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    return details if field is None else details | {"field": field}


def of_error(error: AnomalizError) -> ProblemError:
    """Return the problem that an error of the house is: the caller's, unless the bundle is at fault."""
    if isinstance(error, ConflictError):
        return ProblemError(HTTPStatus.CONFLICT, str(error), field=error.field)
    if isinstance(error, BundleError | StoreError):
        return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error), field=error.field)
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), field=error.field)


def add_handlers(app: FastAPI) -> None:
    """Have the app answer every expected exception with a problem."""
    app.add_exception_handler(ProblemError, _answer_problem)
    app.add_exception_handler(AnomalizError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return error.response


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, AnomalizError)
    return of_error(error).response


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return ProblemError(status, _sentence(request, status, error.detail), headers=error.headers).response


async def _answer_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field}: {first['msg']}", field=field).response


def _sentence(request: Request, status: HTTPStatus, detail: str) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return "there is nothing at this path: see /docs for the routes"
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not allowed here: see /docs for the routes and their methods"
    return detail
