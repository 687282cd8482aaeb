"""Refusals of the signing API, as RFC 9457 has them: ``application/problem+json``.

Each names the value that was seen, the rule it breaks, and what to do. What was not foreseen gives
an id to look up in the log, and nothing else.
"""

from __future__ import annotations

import logging
import uuid

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from boresight_hub.access.refusals import RefusalError
from boresight_hub.errors import BoresightError

MEDIA_TYPE = "application/problem+json"

_TYPE = "urn:boresight:problem:"
_TITLES = {
    400: "The request breaks a rule",
    401: "Who asks is not known",
    403: "This is not allowed",
    404: "There is no such thing",
    413: "The request is too long",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not now",
}
#: Longest part of a value that is repeated in an answer, in characters.
_SHOWN_CHARS = 200

logger = logging.getLogger(__name__)


class SigningError(BoresightError):
    """A request to the signing API is refused.

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
    value : str, optional
        The value that breaks the rule, as the client sent it.
    index : int, optional
        Place of the value in the list of hrefs.
    retry_after_s : int, optional
        When it may work again [s].
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        status: int,
        remedy: str,
        value: str | None = None,
        index: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
        self.status = status
        self.value = value
        self.index = index
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to the answer."""
        headers = {"cache-control": "no-store"}
        if self.status == 401:
            headers["www-authenticate"] = 'Bearer realm="boresight"'
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        return headers


def shown(value: str) -> str:
    """``value`` for a message: quoted, escaped, and cut."""
    cut = value if len(value) <= _SHOWN_CHARS else f"{value[:_SHOWN_CHARS]}…"
    return ascii(cut)


def of_refusal(refusal: RefusalError) -> SigningError:
    """What a broker refuses, in the words of this API."""
    return SigningError(
        "session" if not refusal.is_our_fault else "unavailable",
        refusal.message,
        status=refusal.status,
        remedy="Try again." if refusal.is_our_fault else "Ask an administrator for access.",
        retry_after_s=2 if refusal.is_our_fault else None,
    )


def note(error: SigningError) -> None:
    """Write to the log that something was refused; what exactly is the caller's own business."""
    logger.info("refused: %s (%d)", error.kind, error.status)


def problem(error: SigningError) -> Response:
    """Answer of a foreseen refusal."""
    note(error)
    content: dict[str, str | int] = {
        "type": f"{_TYPE}{error.kind}",
        "title": _TITLES.get(error.status, "Refused"),
        "status": error.status,
        "detail": error.message,
        "remedy": error.remedy,
    }
    if error.value is not None:
        content["value"] = error.value[:_SHOWN_CHARS]
    if error.index is not None:
        content["index"] = error.index
    return JSONResponse(content, error.status, error.headers, media_type=MEDIA_TYPE)


def of_validation(exc: RequestValidationError) -> SigningError:
    """What FastAPI itself found wrong with the parameters."""
    first = exc.errors()[0]
    where = ".".join(str(part) for part in first.get("loc", ())[1:8])
    return SigningError(
        "request",
        f"The parameter {shown(where)} is refused: {first.get('msg', 'not valid')}.",
        status=400,
        remedy="See the description of the route in openapi.json.",
    )


def unforeseen(exc: BaseException) -> SigningError:
    """What nobody foresaw; the traceback goes to the log under an id."""
    error_id = uuid.uuid4().hex[:12]
    logger.error("unforeseen error %s", error_id, exc_info=exc)
    return SigningError(
        "unforeseen",
        f"Something went wrong; the log knows more under the id {error_id}.",
        status=500,
        remedy="Tell an administrator the id.",
    )


def of_exception(exc: Exception) -> SigningError:
    """Whatever has ended a request, in the words of this API."""
    if isinstance(exc, SigningError):
        return exc
    if isinstance(exc, RequestValidationError):
        return of_validation(exc)
    if isinstance(exc, RefusalError):
        return of_refusal(exc)
    return unforeseen(exc)


async def answer_exception(_: Request, exc: Exception) -> Response:
    """Exception handler: a problem."""
    return problem(of_exception(exc))


#: What an application has to hand to its exception handler.
ANSWERED: tuple[type[Exception], ...] = (
    SigningError,
    RequestValidationError,
    RefusalError,
    Exception,
)
