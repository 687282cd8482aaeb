"""The native dialect: JSON in, JSON out, ``problem+json`` when refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.core import Signer
from boresight_hub.access.signing.grants import Wish
from boresight_hub.access.signing.hrefs import HrefChecker
from boresight_hub.access.signing.keystore import ApiKey
from boresight_hub.access.signing.problems import (
    ANSWERED,
    SigningError,
    answer_exception,
)
from boresight_hub.access.signing.rules import Op
from boresight_hub.settings import HubSettings

# 64 hrefs of the longest kind, and some room
_MAX_BODY_BYTES = 400_000
_HEADERS = {"cache-control": "no-store"}

_M = TypeVar("_M", bound=BaseModel)


class SignRequest(BaseModel):
    """Body of ``POST /sign``."""

    model_config = ConfigDict(extra="forbid")

    hrefs: list[str] = Field(description="hrefs of our own objects, at most 64")
    op: Op = Field("get", description="the one thing the addresses can be used for")
    ttl_s: int | None = Field(None, strict=True, description="life asked for [s]")


class KeyRequest(BaseModel):
    """Body of ``POST /keys``."""

    model_config = ConfigDict(extra="forbid")

    description: str = ""
    scopes: list[Literal["read", "write"]] = Field(["read"], min_length=1)
    prefix: str = Field("", description="bucket, or bucket and first parts of the key")


class NativeDialect:
    """Routes ``/sign`` and ``/keys``.

    Parameters
    ----------
    settings : HubSettings
    signer : Signer
    callers : Callers
    """

    def __init__(self, settings: HubSettings, signer: Signer, callers: Callers) -> None:
        self._settings = settings
        self._signer = signer
        self._callers = callers
        self._hrefs = HrefChecker([settings.s3_url], settings.buckets)

    def install(self, app: FastAPI, router: APIRouter) -> None:
        """Add the routes to ``router`` and their refusals to ``app``."""
        add = router.add_api_route
        add("/sign", self.sign, methods=["POST"], openapi_extra=body_of(SignRequest))
        add("/sign", self.sign_one, methods=["GET"])
        add("/keys", self.make_key, methods=["POST"], openapi_extra=body_of(KeyRequest))
        add("/keys", self.list_keys, methods=["GET"])
        add("/keys", self.revoke_all_keys, methods=["DELETE"])
        add("/keys/{key_id}", self.revoke_key, methods=["DELETE"])
        for kind in ANSWERED:
            app.add_exception_handler(kind, answer_exception)

    async def sign(self, request: Request) -> Response:
        """Sign up to 64 hrefs for one operation: all, or none."""
        caller = await self._callers.anybody(request.headers)
        wanted = await read_body(request, SignRequest)
        signed = await self._signer.sign(caller, wanted.hrefs, wanted.op, wanted.ttl_s)
        answer = {
            "op": wanted.op,
            "expires_at": signed.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hrefs": signed.urls,
        }
        return JSONResponse(answer, headers=_HEADERS)

    async def sign_one(
        self,
        request: Request,
        href: str,
        op: Op = "get",
        ttl_s: Annotated[int | None, Query(description="life asked for [s]")] = None,
    ) -> Response:
        """Sign one href."""
        caller = await self._callers.anybody(request.headers)
        signed = await self._signer.sign(caller, [href], op, ttl_s)
        answer = {
            "op": op,
            "expires_at": signed.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "href": signed.urls[href],
        }
        return JSONResponse(answer, headers=_HEADERS)

    async def make_key(self, request: Request) -> Response:
        """Make an API key; its secret is told once, here."""
        caller = await self._callers.person(request.headers)
        wanted = await read_body(request, KeyRequest)
        wish = Wish(
            wanted.description,
            can_read="read" in wanted.scopes,
            can_write="write" in wanted.scopes,
            prefix=self._prefix(wanted.prefix),
        )
        key, secret = await self._callers.grants.make(caller, bearer_token(request), wish)
        return JSONResponse(_told(key) | {"secret_key": secret}, 201, _HEADERS)

    async def list_keys(self, request: Request) -> Response:
        """List one's own API keys, without their secrets."""
        caller = await self._callers.person(request.headers)
        keys = [_told(key) for key in self._callers.grants.of(caller, "key")]
        return JSONResponse({"keys": keys}, headers=_HEADERS)

    async def revoke_key(self, request: Request, key_id: str) -> Response:
        """Revoke one of one's own API keys."""
        caller = await self._callers.person(request.headers)
        await self._callers.grants.revoke(caller, key_id, "key")
        return Response(status_code=204, headers=_HEADERS)

    async def revoke_all_keys(self, request: Request) -> Response:
        """Revoke all of one's own API keys."""
        caller = await self._callers.person(request.headers)
        keys = self._callers.grants.of(caller, "key")
        for key in keys:
            await self._callers.grants.remove(key)
        return JSONResponse({"revoked": len(keys)}, headers=_HEADERS)

    def _prefix(self, prefix: str) -> str:
        """Prefix of a key as it is compared: plain, and at the end of a part."""
        plain = prefix.strip("/")
        if not plain:
            return ""
        if plain in self._settings.buckets:
            return f"{plain}/"
        try:
            target = self._hrefs.check(f"{self._settings.s3_url}/{plain}")
        except SigningError as exc:
            raise SigningError(
                "key-prefix",
                f"The prefix {prefix[:200]!a} is not a bucket of ours and plain parts of a key.",
                status=400,
                remedy="Give it as in catalogue/co3d-l1/.",
                value=prefix,
            ) from exc
        return f"{target.bucket}/{target.key}/"


def bearer_token(request: Request) -> str:
    """Token of a request that was found to have one."""
    return request.headers.get("authorization", "").partition(" ")[2].strip()


async def read_body(request: Request, model: type[_M]) -> _M:
    """Body of ``request`` as ``model``.

    Raises
    ------
    SigningError
        When it is too long, or not of that form.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY_BYTES:
            raise SigningError(
                "body",
                f"The request is longer than {_MAX_BODY_BYTES} bytes.",
                status=413,
                remedy="Send several requests.",
            )
    try:
        return model.model_validate_json(bytes(received))
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise SigningError(
            "request",
            f"{where[:100]!a} in the request is refused: {first['msg']}.",
            status=400,
            remedy="See the description of the route in openapi.json.",
        ) from exc


def _told(key: ApiKey) -> dict[str, str | list[str] | None]:
    scopes = [name for name, has in (("read", key.can_read), ("write", key.can_write)) if has]
    return {
        "access_key": key.key_id,
        "description": key.description,
        "scopes": scopes,
        "prefix": key.prefix,
        "created_at": key.created_at.isoformat(),
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
    }


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Describe, for OpenAPI, a body that :func:`read_body` reads."""
    # the body is read by hand, to its limit and no further; the description stays
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
