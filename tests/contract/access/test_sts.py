"""The STS protocol, with real tokens, a real catalogue and a real store."""

from __future__ import annotations

import concurrent.futures
import datetime
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import boto3
import botocore.exceptions
import httpx
import jwt
import pytest
from botocore.config import Config
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.access_stack import AccessStack

NS = {"s": "https://sts.amazonaws.com/doc/2011-06-15/"}
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def credentials_of(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 200, response.text
    root = ET.fromstring(response.text)  # noqa: S314 - from our own service
    node = root.find(".//s:Credentials", NS)
    assert node is not None
    return {element.tag.rpartition("}")[2]: element.text or "" for element in node}


def code_of(response: httpx.Response) -> tuple[int, str]:
    root = ET.fromstring(response.text)  # noqa: S314 - from our own service
    assert root.tag == f"{{{NS['s']}}}ErrorResponse"
    assert root.findtext("s:RequestId", namespaces=NS) == response.headers["x-amzn-requestid"]
    return response.status_code, root.findtext("s:Error/s:Code", "", NS)


def client_of(stack: AccessStack, credentials: dict[str, str], service: str = "s3"):
    return boto3.client(
        service,
        endpoint_url=stack.settings.s3_url if service == "s3" else stack.settings.sts_url,
        region_name="us-east-1",
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken") or None,
        config=Config(retries={"max_attempts": 1}),
    )


def test_credentials_open_the_store(stack: AccessStack) -> None:
    credentials = credentials_of(stack.sts(stack.origin.token("marie")))
    s3 = client_of(stack, credentials)
    s3.put_object(Bucket="home", Key="marie/a", Body=b"1")
    assert s3.get_object(Bucket="home", Key="marie/a")["Body"].read() == b"1"
    end = datetime.datetime.fromisoformat(credentials["Expiration"])
    left = end - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(minutes=30) < left <= datetime.timedelta(hours=1)


def forged_hs256(stack: AccessStack) -> str:
    """Signed with the public key as if it were a shared secret."""
    public = stack.origin.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # PyJWT refuses to sign so, an attacker would not
    import base64
    import hashlib
    import hmac

    good = stack.origin.token("marie")
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"key-1","typ":"at+jwt"}').rstrip(b"=")
    signed = head + b"." + good.split(".")[1].encode()
    mac = hmac.new(public, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def unsigned(stack: AccessStack) -> str:
    return jwt.encode(
        stack.origin.claims("marie"),
        "",
        algorithm="none",
        headers={"kid": "key-1", "typ": "at+jwt"},
    )


INVALID, EXPIRED = (400, "InvalidIdentityToken"), (400, "ExpiredTokenException")
DENIED, VALIDATION = (403, "AccessDenied"), (400, "ValidationError")

TOKENS = {
    "HS256 with the public key": (forged_hs256, INVALID),
    "alg none": (unsigned, INVALID),
    "another key": (lambda s: s.origin.sign(s.origin.claims(), key=OTHER_KEY), INVALID),
    "payload changed": (
        lambda s: ".".join(
            part(s.origin.token(who))
            for part, who in (
                (lambda t: t.split(".")[0], "marie"),
                (lambda t: t.split(".")[1], "lea"),
                (lambda t: t.split(".")[2], "marie"),
            )
        ),
        INVALID,
    ),
    "another issuer": (lambda s: s.origin.token(iss="http://127.0.0.1:1/idp"), INVALID),
    "audience stac": (lambda s: s.origin.token(audience="stac"), INVALID),
    "two audiences": (lambda s: s.origin.token(aud=["s3", "stac"]), INVALID),
    "id token": (lambda s: s.origin.sign(s.origin.claims(), typ="JWT"), INVALID),
    "expired": (lambda s: s.origin.token(exp=s.origin.claims()["iat"] - 60), EXPIRED),
    "no expiry": (
        lambda s: s.origin.sign({k: v for k, v in s.origin.claims().items() if k != "exp"}),
        INVALID,
    ),
    "not a token": (lambda s: "abcdef", INVALID),
    "a service": (lambda s: s.origin.token(None), DENIED),
    "name with a slash": (lambda s: s.origin.token(preferred_username="marie/../paul"), DENIED),
    "name with a star": (lambda s: s.origin.token(preferred_username="*"), DENIED),
    "name with a variable": (
        lambda s: s.origin.token(preferred_username="${aws:username}"),
        DENIED,
    ),
    "name in capitals": (lambda s: s.origin.token(preferred_username="Marie"), DENIED),
}


@pytest.mark.parametrize("case", TOKENS)
def test_refused_tokens(stack: AccessStack, case: str) -> None:
    credentials_of(
        stack.sts(stack.origin.token("marie"))
    )  # the same request is fine with a good one
    make, expected = TOKENS[case]
    users = stack.session_users()
    token = make(stack)
    assert code_of(stack.sts(token)) == expected
    answer = httpx.get(
        stack.settings.credentials_url, headers={"authorization": token}, trust_env=False
    )
    assert (answer.status_code, answer.json()["code"]) == expected
    assert stack.session_users() == users


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"RoleArn": "arn:aws:iam::000000000000:role/admin"}, DENIED),
        ({"RoleArn": ""}, VALIDATION),
        ({"RoleSessionName": ""}, VALIDATION),
        ({"RoleSessionName": "a b"}, VALIDATION),
        ({"WebIdentityToken": ""}, VALIDATION),
        ({"WebIdentityToken": "x" * 20_001}, VALIDATION),
        ({"DurationSeconds": "899"}, VALIDATION),
        ({"DurationSeconds": "43201"}, VALIDATION),
        ({"DurationSeconds": "-900"}, VALIDATION),
        ({"DurationSeconds": "1e3"}, VALIDATION),
        ({"Policy": "{}"}, VALIDATION),
        ({"PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/x"}, VALIDATION),
        ({"Action": ""}, (400, "MissingAction")),
        ({"Action": "AssumeRole"}, (400, "InvalidAction")),
        ({"Version": "2010-05-08"}, (400, "InvalidAction")),
        ({"Filler": "x" * 70_000}, VALIDATION),
    ],
)
def test_refused_parameters(stack: AccessStack, changes, expected) -> None:
    token = stack.origin.token("marie")
    credentials_of(stack.sts(token))
    assert code_of(stack.sts(token, **changes)) == expected


def test_every_way_to_send_it(stack: AccessStack) -> None:
    token = stack.origin.token("marie")
    expected = credentials_of(stack.sts(token))
    query = urlencode(
        {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": stack.settings.access.role_arn,
            "RoleSessionName": "gdal",
            "WebIdentityToken": token,
        }
    )
    for method, slash in (("GET", ""), ("GET", "/"), ("POST", ""), ("POST", "/")):
        response = httpx.request(
            method, f"{stack.settings.sts_url}{slash}?{query}", trust_env=False
        )
        assert credentials_of(response) == expected, (method, slash)


def test_a_parameter_twice(stack: AccessStack) -> None:
    token = stack.origin.token("marie")
    response = httpx.post(
        f"{stack.settings.sts_url}?Action=AssumeRoleWithWebIdentity",
        content=urlencode({"Action": "GetCallerIdentity", "WebIdentityToken": token}),
        trust_env=False,
    )
    assert code_of(response) == VALIDATION


def test_many_at_once_mint_once(stack: AccessStack) -> None:
    users = set(stack.session_users())
    token = stack.origin.token("lea")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        keys = {
            credentials_of(response)["AccessKeyId"]
            for response in pool.map(stack.sts, [token] * 40)
        }
    assert len(keys) == 1
    assert len(set(stack.session_users()) - users) == 1


def test_different_people_get_different_sessions(stack: AccessStack) -> None:
    keys = {
        name: credentials_of(stack.sts(stack.origin.token(name)))["AccessKeyId"]
        for name in ("marie", "paul", "lea")
    }
    assert len(set(keys.values())) == 3


def test_other_groups_other_session(stack: AccessStack) -> None:
    before = credentials_of(stack.sts(stack.origin.token("marie")))
    after = credentials_of(stack.sts(stack.origin.token("marie", groups=[])))
    assert before["AccessKeyId"] != after["AccessKeyId"]
    stack.root().put_object(Bucket="catalogue", Key="co3d-l1/x/y", Body=b"1")
    client_of(stack, before).get_object(Bucket="catalogue", Key="co3d-l1/x/y")
    with pytest.raises(botocore.exceptions.ClientError, match="AccessDenied"):
        client_of(stack, after).get_object(Bucket="catalogue", Key="co3d-l1/x/y")


def test_caller_identity(stack: AccessStack) -> None:
    credentials = credentials_of(stack.sts(stack.origin.token("marie")))
    identity = client_of(stack, credentials, "sts").get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::000000000000:assumed-role/boresight-user/marie"
    assert identity["Account"] == "000000000000"

    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        client_of(stack, credentials | {"SecretAccessKey": "x" * 40}, "sts").get_caller_identity()
    with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
        client_of(
            stack, credentials | {"AccessKeyId": "AKIA" + "X" * 16}, "sts"
        ).get_caller_identity()
    unsigned = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    response = httpx.post(stack.settings.sts_url, data=unsigned, trust_env=False)
    assert code_of(response) == (403, "MissingAuthenticationToken")


def test_nothing_secret_in_logs_or_files(stack: AccessStack) -> None:
    token = stack.origin.token("marie")
    credentials = credentials_of(stack.sts(token))
    stack.sts(token + "x")
    httpx.get(f"{stack.settings.sts_url}/?WebIdentityToken={token}&Action=None", trust_env=False)
    log = stack.log("access")
    assert credentials["AccessKeyId"] in log  # it does log
    files = [p for p in (stack.settings.state_dir / "access").iterdir() if p.is_file()]
    assert any(p.name == "sessions.sqlite" for p in files)
    for secret in (credentials["SecretAccessKey"], token.split(".")[2], token.split(".")[1]):
        assert secret not in log
        for path in files:
            assert secret.encode() not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0, path
