"""GDAL's own web-identity requests, and why they cannot be its way to versitygw.

Decision 4 tells the story: GDAL believes no STS without a session token, and versitygw no user with
one. These tests hold what either of them does today; when one of them fails, there may be a way.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support.access_stack import AccessStack, image_bytes

pytestmark = pytest.mark.slow

KEY = "marie/web-identity.tif"
READ = """
import rasterio, warnings
warnings.simplefilter("ignore")
with rasterio.open("/vsis3/home/marie/web-identity.tif") as image:
    print("read", image.shape)
"""


@pytest.fixture(scope="module", autouse=True)
def image(stack: AccessStack) -> None:
    stack.root().put_object(Bucket="home", Key=KEY, Body=image_bytes())


def gdal(env: dict[str, str]) -> tuple[bool, str]:
    """Whether GDAL reads, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", READ],
        env=env | {"CPL_DEBUG": "AWS,S3", "GDAL_HTTP_MAX_RETRY": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "read (10, 20)" in done.stdout, done.stderr


def web_identity(stack: AccessStack, sts_url: str) -> dict[str, str]:
    """Documented settings of GDAL, and none of container credentials."""
    env = stack.holder("marie")
    return {
        **{name: value for name, value in env.items() if not name.startswith("AWS_CONTAINER_")},
        "AWS_WEB_IDENTITY_TOKEN_FILE": env["BORESIGHT_S3_TOKEN_FILE"],
        "CPL_AWS_STS_ROOT_URL": sts_url,
    }


class Relay:
    """Our STS, with another session token in its answers."""

    def __init__(self, stack: AccessStack, session_token: str) -> None:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = httpx.get(
                    f"{stack.settings.sts_url}{self.path}", timeout=30, trust_env=False
                )
                relay.asked += 1
                content = answer.text.replace(
                    "<SessionToken></SessionToken>", f"<SessionToken>{session_token}</SessionToken>"
                ).encode()
                self.send_response(answer.status_code)
                self.send_header("content-type", "text/xml")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.asked = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def relay(stack: AccessStack, request: pytest.FixtureRequest) -> Iterator[Relay]:
    made = Relay(stack, request.param)
    yield made
    made.close()


def test_gdal_asks_our_sts_and_finds_the_answer_too_short(stack: AccessStack) -> None:
    before = stack.s3_requests(KEY)
    works, said = gdal(web_identity(stack, stack.settings.sts_url))
    assert not works
    assert "configuration options not defined" in said
    # it did not even try the store with what it was given
    assert stack.s3_requests(KEY) == before
    # the same request by hand gets credentials
    assert stack.sts(stack.origin.token("marie")).status_code == 200


def test_gdal_goes_on_to_container_credentials(stack: AccessStack) -> None:
    """So whoever sets its web-identity variables in a user server still reads."""
    container = {
        name: value
        for name, value in stack.holder("marie").items()
        if name.startswith("AWS_CONTAINER_")
    }
    works, said = gdal(web_identity(stack, stack.settings.sts_url) | container)
    assert works, said


@pytest.mark.parametrize(
    ("relay", "code"),
    [
        pytest.param("a-token", "InvalidToken", id="any token"),
        # XML that is a blank: GDAL takes it for one and signs it, and curl sends no blank header
        pytest.param("&#32;", "SignatureDoesNotMatch", id="a blank"),
    ],
    indirect=["relay"],
)
def test_gdal_with_a_session_token(stack: AccessStack, relay: Relay, code: str) -> None:
    works, said = gdal(web_identity(stack, relay.url))
    assert relay.asked >= 1
    assert not works
    assert code in said or code in stack.s3_errors(KEY), said


def credentials_of(stack: AccessStack, token: str | None = None) -> Credentials:
    answer = stack.sts(stack.origin.token("marie")).text
    key, secret = (
        re.findall(f"<{name}>([^<]+)</{name}>", answer)[0]
        for name in ("AccessKeyId", "SecretAccessKey")
    )
    return Credentials(key, secret, token)


def ask(stack: AccessStack, request: AWSRequest, **headers: str) -> tuple[int, str]:
    prepared = request.prepare()
    answer = httpx.request(
        "GET", prepared.url, headers={**dict(prepared.headers), **headers}, trust_env=False
    )
    code = re.search(r"<Code>(\w+)</Code>", answer.text) if answer.status_code >= 400 else None
    return answer.status_code, code[1] if code else ""


def object_request(stack: AccessStack, **headers: str) -> AWSRequest:
    return AWSRequest("GET", f"{stack.settings.s3_url}/home/{KEY}", headers=headers)


def test_versitygw_takes_no_session_token_beside_a_users_key(stack: AccessStack) -> None:
    def signed(token: str | None = None, **headers: str) -> AWSRequest:
        request = object_request(stack, **headers)
        S3SigV4Auth(credentials_of(stack, token), "s3", "us-east-1").add_auth(request)
        return request

    assert ask(stack, signed()) == (200, "")
    # an empty header is none, signed or not
    assert ask(stack, signed(**{"x-amz-security-token": ""})) == (200, "")
    # any other is refused, and it makes no difference whether it is signed
    assert ask(stack, signed("a-token")) == (400, "InvalidToken")
    assert ask(stack, signed(), **{"x-amz-security-token": "a-token"}) == (400, "InvalidToken")


def test_nor_in_a_presigned_address(stack: AccessStack) -> None:
    def presigned(token: str | None = None) -> AWSRequest:
        request = object_request(stack)
        S3SigV4QueryAuth(credentials_of(stack, token), "s3", "us-east-1", 60).add_auth(request)
        return request

    assert ask(stack, presigned()) == (200, "")
    status, code = ask(stack, presigned("a-token"))
    assert status in (400, 403)
    assert code
