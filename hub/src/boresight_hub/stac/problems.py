"""Refusals of the STAC API, and the one table from exception to status.

An answer that refuses is ``{"code", "description"}`` as the STAC API has it, with ``remedy``
where there is one. What was not foreseen gives an id to look up in the log, and nothing else.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from boresight_hub.errors import BoresightError, CatalogueError, CredentialError, SignInError
from boresight_hub.stac.cql2_nodes import Cql2Error

logger = logging.getLogger(__name__)


class RequestError(CatalogueError):
    """The request breaks a rule."""


class AbsentError(CatalogueError):
    """What was asked for does not exist, or not for whom asked."""


class ConflictError(CatalogueError):
    """What is to be made exists, or what is to go is still needed."""


class ForbiddenError(CatalogueError):
    """Somebody known may not do this."""


class ChangedError(CatalogueError):
    """The object is not in the state the client believes it to be in."""


class TooLargeError(CatalogueError):
    """The request is longer than is read."""


class QueryTimeoutError(CatalogueError):
    """A query took longer than it may."""


class UnavailableError(CatalogueError):
    """The database does not answer."""


_STATUS: Mapping[type[Exception], int] = {
    RequestError: 400,
    Cql2Error: 400,
    CredentialError: 401,
    ForbiddenError: 403,
    AbsentError: 404,
    ConflictError: 409,
    ChangedError: 412,
    TooLargeError: 413,
    QueryTimeoutError: 503,
    UnavailableError: 503,
    SignInError: 503,
}


def answer(exc: Exception) -> Response:
    """Response of a foreseen refusal."""
    status = next(code for kind, code in _STATUS.items() if isinstance(exc, kind))
    content = {"code": type(exc).__name__.removesuffix("Error"), "description": str(exc)}
    if isinstance(exc, BoresightError):
        content["description"] = exc.message
        if exc.remedy:
            content["remedy"] = exc.remedy
    headers = {"WWW-Authenticate": 'Bearer realm="boresight"'} if status == 401 else None
    return JSONResponse(content, status_code=status, headers=headers)


def unforeseen(exc: BaseException) -> Response:
    """Response of what nobody foresaw: an id, which stands in the log with the traceback."""
    error_id = uuid.uuid4().hex[:12]
    logger.error("unforeseen error %s", error_id, exc_info=exc)
    content = {
        "code": "InternalServerError",
        "description": f"Something went wrong; the log knows more under the id {error_id}.",
        "id": error_id,
    }
    return JSONResponse(content, status_code=500)


def install(app: FastAPI) -> None:
    """Have every exception answered by this module."""

    async def foreseen(_: Request, exc: Exception) -> Response:
        return answer(exc)

    async def http(_: Request, exc: Exception) -> Response:
        if not isinstance(exc, HTTPException):
            return unforeseen(exc)
        content = {"code": _NAMES.get(exc.status_code, "Error"), "description": str(exc.detail)}
        return JSONResponse(content, status_code=exc.status_code, headers=exc.headers)

    async def invalid(_: Request, exc: Exception) -> Response:
        if not isinstance(exc, RequestValidationError):
            return unforeseen(exc)
        described = "; ".join(_described(error) for error in exc.errors()[:5])
        return JSONResponse({"code": "Request", "description": described}, status_code=400)

    async def other(_: Request, exc: Exception) -> Response:
        return unforeseen(exc)

    for kind in _STATUS:
        app.add_exception_handler(kind, foreseen)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, other)


_NAMES = {400: "Request", 404: "Absent", 405: "MethodNotAllowed"}


def _described(error: Any) -> str:
    where = ".".join(str(part) for part in error.get("loc", ())[:8])
    return f"{where[:200]}: {str(error.get('msg', 'not valid'))[:300]}"
