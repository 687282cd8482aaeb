"""The broker for stores with an STS of their own, before a real one (MinIO, see support.minio).

Its role allows everything there is: whatever is refused here is refused by the session policy that
our template was rendered to.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from support.data_sessions import SignIn, credentials, held
from support.signing_stack import SigningStack

from boresight_hub.embedded.people import write_private

# MinIO is built once, which takes minutes
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def client_of(real: SigningStack, found: dict[str, Any], service: str = "s3") -> Any:
    return boto3.client(
        service,
        endpoint_url=real.settings.s3_url if service == "s3" else real.settings.sts_url,
        region_name=real.settings.s3.region,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["Token"],
    )


def found_for(real: SigningStack, who: SignIn) -> dict[str, Any]:
    answer = credentials(real, who.token("s3"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def marie(real: SigningStack) -> SignIn:
    return SignIn(real)


def test_session_of_the_store_narrowed_by_our_policy(real: SigningStack, marie: SignIn) -> None:
    found = found_for(real, marie)
    assert found["Token"]
    end = datetime.fromisoformat(found["Expiration"])
    assert 3000 < (end - datetime.now(UTC)).total_seconds() <= 3600
    s3 = client_of(real, found)
    assert s3.get_object(Bucket="home", Key="marie/a.txt")["Body"].read() == b"at home"
    s3.put_object(Bucket="home", Key="marie/new", Body=b"1")
    s3.get_object(Bucket="catalogue", Key="co3d-l1/scene/image.tif")
    names = s3.list_objects_v2(Bucket="home", Prefix="marie/")["Contents"]
    assert "marie/new" in {each["Key"] for each in names}
    for action in (
        lambda: s3.get_object(Bucket="home", Key="paul/a.txt"),
        lambda: s3.put_object(Bucket="home", Key="paul/b.txt", Body=b"1"),
        lambda: s3.get_object(Bucket="catalogue", Key="sentinel2-l1/scene/image.tif"),
        lambda: s3.list_objects_v2(Bucket="home", Prefix="paul/"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            action()
    # without our policy the role would have allowed it: the same role, asked directly
    token = marie.token("s3")
    unlimited = boto3.client(
        "sts", endpoint_url=real.settings.s3_url, region_name=real.settings.s3.region
    ).assume_role_with_web_identity(
        RoleArn=real.settings.access.upstream.role_arn,
        RoleSessionName="marie",
        WebIdentityToken=token,
    )["Credentials"]
    direct = client_of(real, {**unlimited, "Token": unlimited["SessionToken"]})
    assert direct.get_object(Bucket="home", Key="paul/a.txt")["Body"].read() == b"at home"


def test_sts_by_boto3(real: SigningStack, marie: SignIn) -> None:
    """As with the other broker: the client sees no difference but the session token."""
    sts = boto3.client(
        "sts", endpoint_url=real.settings.sts_url, region_name=real.settings.s3.region
    )
    answer = sts.assume_role_with_web_identity(
        RoleArn=real.settings.access.role_arn,
        RoleSessionName="marie",
        WebIdentityToken=marie.token("s3"),
    )
    given = answer["Credentials"]
    found = {**given, "Token": given["SessionToken"]}
    client_of(real, found).get_object(Bucket="home", Key="marie/a.txt")
    identity = client_of(real, found, "sts").get_caller_identity()
    assert identity["Arn"].endswith("assumed-role/boresight-user/marie")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client_of(real, {**found, "Token": "x" + found["Token"]}, "sts").get_caller_identity()
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role_with_web_identity(
            RoleArn=real.settings.access.upstream.role_arn,
            RoleSessionName="marie",
            WebIdentityToken=marie.token("s3"),
        )


def test_handed_out_again_until_half_its_life(real: SigningStack, marie: SignIn) -> None:
    first = found_for(real, marie)
    assert found_for(real, marie) == first
    real.access.stop("access", kill=True)
    real.access.start("access")
    assert found_for(real, marie) == first
    assert found_for(real, SignIn(real)) != first


READ = """
import boto3, obstore, rasterio, s3fs, sys, warnings
from obstore.store import S3Store
warnings.simplefilter("ignore")
def by_gdal():
    with rasterio.open("/vsis3/home/marie/image.tif") as image:
        return image.shape
readers = {
    "boto3": lambda: boto3.client("s3").get_object(Bucket="home", Key="marie/a.txt"),
    "s3fs": lambda: s3fs.S3FileSystem().cat_file("home/marie/a.txt"),
    "obstore": lambda: obstore.get(S3Store("home"), "marie/a.txt").bytes(),
    "gdal": by_gdal,
}
for name in sys.argv[1:]:
    readers[name]()
"""


def run(env: dict[str, str], *clients: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READ, *clients],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_clients_in_a_user_server(real: SigningStack, marie: SignIn, tmp_path: Path) -> None:
    write_private(tmp_path / "s3.jwt", marie.token("s3"))
    env = real.access.environment("marie", tmp_path)
    done = run(env, "boto3", "s3fs", "obstore", "gdal")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("client", ["gdal", "boto3"])
def test_web_identity_of_the_client_itself(
    real: SigningStack, marie: SignIn, tmp_path: Path, client: str
) -> None:
    """GDAL's own settings, and the standard variables; nothing of container credentials."""
    write_private(tmp_path / "s3.jwt", marie.token("s3"))
    env = {
        name: value
        for name, value in real.access.environment("marie", tmp_path).items()
        if not name.startswith("AWS_CONTAINER_")
    }
    assert run(env, client).returncode != 0
    env |= {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "s3.jwt"),
        "CPL_AWS_STS_ROOT_URL": real.settings.sts_url,
    }
    done = run(env, client)
    assert done.returncode == 0, done.stderr


def sign(real: SigningStack, headers: dict[str, str], key: str, **more: Any) -> httpx.Response:
    href = f"{real.settings.s3_url}/{key}"
    return real.request("POST", "sign", json={"hrefs": [href], **more}, headers=headers)


def test_signed_addresses_carry_the_session_token(real: SigningStack, marie: SignIn) -> None:
    bearer = marie.bearer
    (url,) = sign(real, bearer, "home/marie/a.txt").json()["hrefs"].values()
    assert "X-Amz-Security-Token=" in url
    assert httpx.get(url, trust_env=False).content == b"at home"
    assert httpx.put(url, content=b"2", trust_env=False).status_code == 403
    without = "&".join(p for p in url.split("&") if not p.startswith("X-Amz-Security-Token="))
    assert httpx.get(without, trust_env=False).status_code == 403
    (url,) = sign(real, bearer, quote("home/marie/été 1.txt"), op="put").json()["hrefs"].values()
    assert httpx.put(url, content=b"3", trust_env=False).status_code == 200
    answer = sign(real, bearer, "home/paul/a.txt")
    assert answer.status_code == 403
    log = real.access.log("access")
    assert "X-Amz-Security-Token" not in log
    assert "signed 1 get for marie" in log


def test_api_keys_and_batch_grants(real: SigningStack, marie: SignIn) -> None:
    """Neither comes with a token for the store: it is exchanged for one."""
    key = real.request("POST", "keys", json={}, headers=marie.bearer).json()
    by_key = {"access-key": key["access_key"], "secret-key": key["secret_key"]}
    (url,) = sign(real, by_key, "home/marie/a.txt").json()["hrefs"].values()
    assert httpx.get(url, trust_env=False).content == b"at home"
    grant = real.request("POST", "batch-grants", json={}, headers=marie.bearer).json()
    assert held(real, grant["credential"]).opens()


def test_after_a_sign_out_nothing_new_is_handed_out(real: SigningStack) -> None:
    """What was handed out goes on to its own end: an STS calls nothing back."""
    who = SignIn(real)
    mine, token, bearer = who.held(), who.token("s3"), who.bearer
    assert credentials(real, token).status_code == 200
    assert real.request("POST", "sign-out", headers=bearer).json() == {"sessions": 0}
    assert mine.opens()
    assert credentials(real, token).status_code == 400


def test_a_policy_the_store_would_not_take(real: SigningStack) -> None:
    """Ten more collections make it longer than the 2048 characters an STS takes."""
    lea = SignIn(real, "lea")
    headers = {"authorization": f"Bearer {lea.token('stac')}"}
    url = f"{real.settings.stac_url}/collections"
    template = httpx.get(f"{url}/co3d-l1", headers=headers, trust_env=False).json()
    who = SignIn(real, "paul")
    assert credentials(real, who.token("s3")).status_code == 200
    names = [f"a-collection-with-quite-a-long-name-{number}" for number in range(12)]
    try:
        for name in names:
            made = httpx.post(
                url,
                json=template
                | {
                    "id": name,
                    "links": [],
                    "boresight:read_groups": ["sentinel2-calibration"],
                    "boresight:write_groups": [],
                },
                headers=headers,
                trust_env=False,
            )
            assert made.is_success, made.text
        deadline = time.monotonic() + 40
        while (answer := credentials(real, who.token("s3"))).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(1)
        assert answer.json()["code"] == "PackedPolicyTooLarge"
        assert "at most 2048" in answer.json()["message"]
    finally:
        for name in names:
            httpx.delete(f"{url}/{name}", headers=headers, trust_env=False)


def test_store_that_is_away(real: Any) -> None:
    who = SignIn(real)
    real.minio.stop()
    try:
        answer = credentials(real, who.token("s3"))
        assert (answer.status_code, answer.json()["code"]) == (503, "ServiceUnavailable")
        refused = sign(real, who.bearer, "home/marie/a.txt")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
    finally:
        real.minio.start()
    assert who.held().opens()


def test_nothing_secret_in_logs_and_files(real: SigningStack) -> None:
    who = SignIn(real)
    token = who.token("s3")
    found = credentials(real, token).json()
    assert found["AccessKeyId"] in real.access.log("access")  # it does log
    folder = real.settings.state_dir / "access"
    files = b"".join(path.read_bytes() for path in folder.iterdir())
    for hidden in (found["SecretAccessKey"], found["Token"], token.rsplit(".", 1)[1]):
        assert hidden not in real.access.log("access")
        assert hidden.encode() not in files
        assert json.dumps(hidden)[1:-1].encode() not in files
