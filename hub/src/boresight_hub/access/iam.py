"""The IAM interface of the S3 server, as far as sessions need it.

Requests are signed by botocore's own signer; the rest of boto3 would cost this small service more
memory than everything else it loads.

versitygw's IAM server checks signatures for the region ``us-east-1`` whatever region the gateway
has, answers from a file it reads at every request (so what is written holds at once, no cache in
between), and refuses a session token beside the key of a user.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from boresight_hub.access import refusals

_REGION = "us-east-1"
_VERSION = "2010-05-08"
_NAMESPACE = "{https://iam.amazonaws.com/doc/2010-05-08/}"
_TIMEOUT_S = 10.0
# a restart of the server takes about a second
_RETRY_AFTER_S = (0.2, 0.5, 1.0)

logger = logging.getLogger(__name__)


class IamError(Exception):
    """The IAM server refused a request.

    Parameters
    ----------
    action, code, message : str
    """

    def __init__(self, action: str, code: str, message: str) -> None:
        super().__init__(f"{action}: {code}: {message}")
        self.code = code


class IamClient:
    """Calls of the IAM interface, signed as root.

    Parameters
    ----------
    url : str
    access_key, secret_key : str
        The root account of the S3 server.
    """

    def __init__(self, url: str, access_key: str, secret_key: str) -> None:
        self._url = f"{url}/"
        self._signer = SigV4Auth(Credentials(access_key, secret_key), "iam", _REGION)
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def create_user(self, name: str, *, path: str) -> None:
        """Make a user; that it is there already is no error, names are random."""
        await self._call("CreateUser", {"UserName": name, "Path": path}, fine="EntityAlreadyExists")

    async def put_policy(self, user: str, policy: str) -> None:
        """Give ``user`` the inline policy ``policy`` (JSON)."""
        parameters = {"UserName": user, "PolicyName": "session", "PolicyDocument": policy}
        await self._call("PutUserPolicy", parameters)

    async def create_access_key(self, user: str) -> tuple[str, str]:
        """Make a key pair: access key and secret key."""
        answer = await self._call("CreateAccessKey", {"UserName": user})
        key = answer.find(f".//{_NAMESPACE}AccessKey")
        if key is None:
            raise IamError("CreateAccessKey", "InvalidAnswer", "there is no key in the answer")
        return _text(key, "AccessKeyId"), _text(key, "SecretAccessKey")

    async def delete_user(self, name: str) -> None:
        """Remove ``name`` with its keys and its policy; what is gone already is no error."""
        gone = "NoSuchEntity"
        keys = await self._call("ListAccessKeys", {"UserName": name}, fine=gone)
        for key in keys.iter(f"{_NAMESPACE}AccessKeyId"):
            parameters = {"UserName": name, "AccessKeyId": key.text or ""}
            await self._call("DeleteAccessKey", parameters, fine=gone)
        parameters = {"UserName": name, "PolicyName": "session"}
        await self._call("DeleteUserPolicy", parameters, fine=gone)
        await self._call("DeleteUser", {"UserName": name}, fine=gone)

    async def users(self, path: str) -> AsyncIterator[str]:
        """Names of all users below ``path``."""
        marker = ""
        while True:
            parameters = {"PathPrefix": path, "MaxItems": "1000"}
            answer = await self._call(
                "ListUsers", parameters | ({"Marker": marker} if marker else {})
            )
            for name in answer.iter(f"{_NAMESPACE}UserName"):
                yield name.text or ""
            marker = answer.findtext(f".//{_NAMESPACE}Marker") or ""
            if not marker or answer.findtext(f".//{_NAMESPACE}IsTruncated") != "true":
                return
            parameters["Marker"] = marker

    async def _call(self, action: str, parameters: dict[str, str], *, fine: str = "") -> ET.Element:
        body = urlencode({"Action": action, "Version": _VERSION, **parameters}).encode()
        for wait_s in (*_RETRY_AFTER_S, None):
            try:
                response = await self._send(body)
            except httpx.TransportError as exc:
                error = type(exc).__name__
            else:
                if response.status_code < 500:
                    return self._judge(action, response, fine)
                error = f"status {response.status_code}"
            if wait_s is not None:
                await asyncio.sleep(wait_s)
        logger.error("the IAM server does not answer %s: %s", action, error)
        raise refusals.unavailable("The S3 server is out of reach; try again.")

    async def _send(self, body: bytes) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest(method="POST", url=self._url, data=body, headers=headers)
        self._signer.add_auth(request)
        return await self._http.post(self._url, content=body, headers=dict(request.headers))

    def _judge(self, action: str, response: httpx.Response, fine: str) -> ET.Element:
        try:
            answer = ET.fromstring(response.content)  # noqa: S314 - from our own server
        except ET.ParseError as exc:
            raise IamError(action, "InvalidAnswer", f"status {response.status_code}") from exc
        if response.is_success:
            return answer
        code = next((e.text or "" for e in answer.iter() if e.tag.endswith("Code")), "")
        if fine and code == fine:
            return answer
        message = next((e.text or "" for e in answer.iter() if e.tag.endswith("Message")), "")
        raise IamError(action, code or str(response.status_code), message)


def _text(parent: ET.Element, name: str) -> str:
    value = parent.findtext(f"{_NAMESPACE}{name}")
    if not value:
        raise IamError("CreateAccessKey", "InvalidAnswer", f"there is no {name} in the answer")
    return value
