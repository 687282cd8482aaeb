"""The native dialect against the real store: what works, and every attack beside it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import boto3
import httpx
import jwt
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.access_stack import AccessStack

IMAGE = "co3d-l1/scene/image.tif"
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def url_of(stack: AccessStack, path: str) -> str:
    return f"{stack.settings.public_url}/services/access/{path}"


def href_of(stack: AccessStack, name: str) -> str:
    return f"{stack.settings.s3_url}/{quote(name)}"


def sign(
    stack: AccessStack,
    *hrefs: str,
    who: str = "marie",
    token: str | None = None,
    **more: Any,
) -> httpx.Response:
    if token is None:
        token = stack.origin.token(who, "access")
    return httpx.post(
        url_of(stack, "sign"),
        json={"hrefs": list(hrefs), **more},
        headers={"authorization": f"Bearer {token}"},
        timeout=30,
        trust_env=False,
    )


def signed(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    return list(response.json()["hrefs"].values())


def refused(response: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:boresight:problem:{kind}", problem
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["remedy"]
    return problem


def get(url: str, method: str = "GET", **more: Any) -> httpx.Response:
    return httpx.request(method, url, timeout=30, trust_env=False, **more)


def test_read(stack: AccessStack) -> None:
    names = [f"catalogue/{IMAGE}", "catalogue/co3d-l1/scene/été 1+2.txt", "home/marie/a.txt"]
    hrefs = [href_of(stack, name) for name in names]
    answer = sign(stack, *hrefs)
    assert list(answer.json()["hrefs"]) == hrefs
    for name, url in zip(names, signed(answer), strict=True):
        body = get(url).content
        assert (
            body
            == stack.root()
            .get_object(Bucket=name.partition("/")[0], Key=name.partition("/")[2])["Body"]
            .read()
        )
        assert url.startswith(f"{stack.settings.s3_url}/")
        # without the signature the object is private
        assert get(url.partition("?")[0]).status_code == 403


def test_ranges_and_boto3_unsigned(stack: AccessStack) -> None:
    (url,) = signed(sign(stack, href_of(stack, f"catalogue/{IMAGE}")))
    answer = get(url, headers={"range": "bytes=0-6"})
    assert (answer.status_code, answer.content) == (206, b"content")
    anonymous = boto3.client(
        "s3",
        endpoint_url=stack.settings.s3_url,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    with pytest.raises(anonymous.exceptions.ClientError):
        anonymous.get_object(Bucket="catalogue", Key=IMAGE)


def test_single_href_by_get(stack: AccessStack) -> None:
    href = href_of(stack, f"catalogue/{IMAGE}")
    headers = {"authorization": f"bearer {stack.origin.token('marie', 'access')}"}
    answer = get(url_of(stack, "sign"), params={"href": href}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert get(answer.json()["href"]).content == f"content of {IMAGE}".encode()
    head = get(url_of(stack, "sign"), params={"href": href, "op": "head"}, headers=headers)
    assert get(head.json()["href"], "HEAD").status_code == 200


def test_upload_then_read(stack: AccessStack) -> None:
    href = href_of(stack, "home/marie/new file.txt")
    (to_write,) = signed(sign(stack, href, op="put"))
    assert get(to_write, "PUT", content=b"mine").status_code == 200
    (to_read,) = signed(sign(stack, href))
    assert get(to_read).content == b"mine"


def test_signed_with_the_persons_own_session(stack: AccessStack) -> None:
    (url,) = signed(sign(stack, href_of(stack, "home/marie/a.txt")))
    credential = parse_qs(urlsplit(url).query)["X-Amz-Credential"][0]
    access_key = credential.partition("/")[0]
    users = stack.session_users()
    mine = [name for name in users if "-marie-" in name]
    keys = {
        key["AccessKeyId"]
        for name in mine
        for key in stack.iam().list_access_keys(UserName=name)["AccessKeyMetadata"]
    }
    assert access_key in keys
    assert access_key != stack.settings.secret("s3-root-access-key")


def test_life_is_told_and_held(stack: AccessStack) -> None:
    href = href_of(stack, f"catalogue/{IMAGE}")
    answer = sign(stack, href, ttl_s=2)
    (url,) = signed(answer)
    ends = datetime.fromisoformat(answer.json()["expires_at"])
    assert 0 <= (ends - datetime.now(UTC)).total_seconds() <= 2
    assert get(url).status_code == 200
    time.sleep(3.2)
    assert get(url).status_code == 403


def test_life_is_cut_to_that_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = AccessStack(tmp_path_factory.mktemp("short") / "state", session_life_s=60)
    try:
        made.start()
        answer = sign(made, href_of(made, "home/marie/a"), op="put", ttl_s=3600)
        ends = datetime.fromisoformat(answer.json()["expires_at"])
        assert (ends - datetime.now(UTC)).total_seconds() <= 60
        (url,) = signed(answer)
        assert int(parse_qs(urlsplit(url).query)["X-Amz-Expires"][0]) <= 60
        assert get(url, "PUT", content=b"1").status_code == 200
    finally:
        made.close()


def test_expired_address_is_signed_again(stack: AccessStack) -> None:
    (url,) = signed(sign(stack, href_of(stack, f"catalogue/{IMAGE}"), ttl_s=1))
    time.sleep(2.2)
    assert get(url).status_code == 403
    (again,) = signed(sign(stack, url))
    assert get(again).status_code == 200


# attacks ------------------------------------------------------------------------------------------


def test_address_is_bound_to_its_method(stack: AccessStack) -> None:
    href = href_of(stack, "home/marie/bound.txt")
    urls = {op: signed(sign(stack, href, op=op))[0] for op in ("get", "head", "put")}
    methods = {"get": "GET", "head": "HEAD", "put": "PUT"}
    assert get(urls["put"], "PUT", content=b"1").status_code == 200
    for op, url in urls.items():
        for other, method in methods.items():
            status = get(url, method, content=b"2" if method == "PUT" else None).status_code
            assert status == (200 if op == other else 403), (op, method)
    assert get(urls["put"], "DELETE").status_code == 403
    assert get(urls["get"]).content != b""


def test_signature_holds_for_one_object_and_one_life(stack: AccessStack) -> None:
    (url,) = signed(sign(stack, href_of(stack, "home/marie/a.txt"), ttl_s=60))
    assert get(url).status_code == 200
    for altered in (
        url.replace("/marie/a.txt", "/paul/a.txt"),
        url.replace("/home/marie/a.txt", f"/catalogue/{IMAGE}"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url[:-4] + ("0000" if url[-4:] != "0000" else "1111"),
        f"{url}&response-content-type=text/html",
    ):
        assert altered != url
        assert get(altered).status_code in (400, 403), altered


def test_what_the_policy_does_not_allow_is_refused_by_name(stack: AccessStack) -> None:
    name = "catalogue/sentinel2-l1/s/a.txt"
    href = href_of(stack, name)
    # the same request is fine for somebody of the group
    (url,) = signed(sign(stack, href, who="paul"))
    assert get(url).content == b"other group"
    problem = refused(sign(stack, href), 403, "policy")
    assert name in problem["detail"]
    assert problem["value"] == href
    # nothing tells whether the object exists
    absent = refused(sign(stack, f"{href}.no"), 403, "policy")
    assert absent["detail"].replace(f"{name}.no", name) == problem["detail"]
    # one refusal refuses all of a batch, and names its place
    mixed = refused(sign(stack, href_of(stack, f"catalogue/{IMAGE}"), href), 403, "policy")
    assert mixed["index"] == 1


def test_somebody_elses_home(stack: AccessStack) -> None:
    signed(sign(stack, href_of(stack, "home/marie/a.txt"), who="marie"))
    for op in ("get", "head", "put"):
        refused(sign(stack, href_of(stack, "home/marie/a.txt"), who="paul", op=op), 403, "policy")
    # not even an administrator
    refused(sign(stack, href_of(stack, "home/marie/a.txt"), who="lea"), 403, "policy")


def test_the_store_itself_refuses_too(stack: AccessStack) -> None:
    """Were the check at signing wrong, the person's own credentials would still not do it."""
    from boresight_hub.access.database import sqlite_file
    from boresight_hub.access.sessions import Ledger
    from boresight_hub.access.signing.presign import Presigner

    (url,) = signed(sign(stack, href_of(stack, "home/marie/a.txt")))
    access_key = parse_qs(urlsplit(url).query)["X-Amz-Credential"][0].partition("/")[0]
    ledger = Ledger(
        sqlite_file(stack.settings.state_dir / "access" / "sessions.sqlite"),
        stack.settings.secret("s3-root-secret-key"),
    )
    session = ledger.find(access_key)
    ledger.close()
    assert session
    presigner = Presigner(stack.settings.s3_url, stack.settings.s3.region)
    batch = presigner.batch(session, "GET", at=datetime.now(UTC), ttl_s=60)
    assert get(batch.url("home", "marie/a.txt")).status_code == 200
    assert get(batch.url("catalogue", "sentinel2-l1/s/a.txt")).status_code == 403


HREFS = {
    "foreign host": ("http://evil.example/home/marie/a.txt", "href-host"),
    "user@host": ("http://{host}@evil.example/home/marie/a.txt", "href-host"),
    "user at our host": ("http://marie@{host}/home/marie/a.txt", "href-host"),
    "port trick": ("http://{host}:80/home/marie/a.txt", "href-host"),
    "our own service": ("{public}/services/access/sign", "href-host"),
    "metadata of a cloud": ("http://169.254.169.254/latest/meta-data", "href-host"),
    "file": ("file:///etc/passwd", "href-host"),
    "unicode host": ("http://１２７.0.0.1:{port}/home/marie/a.txt", "href-host"),  # noqa: RUF001
    "other bucket": ("{s3}/secrets/marie/a.txt", "href-bucket"),
    "bucket in another case": ("{s3}/Home/marie/a.txt", "href-bucket"),
    "two dots": ("{s3}/home/marie/../marie/a.txt", "href-path"),
    "two dots out of the bucket": ("{s3}/catalogue/../home/marie/a.txt", "href-path"),
    "quoted dots": ("{s3}/home/paul/%2e%2e/marie/a.txt", "href-path"),
    "quoted twice": ("{s3}/home/paul/%252e%252e/marie/a.txt", "href-path"),
    "quoted slash": ("{s3}/home/paul%2F..%2Fmarie/a.txt", "href-path"),
    "line break in the name": ("{s3}/home/marie/a.txt%0d%0aX-Evil:%201", "href-path"),
    "line break": ("{s3}/home/marie/a.txt\r\nX-Evil: 1", "href-form"),
    "sub-resource": ("{s3}/home/marie/a.txt?acl", "href-query"),
}


@pytest.mark.parametrize(("pattern", "kind"), HREFS.values(), ids=HREFS)
def test_href_of_something_else(stack: AccessStack, pattern: str, kind: str) -> None:
    signed(sign(stack, f"{stack.settings.s3_url}/home/marie/a.txt"))
    href = pattern.format(
        s3=stack.settings.s3_url,
        host=stack.settings.s3_url.removeprefix("http://"),
        public=stack.settings.public_url,
        port=stack.settings.port_of("s3"),
    )
    problem = refused(sign(stack, href), 403 if kind == "href-bucket" else 400, kind)
    assert problem["index"] == 0
    # by GET as well
    headers = {"authorization": f"Bearer {stack.origin.token('marie', 'access')}"}
    answer = get(url_of(stack, "sign"), params={"href": href}, headers=headers)
    refused(answer, 403 if kind == "href-bucket" else 400, kind)


def test_nothing_is_asked_of_the_host_in_an_href(stack: AccessStack) -> None:
    """No request leaves for a foreign host: a listener on loopback would see it."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        port = listener.getsockname()[1]
        refused(sign(stack, f"http://127.0.0.1:{port}/home/marie/a.txt"), 400, "href-host")
        with pytest.raises(TimeoutError):
            listener.accept()
        with socket.create_connection(("127.0.0.1", port)):  # it does listen
            listener.accept()[0].close()


def test_too_many_hrefs(stack: AccessStack) -> None:
    hrefs = [href_of(stack, f"home/marie/{n}") for n in range(65)]
    assert len(signed(sign(stack, *hrefs[:64]))) == 64
    problem = refused(sign(stack, *hrefs), 413, "count")
    assert "65 hrefs" in problem["detail"]
    refused(sign(stack), 400, "count")


def test_life_outside_the_bounds(stack: AccessStack) -> None:
    href = href_of(stack, "home/marie/a.txt")
    signed(sign(stack, href, ttl_s=3600))
    for ttl_s in (3601, 604_800, 10**30, 0, -1):
        problem = refused(sign(stack, href, ttl_s=ttl_s), 400, "ttl")
        assert "3600" in problem["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"hrefs": "x"}',
        b'{"hrefs": [1]}',
        b'{"hrefs": ["x"], "op": "delete"}',
        b'{"hrefs": ["x"], "ttl_s": "60"}',
        b'{"hrefs": ["x"], "ttl_s": 1.5}',
        b'{"hrefs": ["x"], "ttl_s": true}',
        b'{"hrefs": ["x"], "bucket": "home"}',
        b'{"hrefs": ["\\ud800"]}',
        b"\xff",
    ],
)
def test_malformed_request(stack: AccessStack, body: bytes) -> None:
    headers = {"authorization": f"Bearer {stack.origin.token('marie', 'access')}"}
    good = json.dumps({"hrefs": [href_of(stack, "home/marie/a.txt")]}).encode()
    assert get(url_of(stack, "sign"), "POST", content=good, headers=headers).status_code == 200
    answer = get(url_of(stack, "sign"), "POST", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    too_long = get(url_of(stack, "sign"), "POST", content=good + b" " * 400_000, headers=headers)
    refused(too_long, 413, "body")


def hs256(stack: AccessStack) -> str:
    """Signed with the public key as if it were a shared secret."""
    public = stack.origin.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    good = stack.origin.token("marie", "access")
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"key-1","typ":"at+jwt"}').rstrip(b"=")
    text = head + b"." + good.split(".")[1].encode()
    mac = base64.urlsafe_b64encode(hmac.digest(public, text, hashlib.sha256)).rstrip(b"=")
    return (text + b"." + mac).decode()


def claims(stack: AccessStack, **changes: Any) -> dict[str, Any]:
    return stack.origin.claims("marie", "access") | changes


TOKENS = {
    "HS256 with the public key": (hs256, 401, "token"),
    "alg none": (
        lambda s: jwt.encode(claims(s), "", "none", {"kid": "key-1", "typ": "at+jwt"}),
        401,
        "token",
    ),
    "another key": (lambda s: s.origin.sign(claims(s), key=OTHER_KEY), 401, "token"),
    "another issuer": (lambda s: s.origin.sign(claims(s, iss="http://e/")), 401, "token"),
    "audience s3": (lambda s: s.origin.token("marie", "s3"), 401, "token"),
    "audience stac": (lambda s: s.origin.token("marie", "stac"), 401, "token"),
    "two audiences": (lambda s: s.origin.sign(claims(s, aud=["access", "s3"])), 401, "token"),
    "id token": (lambda s: s.origin.sign(claims(s), typ="JWT"), 401, "token"),
    "expired": (lambda s: s.origin.sign(claims(s, exp=int(time.time()) - 60)), 401, "token"),
    "not yet valid": (lambda s: s.origin.sign(claims(s, nbf=int(time.time()) + 90)), 401, "token"),
    "issued tomorrow": (
        lambda s: s.origin.sign(claims(s, iat=int(time.time()) + 86400)),
        401,
        "token",
    ),
    "not a token": (lambda s: "abc", 401, "token"),
    "a service": (lambda s: s.origin.token(None, "access"), 403, "not-a-person"),
    "name with a star": (
        lambda s: s.origin.sign(claims(s, preferred_username="*")),
        403,
        "session",
    ),
}


@pytest.mark.parametrize(("forge", "status", "kind"), TOKENS.values(), ids=TOKENS)
def test_token_that_is_not_to_be_believed(
    stack: AccessStack, forge: Any, status: int, kind: str
) -> None:
    href = href_of(stack, "home/marie/a.txt")
    signed(sign(stack, href))
    answer = sign(stack, href, token=forge(stack))
    refused(answer, status, kind)
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_no_header_at_all(stack: AccessStack) -> None:
    href = href_of(stack, "home/marie/a.txt")
    refused(get(url_of(stack, "sign"), params={"href": href}), 401, "credentials-missing")
    for header in ("Basic bWFyaWU6eA==", "Bearer", "x"):
        answer = get(
            url_of(stack, "sign"), params={"href": href}, headers={"authorization": header}
        )
        refused(answer, 401, "credentials-missing")


def test_signing_tokens_open_no_sts(stack: AccessStack) -> None:
    assert stack.sts(stack.origin.token("marie", "s3")).status_code == 200
    assert stack.sts(stack.origin.token("marie", "access")).status_code == 400


def test_rate(tmp_path_factory: pytest.TempPathFactory) -> None:
    rate = {"urls_per_s": 32, "burst": 64}
    made = AccessStack(
        tmp_path_factory.mktemp("rate") / "state",
        signing={"rate": rate, "rate_by_group": {"sentinel2-calibration": {"burst": 1000}}},
    )
    try:
        made.start()
        hrefs = {
            who: [href_of(made, f"home/{who}/{n}") for n in range(64)] for who in ("marie", "paul")
        }
        signed(sign(made, *hrefs["marie"]))
        answer = sign(made, *hrefs["marie"])
        refused(answer, 429, "rate")
        wait_s = int(answer.headers["retry-after"])
        assert 1 <= wait_s <= 2
        # another person is not kept waiting, and paul's group has a class of its own
        for _ in range(4):
            signed(sign(made, *hrefs["paul"], who="paul"))
        time.sleep(wait_s)
        signed(sign(made, *hrefs["marie"]))
    finally:
        made.close()


def test_audit_line_without_signature(stack: AccessStack) -> None:
    before = len(stack.log("access").splitlines())
    hrefs = [href_of(stack, f"home/marie/audited-{n}") for n in range(3)]
    urls = signed(sign(stack, *hrefs, href_of(stack, f"catalogue/{IMAGE}"), ttl_s=77))
    lines = [json.loads(line) for line in stack.log("access").splitlines()[before:]]
    (line,) = [line for line in lines if line["logger"] == "boresight_hub.access.audit"]
    assert "signed 4 get for marie by client hub until 20" in line["message"]
    assert "home/marie/ 3" in line["message"]
    assert "catalogue/co3d-l1/ 1" in line["message"]
    log = stack.log("access")
    for url in urls:
        assert parse_qs(urlsplit(url).query)["X-Amz-Signature"][0] not in log
    assert "audited-" not in log


def test_described(stack: AccessStack) -> None:
    described = get(url_of(stack, "openapi.json")).json()
    paths = described["paths"]
    assert {"get", "post"} <= set(paths["/services/access/sign"])
    assert {"get", "post", "delete"} <= set(paths["/services/access/keys"])
