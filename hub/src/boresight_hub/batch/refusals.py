"""Refusals of the batch service, as RFC 9457 has them: ``application/problem+json``."""

from __future__ import annotations

import logging
import uuid

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from boresight_hub.errors import BoresightError, ServiceError

logger = logging.getLogger(__name__)

_HEADERS = {"cache-control": "no-store"}


class BatchError(BoresightError):
    """A request to the batch service is refused.

    Parameters
    ----------
    kind : str
        Name of the rule, for programs: the last part of the problem's ``type``.
    message : str
        What was seen and the rule it breaks. Never a secret.
    status : int
        HTTP status.
    remedy : str
        What the reader can do about it.
    """

    def __init__(self, kind: str, message: str, *, status: int, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
        self.status = status


def no_such_run(run_id: str) -> BatchError:
    """Refusal for a run that is absent, or somebody else's: nobody is told which."""
    return BatchError(
        "run",
        f"You have no run {run_id[:60]!a}.",
        status=404,
        remedy="See `boresight batch list`.",
    )


async def answer_exception(_: Request, exc: Exception) -> Response:
    """Exception handler: a problem; of what nobody foresaw, an id and nothing else."""
    if isinstance(exc, ServiceError):
        exc = BatchError("unavailable", exc.message, status=503, remedy=exc.remedy or "Try again.")
    elif isinstance(exc, RequestValidationError):
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first.get("loc", ())[1:8]) or "body"
        exc = BatchError(
            "request",
            f"{where[:100]!a} in the request is refused: {first.get('msg', 'not valid')}.",
            status=400,
            remedy="See the description of the route in openapi.json.",
        )
    elif not isinstance(exc, BatchError):
        error_id = uuid.uuid4().hex[:12]
        logger.error("unforeseen error %s", error_id, exc_info=exc)
        exc = BatchError(
            "unforeseen",
            f"Something went wrong; the log knows more under the id {error_id}.",
            status=500,
            remedy="Tell an administrator the id.",
        )
    logger.info("refused: %s (%d)", exc.kind, exc.status)
    content = {
        "type": f"urn:boresight:problem:{exc.kind}",
        "status": exc.status,
        "detail": exc.message,
        "remedy": exc.remedy,
    }
    headers = _HEADERS | ({"www-authenticate": "token"} if exc.status == 401 else {})
    return JSONResponse(content, exc.status, headers, media_type="application/problem+json")
