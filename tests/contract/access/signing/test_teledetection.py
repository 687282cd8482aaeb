"""The unmodified ``teledetection`` SDK, version 1.13, with its documented settings.

Our store is not at the host its one constant names; the constant is set, which is the only thing.
"""

from __future__ import annotations

import ast
import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.signing_stack import Program, SigningStack

# HOST, IMAGE and UPLOAD are filled in; the rest is a program as its users write them
SIGN = """
import json, requests, teledetection
from teledetection.sdk import signing
signing.S3_STORAGE_DOMAIN = HOST
from pystac import Asset, Item
import datetime
item = Item("x", None, None, datetime.datetime(2026, 1, 1), {})
item.add_asset("image", Asset(IMAGE))
item.add_asset("elsewhere", Asset("https://elsewhere.example/a.tif"))
signed = teledetection.sign_item(item)
read = requests.get(signed.assets["image"].href, timeout=30)
put = requests.put(teledetection.sign_url_put(UPLOAD), data=b"uploaded", timeout=30)
back = requests.get(teledetection.sign_urls([UPLOAD])[UPLOAD], timeout=30)
many = teledetection.sign_urls([f"{UPLOAD}-{n}" for n in range(100)])
print(json.dumps({
    "read": [read.status_code, len(read.content)],
    "put": put.status_code,
    "back": back.text,
    "elsewhere": signed.assets["elsewhere"].href,
    "many": len(set(many.values())),
}))
"""


@pytest.fixture
def environment(real: SigningStack, tmp_path: Path) -> dict[str, str]:
    """The settings of the SDK's documentation."""
    return {
        "HOME": str(tmp_path),
        "TLD_SIGNING_ENDPOINT": real.url("tld"),
        "TLD_CONFIG_DIR": str(tmp_path / "tld"),
        # a refusal is to be seen, not to be tried ten times
        "TLD_RETRY_TOTAL": "1",
    }


def program(real: SigningStack, source: str, environment: dict[str, str]) -> Program:
    s3 = real.settings.s3_url
    names = {
        "HOST": s3.partition("//")[2],
        "IMAGE": f"{s3}/catalogue/co3d-l1/scene/image.tif",
        "UPLOAD": f"{s3}/home/marie/from teledetection.bin".replace(" ", "%20"),
    }
    head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    return Program(head + source, environment)


def test_version() -> None:
    assert version("teledetection").startswith("1.13.")


def check_signed(real: SigningStack, result: dict[str, Any]) -> None:
    image = real.access.root().get_object(Bucket="catalogue", Key="co3d-l1/scene/image.tif")
    assert result == {
        "read": [200, image["ContentLength"]],
        "put": 200,
        "back": "uploaded",
        "elsewhere": "https://elsewhere.example/a.tif",
        "many": 100,
    }


def test_device_sign_in_read_and_upload(
    real: SigningStack, environment: dict[str, str], tmp_path: Path
) -> None:
    first = program(real, SIGN, environment)
    real.accept_device(first.link(), "marie")
    check_signed(real, first.result())
    # the sign-in is remembered, and renewed: access tokens of these tests live for seconds
    again = program(real, SIGN, environment)
    check_signed(real, again.result())
    assert "Open the following URL" not in again.output
    who = program(
        real, "import teledetection; print(repr(teledetection.get_username()))", environment
    )
    assert "marie" in who.wait()


def test_command_makes_a_key_and_the_key_signs(
    real: SigningStack, environment: dict[str, str], tmp_path: Path
) -> None:
    tld = str(Path(sys.executable).with_name("tld"))
    register = Program([tld, "apikey", "register", "of the command"], environment)
    real.accept_device(register.link(), "marie")
    register.wait()
    (tmp_path / "tld" / ".jwt").unlink()  # so only the key is left
    stored = json.loads((tmp_path / "tld" / ".apikey").read_text())
    with_file = program(real, SIGN, environment)
    check_signed(real, with_file.result())
    assert "Open the following URL" not in with_file.output

    (tmp_path / "tld" / ".apikey").unlink()
    variables = {"TLD_ACCESS_KEY": stored["access-key"], "TLD_SECRET_KEY": stored["secret-key"]}
    check_signed(real, program(real, SIGN, environment | variables).result())

    # listed and revoked by the command, after another sign-in
    listed = Program([tld, "apikey", "list"], environment)
    real.accept_device(listed.link(), "marie")
    shown = listed.wait()
    assert stored["access-key"] in shown
    assert "of the command" in shown
    assert stored["secret-key"] not in shown
    Program([tld, "apikey", "revoke", stored["access-key"]], environment).wait()
    after = program(real, SIGN, environment | variables)
    with pytest.raises(AssertionError, match="401"):
        after.wait()
    assert "unknown, was revoked" in after.output


def test_refusal_is_shown_and_not_another_error(
    real: SigningStack, environment: dict[str, str]
) -> None:
    key = real.request("GET", "tld/create_api_key", headers=real.bearer("marie")).json()
    variables = {"TLD_ACCESS_KEY": key["access-key"], "TLD_SECRET_KEY": key["secret-key"]}
    sign_other = (
        "import teledetection\nfrom teledetection.sdk import signing\n"
        "signing.S3_STORAGE_DOMAIN = HOST\n"
        "print(len(teledetection.sign_urls([IMAGE.replace('co3d-l1/scene/image.tif', NAME)])))\n"
    )
    good = program(real, "NAME = 'co3d-l1/a'\n" + sign_other, environment | variables)
    assert good.result() == 1
    bad = program(real, "NAME = 'sentinel2-l1/s/a.txt'\n" + sign_other, environment | variables)
    with pytest.raises(AssertionError, match="403"):
        bad.wait()
    # the SDK reads the body with literal_eval before it logs it
    assert "marie may not read" in bad.output


# the routes by themselves -------------------------------------------------------------------------


def test_description_leads_to_the_provider(real: SigningStack) -> None:
    document = real.request("GET", "tld/openapi.json").json()
    scheme = document["components"]["securitySchemes"]["OAuth2PasswordBearer"]
    url = scheme["flows"]["password"]["tokenUrl"]
    assert url == f"{real.settings.issuer}/protocol/openid-connect/token"


def is_literal(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return isinstance(ast.literal_eval(text), dict)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"urls": ["http://evil.example/a"]}, 400),
        ({"urls": ["HREF"] * 65}, 413),
        ({"urls": ["HREF"], "duration_seconds": 10**9}, 400),
        ({"urls": ["HREF"], "duration_seconds": -1}, 400),
        ({"urls": None}, 400),
        ({}, 400),
        ({"urls": ["HREF\u0000\U0001f6f0é"]}, 400),
    ],
)
def test_refusals_are_python_literals(real: SigningStack, body: Any, status: int) -> None:
    href = f"{real.settings.s3_url}/home/marie/a.txt"
    headers = real.bearer("marie")
    good = real.request(
        "POST", "tld/sign_urls", json={"urls": [href] * 64, "duration_seconds": 60}, headers=headers
    )
    assert good.status_code == 200, good.text
    if body.get("urls"):
        body = body | {"urls": [url.replace("HREF", href) for url in body["urls"]]}
    for route in ("tld/sign_urls", "tld/sign_urls_put"):
        answer = real.request("POST", route, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        assert is_literal(answer.text)


def test_who_is_nobody(real: SigningStack) -> None:
    href = f"{real.settings.s3_url}/home/marie/a.txt"
    assert real.request("GET", "tld/list_api_keys_with_metadata").status_code == 401
    for headers in ({}, {"authorization": "bearer abc"}, {"access-key": "a", "secret-key": "b"}):
        answer = real.request("POST", "tld/sign_urls", json={"urls": [href]}, headers=headers)
        assert answer.status_code == 401
        assert is_literal(answer.text)


def test_addresses_outlive_the_sdk_s_margin(real: SigningStack) -> None:
    """It throws away what ends within half an hour; by default all that is left is given."""
    href = f"{real.settings.s3_url}/home/marie/a.txt"
    answer = real.request(
        "POST", "tld/sign_urls", json={"urls": [href]}, headers=real.bearer("marie")
    )
    url = httpx.URL(answer.json()["hrefs"][href])
    assert int(url.params["X-Amz-Expires"]) >= 1800
    assert answer.json()["expiry"].endswith("+00:00")


def test_revoke_of_anothers_key(real: SigningStack) -> None:
    key = real.request("GET", "tld/create_api_key", headers=real.bearer("paul")).json()
    params = {"access_key": key["access-key"]}
    answer = real.request("GET", "tld/revoke_api_key", params=params, headers=real.bearer("marie"))
    assert answer.status_code == 404
    answer = real.request("GET", "tld/revoke_api_key", params=params, headers=real.bearer("paul"))
    assert answer.status_code == 200
