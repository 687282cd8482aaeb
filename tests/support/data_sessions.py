"""S3 sessions of people as they come out of the access service, and whether they still open."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import ClientError

from boresight_hub import oidc
from support.signing_stack import SigningStack


@dataclass(frozen=True)
class Held:
    """Credentials somebody holds in the memory of a program."""

    access_key: str
    secret_key: str
    s3: Any
    username: str

    def opens(self) -> bool:
        """Whether the person's own object can be read with them."""
        try:
            self.s3.get_object(Bucket="home", Key=f"{self.username}/a.txt")["Body"].read()
        except ClientError as exc:
            if exc.response["Error"]["Code"] not in ("InvalidAccessKeyId", "AccessDenied"):
                raise
            return False
        return True


def credentials(stack: SigningStack, authorization: str) -> httpx.Response:
    """What the container-credentials protocol answers."""
    return httpx.get(
        stack.settings.credentials_url,
        headers={"authorization": authorization},
        timeout=30,
        trust_env=False,
    )


def held(stack: SigningStack, authorization: str, username: str = "marie") -> Held:
    answer = credentials(stack, authorization)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return Held(
        found["AccessKeyId"],
        found["SecretAccessKey"],
        boto3.client(
            "s3",
            endpoint_url=stack.settings.s3_url,
            region_name=stack.settings.s3.region,
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
            aws_session_token=found["Token"] or None,
            config=Config(retries={"max_attempts": 1}),
        ),
        username,
    )


class SignIn:
    """One sign-in of a person, with the tokens a hub would have of it."""

    def __init__(self, stack: SigningStack, username: str = "marie") -> None:
        self._stack = stack
        self.username = username
        self.tokens = stack.idp.sign_in(username)

    def token(self, audience: str) -> str:
        """Fresh token of this sign-in for an audience, as the hub's keeper makes them."""
        refreshed = asyncio.run(oidc.refresh(self._stack.settings, self.tokens["refresh_token"]))
        self.tokens["refresh_token"] = refreshed.refresh_token or self.tokens["refresh_token"]
        exchanged = oidc.exchange(self._stack.settings, refreshed.access_token, audience)
        return asyncio.run(exchanged).access_token

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token('access')}"}

    def held(self) -> Held:
        return held(self._stack, self.token("s3"), self.username)


def next_second() -> None:
    """Tokens tell whole seconds: what comes after a sign-out has to be seen to be after it."""
    time.sleep(1.05 - time.time() % 1)
