"""Refusals in the words of AWS: code and HTTP status as its own STS gives them."""

from __future__ import annotations

from dataclasses import dataclass


class RefusalError(Exception):
    """A request is refused, or cannot be answered now.

    Parameters
    ----------
    code : str
        Code as in the documentation of AWS STS; clients decide by it.
    message : str
        For people. Never a secret.
    status : int
        HTTP status.
    """

    def __init__(self, code: str, message: str, *, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    @property
    def is_our_fault(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status >= 500


@dataclass(frozen=True, slots=True)
class _Kind:
    code: str
    status: int

    def __call__(self, message: str) -> RefusalError:
        return RefusalError(self.code, message, status=self.status)


validation = _Kind("ValidationError", 400)
missing_action = _Kind("MissingAction", 400)
invalid_action = _Kind("InvalidAction", 400)
expired_token = _Kind("ExpiredTokenException", 400)
invalid_token = _Kind("InvalidIdentityToken", 400)
access_denied = _Kind("AccessDenied", 403)
unknown_key = _Kind("InvalidClientTokenId", 403)
no_signature = _Kind("MissingAuthenticationToken", 403)
bad_signature = _Kind("SignatureDoesNotMatch", 403)
expired_session = _Kind("ExpiredToken", 403)
# AWS answers 400 and its own SDKs try again because of the code; object_store and GDAL look at
# the status alone, so it has to be one that means "try again"
idp_unreachable = _Kind("IDPCommunicationError", 503)
unavailable = _Kind("ServiceUnavailable", 503)


def signed_out(username: str) -> RefusalError:
    """Refusal of a token from before its owner signed out."""
    return expired_token(f"{username} has signed out since the token was given; sign in again.")
