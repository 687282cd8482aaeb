"""The AWS query protocol of STS: parameters in, XML out.

Clients differ: botocore posts a form, object_store posts with everything in the query string,
GDAL sends a GET to ``<address>/?…`` (with a slash). All are read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

from boresight_hub.access import refusals
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.sessions import Session

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
VERSION = "2011-06-15"

# AWS' own bounds
_MIN_DURATION_S, _MAX_DURATION_S, _DEFAULT_DURATION_S = 900, 43_200, 3600
_MAX_TOKEN_CHARS = 20_000
_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_NOT_SUPPORTED = ("Policy", "PolicyArns", "ProviderId")
# XML cannot hold these, not even escaped
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class WebIdentityRequest:
    """An AssumeRoleWithWebIdentity request that is well-formed.

    Attributes
    ----------
    role_arn : str
    session_name : str
    token : str
        JWT, not verified yet.
    duration_s : int
        Life the client asks for [s], 900 to 43200.
    """

    role_arn: str
    session_name: str
    token: str
    duration_s: int = _DEFAULT_DURATION_S

    def __repr__(self) -> str:
        """The token stays out of logs and tracebacks."""
        return f"WebIdentityRequest({self.role_arn!r}, {self.session_name!r})"


def parse_web_identity(parameters: dict[str, str]) -> WebIdentityRequest:
    """Read the parameters of AssumeRoleWithWebIdentity.

    Raises
    ------
    RefusalError
        ``ValidationError``, as AWS gives it.
    """
    for name in parameters:
        # to leave out a session policy would grant more than was asked for
        if name.partition(".")[0] in _NOT_SUPPORTED:
            raise refusals.validation(f"{name} is not supported here; leave it out.")
    role_arn, session_name, token = (
        _required(parameters, name) for name in ("RoleArn", "RoleSessionName", "WebIdentityToken")
    )
    if not _SESSION_NAME.fullmatch(session_name):
        raise refusals.validation(
            f"RoleSessionName {session_name[:80]!r} has to be 2 to 64 letters, digits or +=,.@-_"
        )
    if len(token) > _MAX_TOKEN_CHARS:
        raise refusals.validation(f"WebIdentityToken is longer than {_MAX_TOKEN_CHARS} characters.")
    duration = parameters.get("DurationSeconds") or str(_DEFAULT_DURATION_S)
    if not duration.isascii() or not duration.isdigit() or len(duration) > 9:
        raise refusals.validation(f"DurationSeconds {duration[:20]!r} is not a whole number.")
    if not _MIN_DURATION_S <= int(duration) <= _MAX_DURATION_S:
        raise refusals.validation(
            f"DurationSeconds {duration} has to be from {_MIN_DURATION_S} to {_MAX_DURATION_S}."
        )
    return WebIdentityRequest(role_arn, session_name, token, int(duration))


def _required(parameters: dict[str, str], name: str) -> str:
    value = parameters.get(name, "")
    if not value:
        raise refusals.validation(f"The parameter {name} is missing or empty.")
    return value


def assumed_role_arn(role_arn: str, session_name: str) -> str:
    """Name of a session as STS spells it."""
    account, role = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    return f"arn:aws:sts::{account}:assumed-role/{role}/{session_name}"


def instant(when: datetime) -> str:
    """``when`` as AWS writes it; fractions of a second are cut off."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def web_identity_response(
    session: Session, request: WebIdentityRequest, *, audience: str, issuer: str, request_id: str
) -> bytes:
    """Successful answer to AssumeRoleWithWebIdentity."""
    root, result = _answer("AssumeRoleWithWebIdentity", request_id)
    _text(result, "SubjectFromWebIdentityToken", session.subject)
    _text(result, "Audience", audience)
    user = ET.SubElement(result, "AssumedRoleUser")
    _text(user, "Arn", assumed_role_arn(request.role_arn, request.session_name))
    _text(user, "AssumedRoleId", f"{session.access_key}:{request.session_name}")
    credentials = ET.SubElement(result, "Credentials")
    _text(credentials, "AccessKeyId", session.access_key)
    _text(credentials, "SecretAccessKey", session.secret_key)
    # botocore and object_store want the element even when there is nothing to say in it
    _text(credentials, "SessionToken", session.session_token)
    _text(credentials, "Expiration", instant(session.expires_at))
    _text(result, "Provider", issuer)
    return _bytes(root)


def caller_identity_response(session: Session, *, role_arn: str, request_id: str) -> bytes:
    """Successful answer to GetCallerIdentity."""
    root, result = _answer("GetCallerIdentity", request_id)
    _text(result, "Arn", assumed_role_arn(role_arn, session.username))
    _text(result, "UserId", f"{session.access_key}:{session.username}")
    _text(result, "Account", role_arn.split(":")[4])
    return _bytes(root)


def error_response(refusal: RefusalError, *, request_id: str) -> bytes:
    """Body of a refusal."""
    root = ET.Element("ErrorResponse", xmlns=NAMESPACE)
    error = ET.SubElement(root, "Error")
    _text(error, "Type", "Receiver" if refusal.is_our_fault else "Sender")
    _text(error, "Code", refusal.code)
    _text(error, "Message", refusal.message)
    _text(root, "RequestId", request_id)
    return _bytes(root)


def _answer(action: str, request_id: str) -> tuple[ET.Element, ET.Element]:
    root = ET.Element(f"{action}Response", xmlns=NAMESPACE)
    result = ET.SubElement(root, f"{action}Result")
    _text(ET.SubElement(root, "ResponseMetadata"), "RequestId", request_id)
    return root, result


def _text(parent: ET.Element, name: str, value: str) -> None:
    ET.SubElement(parent, name).text = _CONTROL.sub("?", value)


def _bytes(root: ET.Element) -> bytes:
    text = ET.tostring(root, encoding="unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
