"""HTTP routes of the access service."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qsl

import jwt
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from boresight_hub.access import query, refusals
from boresight_hub.access.brokers import Broker, make_broker
from boresight_hub.access.exchange import TokenExchange
from boresight_hub.access.query import WebIdentityRequest
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.sessions import Session
from boresight_hub.access.signature import verified_session
from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.keystore import is_batch_id
from boresight_hub.access.signing.problems import SigningError
from boresight_hub.access.signing.service import SigningService
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.oidc import TokenVerifier
from boresight_hub.settings import HubSettings

PREFIX = "/services/access"

_MAX_BODY_BYTES = 65_536

logger = logging.getLogger(__name__)


def create_app(settings: HubSettings) -> FastAPI:
    """Make the access service.

    Parameters
    ----------
    settings : HubSettings

    Raises
    ------
    SettingsError
        When a secret is missing or the policy template is refused.
    """
    broker = make_broker(settings)
    signing = SigningService(settings, broker)
    service = _Service(settings, broker, signing.callers)
    exchange = TokenExchange(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(work) for work in (broker.housekeeping(), signing.housekeeping())
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await signing.close()
            await exchange.close()
            await broker.close()

    # every error leaves in the words of AWS or as a problem, so none of FastAPI's own pages is
    # wanted
    app = FastAPI(
        title="Boresight access",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
    )
    router = APIRouter(prefix=PREFIX)
    router.add_api_route("/health", service.health, methods=["GET"])
    router.add_api_route("/credentials", service.credentials, methods=["GET"])
    for path in ("/sts", "/sts/"):
        router.add_api_route(
            path,
            service.sts,
            methods=["GET", "POST"],
            include_in_schema=path == "/sts",
            operation_id=f"sts{'_' if path.endswith('/') else ''}",
        )
    exchange.install(router)
    signing.install(app, router, prefix=PREFIX)
    return app


class _Service:
    def __init__(self, settings: HubSettings, broker: Broker, callers: Callers) -> None:
        self._settings = settings
        self._callers = callers
        self._verifier = TokenVerifier(settings, settings.access.audience)
        self._broker = broker

    async def health(self) -> dict[str, str]:
        """Say that the service runs."""
        return {"status": "ok"}

    async def sts(self, request: Request) -> Response:
        """Answer the AWS STS query protocol: a form, a query string, or both."""
        request_id = str(uuid.uuid4())
        try:
            body = await self._sts(request, request_id)
            status = 200
        except RefusalError as refusal:
            _log(refusal, request_id)
            body, status = query.error_response(refusal, request_id=request_id), refusal.status
        headers = {"x-amzn-requestid": request_id, "cache-control": "no-store"}
        return Response(body, status, headers, media_type="text/xml")

    async def credentials(self, request: Request) -> Response:
        """Answer the container-credentials protocol: the token comes in ``Authorization``."""
        request_id = str(uuid.uuid4())
        headers = {"x-amzn-requestid": request_id, "cache-control": "no-store"}
        try:
            # SDKs send the content of the token file as it is; people write Bearer before it
            token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
            if not token:
                raise refusals.invalid_token("There is no token in the header Authorization.")
            if is_batch_id(token):
                session = await self._batch_session(token)
            else:
                session = await self._session(token, self._settings.access.session_life_s)
        except RefusalError as refusal:
            _log(refusal, request_id)
            answer = {"code": refusal.code, "message": refusal.message}
            return JSONResponse(answer, refusal.status, headers)
        return JSONResponse(
            {
                "AccessKeyId": session.access_key,
                "SecretAccessKey": session.secret_key,
                "Token": session.session_token,
                "Expiration": query.instant(session.expires_at),
                "RoleArn": self._settings.access.role_arn,
            },
            headers=headers,
        )

    async def _sts(self, request: Request, request_id: str) -> bytes:
        body = await _body(request)
        parameters = _parameters(request, body)
        action = parameters.get("Action", "")
        if not action:
            raise refusals.missing_action("The parameter Action is missing.")
        if parameters.get("Version", query.VERSION) != query.VERSION:
            raise refusals.invalid_action(f"Version has to be {query.VERSION}.")
        if action == "AssumeRoleWithWebIdentity":
            wanted = query.parse_web_identity(parameters)
            return await self._assume(wanted, request_id)
        if action == "GetCallerIdentity":
            session = await verified_session(
                method=request.method,
                url=str(request.url),
                headers=request.headers,
                body=body,
                find=self._broker.find,
            )
            return query.caller_identity_response(
                session, role_arn=self._settings.access.role_arn, request_id=request_id
            )
        raise refusals.invalid_action(f"The action {action[:60]!r} is not known here.")

    async def _assume(self, wanted: WebIdentityRequest, request_id: str) -> bytes:
        if wanted.role_arn != self._settings.access.role_arn:
            # like AWS, which does not tell which roles there are
            raise refusals.access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
        session = await self._session(wanted.token, wanted.duration_s)
        return query.web_identity_response(
            session,
            wanted,
            audience=self._settings.access.audience,
            issuer=self._settings.issuer,
            request_id=request_id,
        )

    async def _session(self, token: str, duration_s: int) -> Session:
        try:
            claims = await self._verifier.verify(token)
        except CredentialError as exc:
            if isinstance(exc.__cause__, jwt.ExpiredSignatureError):
                raise refusals.expired_token(exc.message) from exc
            raise refusals.invalid_token(exc.message) from exc
        except SignInError as exc:
            raise refusals.idp_unreachable(exc.message) from exc
        if claims.is_service or not claims.username:
            raise refusals.access_denied("The token belongs to a service, not to a person.")
        if self._broker.has_signed_out(claims):
            raise refusals.signed_out(claims.username)

        async def given() -> str:
            return token

        return await self._broker.session_for(claims, duration_s=duration_s, web_identity=given)

    async def _batch_session(self, credential: str) -> Session:
        try:
            caller = await self._callers.batch_run(credential)
        except SigningError as exc:
            raise (
                refusals.unavailable(exc.message)
                if exc.status == 503
                else refusals.invalid_token(exc.message)
            ) from exc
        return await self._broker.session_for(
            caller.claims,
            duration_s=self._settings.access.session_life_s,
            web_identity=caller.web_identity,
        )


async def _body(request: Request) -> bytes:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY_BYTES:
            raise refusals.validation(f"The request is longer than {_MAX_BODY_BYTES} bytes.")
    return bytes(received)


def _parameters(request: Request, body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=50)
        if request.method == "POST":
            pairs += parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError as exc:
        raise refusals.validation("The parameters are not form-encoded UTF-8.") from exc
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters:
            raise refusals.validation(f"The parameter {name[:60]!r} is given twice.")
        parameters[name] = value
    return parameters


def _log(refusal: RefusalError, request_id: str) -> None:
    level = logging.ERROR if refusal.is_our_fault else logging.INFO
    logger.log(level, "refused (%s): %s", request_id, refusal)
