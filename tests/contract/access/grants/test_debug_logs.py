"""Everything that handles secrets is done once with logs at debug level; then the logs are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support.access_stack import image_bytes
from support.data_sessions import SignIn, credentials
from support.signing_stack import SigningStack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningStack]:
    made = SigningStack(tmp_path_factory.mktemp("debug") / "state", log_level="DEBUG")
    try:
        made.start()
        made.access.root().put_object(Bucket="home", Key="marie/a.txt", Body=image_bytes())
        yield made
    finally:
        made.close()


class Secrets:
    """What must stand in no log, by what it is."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def token(self, name: str, token: str) -> str:
        # the first part of a JWT is the same in all
        for number, part in enumerate(token.split(".")[1:] or [token]):
            self.found[f"{name}, part {number}"] = part
        return token

    def add(self, name: str, value: str) -> str:
        assert len(value) >= 16, name
        self.found[name] = value
        return value


def test_no_secret_in_any_log(loud: SigningStack) -> None:
    secrets = Secrets()
    marie = SignIn(loud)
    for name in ("access_token", "refresh_token", "id_token"):
        secrets.token(name, marie.tokens[name])
    for_s3 = secrets.token("s3", marie.token("s3"))
    for_access = secrets.token("access", marie.token("access"))
    for_stac = secrets.token("stac", marie.token("stac"))
    bearer = {"authorization": f"Bearer {for_access}"}
    hrefs = {"hrefs": [f"{loud.settings.s3_url}/home/marie/a.txt"]}

    found = credentials(loud, for_s3).json()
    secrets.add("secret key", found["SecretAccessKey"])
    assert loud.access.sts(for_s3).status_code == 200
    gdal = f"{loud.settings.sts_url}/?Action=AssumeRoleWithWebIdentity&WebIdentityToken={for_s3}"
    httpx.get(gdal, trust_env=False)
    credentials(loud, secrets.token("forged", for_s3[:-8] + "AAAAAAAA"))

    key = loud.request("POST", "keys", json={}, headers=bearer).json()
    secrets.add("API key", key["secret_key"])
    by_key = {"access-key": key["access_key"], "secret-key": key["secret_key"]}
    grant = loud.request("POST", "batch-grants", json={}, headers=bearer).json()
    secrets.add("batch grant", grant["credential"].partition(":")[2])
    assert credentials(loud, grant["credential"]).status_code == 200
    given = loud.request(
        "POST",
        "batch-grants/token",
        json={"audience": "stac"},
        headers={"authorization": f"Bearer {grant['credential']}"},
    ).json()
    secrets.token("batch run's", given["access_token"])
    for headers in (bearer, by_key):
        (url,) = loud.request("POST", "sign", json=hrefs, headers=headers).json()["hrefs"].values()
        (signature,) = parse_qs(urlsplit(url).query)["X-Amz-Signature"]
        secrets.add(f"signature {len(secrets.found)}", signature)
        # somebody has it signed again, or sends it to the wrong place
        loud.request("GET", "sign", params={"href": url}, headers=headers)
        httpx.get(f"{loud.settings.public_url}/services/access/sign?href={url}", trust_env=False)
    container = loud.request("GET", "pc/token/127/home", headers=by_key)
    account = urlsplit(loud.settings.front_url).netloc.partition(".")[0]
    container = loud.request("GET", f"pc/token/{account}/home", headers=by_key).json()["token"]
    secrets.add("container token", parse_qs(container)["sig"][0])
    front = f"{loud.settings.front_url}/home/marie/a.txt?{container}"
    assert httpx.get(front, trust_env=False).status_code == 307
    wrong = secrets.add("wrong secret", "wrong-and-secret-all-the-same")
    loud.request("POST", "sign", json=hrefs, headers={**by_key, "secret-key": wrong})
    loud.request("POST", "keys", json={"prefix": wrong, "x": wrong}, headers=bearer)
    for authorization in (f"Bearer {wrong}", f"Basic {wrong}", wrong):
        headers = {"authorization": authorization}
        loud.request("POST", "sign", json=hrefs, headers=headers)
        httpx.get(f"{loud.settings.stac_url}/collections", headers=headers, trust_env=False)
    collections = f"{loud.settings.stac_url}/collections"
    headers = {"authorization": f"Bearer {for_stac}"}
    assert httpx.get(collections, headers=headers, trust_env=False).status_code == 200
    loud.access.stop("s3-iam")
    loud.request("POST", "sign-out", headers=bearer)  # something nobody likes: a traceback
    loud.access.start("s3-iam")
    assert loud.request("POST", "sign-out-everywhere", headers=bearer).status_code == 200
    secrets.add("password", loud.hub.password("marie"))
    for path in loud.settings.secrets_dir.iterdir():
        if path.is_file() and "\n" not in path.read_text().strip():
            secrets.add(path.name, path.read_text().strip())

    logs = logs_of(loud)
    assert {"access.log", "stac.log", "idp.log", "proxy.log"} <= {path.name for path in logs}
    assert '"DEBUG"' in loud.access.log("access")  # it is as loud as it gets
    for path, text in logs.items():
        told = [name for name, secret in secrets.found.items() if secret in text]
        assert not told, f"{path.name}: {told}"
    # what is made of a secret can be as good as the secret: signatures of our own requests
    assert not re.findall(r"\b[0-9a-f]{64}\b", loud.access.log("access"))


def logs_of(stack: SigningStack) -> dict[Path, str]:
    """Logs of all processes; the store's access log is a test's own, an environment has none."""
    folders = (stack.settings.state_dir, stack.settings.state_dir / "logs")
    return {
        path: path.read_text(errors="replace")
        for folder in folders
        for path in folder.glob("*.log")
        if path.name != "s3-access.log"
    }
