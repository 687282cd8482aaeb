"""The dialect of the ``teledetection`` SDK, version 1.13, below ``…/tld/``.

``TLD_SIGNING_ENDPOINT`` is the address of this application. The SDK finds the identity provider by
the ``tokenUrl`` in ``openapi.json``, which it takes apart by Keycloak's paths: the provider's own
address serves, with a device sign-in as the client ``gdal``. It reads the body of a refusal with
Python's ``literal_eval``, so an answer here is made of texts only.
"""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel, Field

from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.core import Signer
from boresight_hub.access.signing.grants import Wish
from boresight_hub.access.signing.native import bearer_token, read_body
from boresight_hub.access.signing.problems import ANSWERED, note, of_exception
from boresight_hub.access.signing.rules import Op
from boresight_hub.settings import HubSettings

_HEADERS = {"cache-control": "no-store"}


class UrlsRequest(BaseModel):
    """Body of ``sign_urls`` and ``sign_urls_put``."""

    urls: list[str]
    duration_seconds: int | None = Field(None, description="0 is as if it were left out")


def teledetection_app(settings: HubSettings, signer: Signer, callers: Callers) -> FastAPI:
    """Make the application that is mounted below ``…/tld``.

    Parameters
    ----------
    settings : HubSettings
    signer : Signer
    callers : Callers
    """
    app = FastAPI(
        title="Boresight signing, for teledetection",
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict.fromkeys(ANSWERED, _answer_refusal),
    )
    # the SDK knows the scheme by the name FastAPI gives it
    scheme = OAuth2PasswordBearer(
        tokenUrl=f"{settings.issuer}/protocol/openid-connect/token", auto_error=False
    )
    dialect = _Teledetection(signer, callers, settings.access.signing.max_ttl_s)
    add = app.add_api_route
    described = [Depends(scheme)]
    add("/sign_urls", dialect.sign_urls, methods=["POST"], dependencies=described)
    add("/sign_urls_put", dialect.sign_urls_put, methods=["POST"], dependencies=described)
    add("/create_api_key", dialect.create_api_key, methods=["GET"], dependencies=described)
    add("/list_api_keys_with_metadata", dialect.list_keys, methods=["GET"], dependencies=described)
    add("/revoke_api_key", dialect.revoke_api_key, methods=["GET"], dependencies=described)
    return app


class _Teledetection:
    def __init__(self, signer: Signer, callers: Callers, max_ttl_s: int) -> None:
        self._signer = signer
        self._callers = callers
        self._max_ttl_s = max_ttl_s

    async def sign_urls(self, request: Request) -> Response:
        """Sign hrefs to read."""
        return await self._sign(request, "get")

    async def sign_urls_put(self, request: Request) -> Response:
        """Sign hrefs to write."""
        return await self._sign(request, "put")

    async def create_api_key(self, request: Request, description: str = "") -> Response:
        """Make an API key that signs whatever its owner may read and write."""
        caller = await self._callers.person(request.headers)
        key, secret = await self._callers.grants.make(
            caller, bearer_token(request), Wish(description)
        )
        return JSONResponse({"access-key": key.key_id, "secret-key": secret}, headers=_HEADERS)

    async def list_keys(self, request: Request) -> Response:
        """List one's own API keys."""
        caller = await self._callers.person(request.headers)
        listed = [
            {
                "created": key.created_at.strftime("%Y-%m-%d %H:%M:%S"),
                "access-key": key.key_id,
                "description": key.description,
            }
            for key in self._callers.grants.of(caller, "key")
        ]
        return JSONResponse(listed, headers=_HEADERS)

    async def revoke_api_key(self, request: Request, access_key: str) -> Response:
        """Revoke one of one's own API keys."""
        caller = await self._callers.person(request.headers)
        await self._callers.grants.revoke(caller, access_key, "key")
        return JSONResponse({"detail": f"{access_key} is revoked"}, headers=_HEADERS)

    async def _sign(self, request: Request, op: Op) -> Response:
        caller = await self._callers.anybody(request.headers)
        wanted = await read_body(request, UrlsRequest)
        # the SDK keeps an address only while more than half an hour of it is left
        life_s = wanted.duration_seconds or self._max_ttl_s
        signed = await self._signer.sign(caller, wanted.urls, op, life_s)
        answer = {"hrefs": signed.urls, "expiry": signed.expires_at.isoformat()}
        return JSONResponse(answer, headers=_HEADERS)


async def _answer_refusal(_: Request, exc: Exception) -> Response:
    error = of_exception(exc)
    note(error)
    content = {"detail": error.message, "remedy": error.remedy, "type": error.kind}
    return JSONResponse(content, error.status, error.headers)
