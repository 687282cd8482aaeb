from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.parsers import QueryParser
from botocore.session import get_session

from boresight_hub.access import query, refusals
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.sessions import Session

ROLE = "arn:aws:iam::000000000000:role/boresight-user"
GOOD = {"RoleArn": ROLE, "RoleSessionName": "marie", "WebIdentityToken": "a.b.c"}
SESSION = Session(
    subject="<marie & \x00 co>",
    username="marie",
    access_key="AKIA0123456789ABCDEF",
    secret_key="secret/with+signs&<>",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    expires_at=datetime(2026, 1, 1, 1, 2, 3, tzinfo=UTC),
)


def parsed(body: bytes, operation: str, status: int = 200):
    """As botocore reads it."""
    model = get_session().get_service_model("sts").operation_model(operation)
    response = {"body": body, "status_code": status, "headers": {}}
    return QueryParser().parse(response, model.output_shape)


def test_web_identity_response_as_botocore_reads_it() -> None:
    request = query.parse_web_identity(GOOD)
    body = query.web_identity_response(
        SESSION, request, audience="s3", issuer="http://127.0.0.1:8000/idp", request_id="r-1"
    )
    answer = parsed(body, "AssumeRoleWithWebIdentity")
    assert answer["Credentials"] == {
        "AccessKeyId": "AKIA0123456789ABCDEF",
        "SecretAccessKey": "secret/with+signs&<>",
        "SessionToken": "",
        "Expiration": datetime(2026, 1, 1, 1, 2, 3, tzinfo=UTC),
    }
    assert answer["SubjectFromWebIdentityToken"] == "<marie & ? co>"
    assert answer["AssumedRoleUser"]["Arn"] == (
        "arn:aws:sts::000000000000:assumed-role/boresight-user/marie"
    )
    assert answer["ResponseMetadata"]["RequestId"] == "r-1"


@pytest.mark.parametrize(
    ("refusal", "status", "kind"),
    [
        (refusals.access_denied("no <way>"), 403, "Sender"),
        (refusals.expired_token("old"), 400, "Sender"),
        (refusals.unavailable("later"), 503, "Receiver"),
    ],
)
def test_error_response_as_botocore_reads_it(refusal: RefusalError, status: int, kind: str) -> None:
    assert refusal.status == status
    body = query.error_response(refusal, request_id="r-1")
    answer = parsed(body, "AssumeRoleWithWebIdentity", status)
    assert answer["Error"] == {"Type": kind, "Code": refusal.code, "Message": refusal.message}
    assert answer["ResponseMetadata"]["RequestId"] == "r-1"


def test_duration_as_asked_for() -> None:
    assert query.parse_web_identity(GOOD).duration_s == 3600
    assert query.parse_web_identity(GOOD | {"DurationSeconds": "900"}).duration_s == 900


def test_the_token_is_not_shown() -> None:
    assert "a.b.c" not in repr(query.parse_web_identity(GOOD))
    assert "secret" not in repr(SESSION)
