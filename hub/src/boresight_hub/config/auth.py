"""Signing in: one authenticator, for every OpenID Connect provider, configured from discovery.

Code flow with PKCE and nonce; name, groups and administration come from the verified access
token. There is no other way in: no form of the hub's own, no sign-up, no local accounts.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from jupyterhub.handlers import BaseHandler
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.oauth2 import (
    OAuthCallbackHandler,
    OAuthLoginHandler,
    OAuthLogoutHandler,
    _deserialize_state,
)
from tornado import web
from tornado.httpclient import HTTPClientError

from boresight_hub import oidc
from boresight_hub.config.accessclient import AccessClient
from boresight_hub.config.handlers import api_handlers
from boresight_hub.config.idlehandlers import idle_handlers
from boresight_hub.config.idlewatch import IdleWatch, Server
from boresight_hub.config.idtoken import fetch_keys, verify_id_token
from boresight_hub.config.pages import page_handlers
from boresight_hub.config.records import Records
from boresight_hub.config.serverholders import server_of_holder
from boresight_hub.config.servers import make_holders
from boresight_hub.config.sessions import OidcProvider, Session, Sessions, SessionUser
from boresight_hub.config.spawner import OneMachineSpawner
from boresight_hub.config.tokenkeeper import TokenKeeper
from boresight_hub.errors import CredentialError, SignInError
from boresight_hub.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from traitlets.config import Config

log = logging.getLogger(__name__)

#: Part of a token's life that has to be left when a page is served or a server started.
_MIN_LEFT = 0.25
_SCOPE = ["openid", "profile"]


class HubUsers(Protocol):
    """What is needed of JupyterHub's collection of users."""

    def get(self, name: str) -> HubUser | None:
        """User of that name, also when only the database knows it."""


class HubUser(SessionUser, Protocol):
    """What is needed of JupyterHub's ``User``."""

    spawners: dict[str, OneMachineSpawner]


class HubApp(Protocol):
    """What is needed of the application: its users, and its database."""

    users: Any
    db: Any


def nonce_of(code_verifier: str) -> str:
    """Nonce of a sign-in: bound to the verifier, which only the browser's signed cookie holds."""
    digest = hashlib.sha256(b"nonce " + code_verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class LoginHandler(OAuthLoginHandler):
    """Sends the browser to the provider."""

    _nonce = ""

    async def get(self) -> None:
        """Redirect, or say that the provider is out of reach."""
        await self.authenticator.discover()
        await self.authenticator.probe()
        super().get()

    def _generate_pkce_params(self) -> tuple[str, str]:
        verifier, challenge = super()._generate_pkce_params()
        self._nonce = nonce_of(verifier)
        return verifier, challenge

    def authorize_redirect(self, *, extra_params: dict[str, str], **kwargs: object) -> None:
        """Add the nonce to the request."""
        super().authorize_redirect(extra_params={**extra_params, "nonce": self._nonce}, **kwargs)


class CallbackHandler(OAuthCallbackHandler):
    """Receives the browser from the provider."""

    def nonce(self) -> str:
        """Nonce that was sent with this sign-in."""
        return nonce_of(_deserialize_state(self.get_state_cookie()).get("code_verifier", ""))


class LogoutHandler(OAuthLogoutHandler):
    """Ends the session in the hub and at the provider."""

    _id_token = ""

    async def handle_logout(self) -> None:
        """Forget the tokens; what was done in this person's name ends with them."""
        await super().handle_logout()
        user = self.current_user
        if user is not None:
            self._id_token = await self.authenticator.end_session(user)

    async def render_logout_page(self) -> None:
        """Send the browser on to the provider; coming back, say that it is done."""
        if not self._id_token:
            self.finish(await self.render_template("logout.html"))
            return
        try:
            discovery = await oidc.discover(self.authenticator.hub_settings)
        except SignInError:
            log.warning("the provider is out of reach: its own session goes on until it expires")
            self.finish(await self.render_template("logout.html"))
            return
        # a page, not a redirect: the hub logs where it redirects to
        self.finish(
            await self.render_template(
                "end_session.html",
                end_session_url=discovery.end_session_endpoint,
                id_token=self._id_token,
                return_url=f"{self.authenticator.hub_settings.public_url}/hub/logout",
            )
        )


class OidcAuthenticator(GenericOAuthenticator):
    """Signs people in at the provider and owns their sessions."""

    login_handler = LoginHandler
    callback_handler = CallbackHandler
    logout_handler = LogoutHandler

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.hub_settings = HubSettings()
        self.sessions = Sessions(OidcProvider(self.hub_settings))
        self.access = AccessClient(self.hub_settings, self.sessions.provider)
        self.keeper: TokenKeeper | None = None
        self.watch: IdleWatch | None = None
        self._keeping: asyncio.Task[None] | None = None

    def get_handlers(self, app: HubApp) -> list[tuple[object, ...]]:
        """Routes of the sign-in and of the token files; starts the token keeper.

        JupyterHub asks once, inside its running loop and after it knows its users.
        """
        self.keeper = TokenKeeper(
            self.hub_settings,
            self.sessions,
            access=self.access,
            find_user=app.users.get,
            is_orphan=lambda username, holder: _is_orphan(app, username, holder),
            holders=make_holders(self.hub_settings),
        )
        self._keeping = asyncio.create_task(self.keeper.run(), name="token-keeper")
        watch = IdleWatch(self.hub_settings.idle, Records(app.db), running=lambda: _running(app))
        self.watch = watch
        return [
            *super().get_handlers(app),
            *api_handlers(self.keeper),
            *idle_handlers(watch),
            *page_handlers(),
        ]

    async def discover(self) -> None:
        """Learn the provider's endpoints.

        The provider is reached through the hub's own proxy, so this cannot happen at start.
        """
        try:
            found = await oidc.discover(self.hub_settings)
        except SignInError as exc:
            raise unreachable(exc) from exc
        self.authorize_url = found.authorization_endpoint
        self.token_url = found.token_endpoint
        self.userdata_url = found.userinfo_endpoint

    async def probe(self) -> None:
        """See that the provider answers now: endpoints are remembered for minutes."""
        try:
            await fetch_keys(self.hub_settings)
        except SignInError as exc:
            raise unreachable(exc) from exc

    async def authenticate(
        self, handler: BaseHandler, data: object = None, **kwargs: object
    ) -> dict[str, object] | None:
        """Accept what comes back from the provider, and nothing else."""
        if not isinstance(handler, CallbackHandler):
            raise web.HTTPError(403, "Sign in at the identity provider: there is no other way in.")
        await self.discover()
        result: dict[str, object] | None = await super().authenticate(handler, data, **kwargs)
        return result

    async def get_token_info(
        self, handler: CallbackHandler, params: dict[str, object]
    ) -> dict[str, object]:
        """Trade the code for tokens, and verify that they answer this very sign-in."""
        try:
            tokens: dict[str, object] = await super().get_token_info(handler, params)
        except HTTPClientError as exc:
            if 400 <= exc.code < 500:
                # a code that was used or has expired, or one of a provider that was restarted
                self.log.warning("Sign-in refused by the provider: %s", exc)
                raise web.HTTPError(
                    400, "The identity provider refused this sign-in. Please sign in again."
                ) from exc
            raise unreachable(exc) from exc
        except OSError as exc:
            raise unreachable(exc) from exc
        try:
            subject = verify_id_token(
                self.hub_settings,
                str(tokens.get("id_token", "")),
                keys=await fetch_keys(self.hub_settings),
                nonce=handler.nonce(),
            )
            session = await self.sessions.open(
                access_token=str(tokens["access_token"]),
                refresh_token=str(tokens.get("refresh_token") or ""),
                id_token=str(tokens["id_token"]),
            )
        except CredentialError as exc:
            self.log.warning("Sign-in refused: %s", exc)
            raise web.HTTPError(400, exc.message) from exc
        except SignInError as exc:
            raise unreachable(exc) from exc
        if subject != session.subject:
            raise web.HTTPError(400, "The provider's two tokens are about different people.")
        return {**tokens, "session": session}

    async def token_to_user(self, token_info: dict[str, object]) -> dict[str, object]:
        """What the verified access token says; the provider is not asked again."""
        session = token_info["session"]
        assert isinstance(session, Session)  # noqa: S101 - made above
        return {self.username_claim: session.username, "groups": list(session.groups)}

    def build_auth_state_dict(
        self, token_info: dict[str, object], user_info: dict[str, object]
    ) -> dict[str, object]:
        """Store the session and nothing else."""
        session = token_info["session"]
        assert isinstance(session, Session)  # noqa: S101 - made above
        return session.auth_state()

    async def refresh_user(
        self, user: SessionUser, handler: BaseHandler | None = None, **kwargs: object
    ) -> dict[str, object] | bool:
        """Renew the session; False sends the person to sign in again.

        A provider that is out of reach ends nobody's work: the user stays as known.
        """
        try:
            session = await self.sessions.current(user, min_left=_MIN_LEFT)
        except CredentialError as exc:
            self.log.info("%s has to sign in again: %s", user.name, exc)
            return False
        except SignInError as exc:
            self.log.warning("%s stays signed in as known: %s", user.name, exc)
            return True
        groups = set(session.groups)
        admin = bool(self.admin_groups & groups)
        if not (self.allow_all or admin or self.allowed_groups & groups):
            self.log.info("%s is in none of the allowed groups any more", user.name)
            return False
        # the state itself is stored already, and perhaps newer than this
        return {"name": user.name, "groups": sorted(groups), "admin": admin}

    async def end_session(self, user: SessionUser) -> str:
        """Forget the tokens of ``user`` and remove their files; returns the id token.

        S3 sessions of the sign-in end with it: the access service is asked with the last token.
        """
        access_token = ""
        try:
            access_token = (await self.sessions.current(user, min_left=_MIN_LEFT)).access_token
        except (CredentialError, SignInError) as exc:
            log.info("S3 sessions of %s go on to their own end: %s", user.name, exc)
        id_token = await self.sessions.end(user)
        if self.keeper is not None:
            await self.keeper.drop(user.name)
        if access_token:
            await self.access.sign_out(user.name, access_token)
        return id_token


def _running(app: HubApp) -> Iterator[tuple[str, Server]]:
    """Servers that run, with their users' names; none that starts or stops just now."""
    for user in app.users.values():
        for spawner in list(user.spawners.values()):
            if spawner.ready and not spawner.pending:
                yield user.name, spawner


def _is_orphan(app: HubApp, username: str, holder: str) -> bool:
    """Whether the user server behind a holder is gone; other holders have another owner."""
    server = server_of_holder(holder)
    user = app.users.get(username)
    if server is None or user is None:
        return False
    spawner = user.spawners.get(server)
    return spawner is None or not spawner.active


def unreachable(exc: Exception) -> web.HTTPError:
    """Error page for a provider that does not answer."""
    log.warning("sign-in is impossible for now: %s", exc)
    return web.HTTPError(
        503,
        "The identity provider does not answer, so nobody can sign in at the moment. "
        "Servers and jobs that run go on. Please try again in a minute.",
        reason="Identity provider out of reach",
    )


def apply_auth(c: Config, settings: HubSettings) -> None:
    """Configure the one way in."""
    c.JupyterHub.authenticator_class = OidcAuthenticator
    auth = c.OidcAuthenticator
    auth.client_id = settings.oidc.hub_client_id
    auth.client_secret = settings.secret("hub-client-secret")
    auth.basic_auth = True
    auth.enable_pkce = True
    auth.scope = _SCOPE
    auth.oauth_callback_url = f"{settings.public_url}/hub/oauth_callback"
    auth.username_claim = settings.oidc.username_claim
    auth.auth_state_groups_key = "groups"
    auth.http_request_kwargs = {
        "connect_timeout": settings.oidc.http_timeout_s,
        "request_timeout": settings.oidc.http_timeout_s,
    }
    auth.manage_groups = True
    auth.admin_groups = {settings.oidc.admin_group}
    # whom the realm authenticates is the realm's decision, unless groups are named
    auth.allow_all = not settings.oidc.allowed_groups
    auth.allowed_groups = set(settings.oidc.allowed_groups)
    auth.allow_existing_users = False
    auth.auto_login = True
    auth.enable_auth_state = True
    auth.refresh_pre_spawn = True
    auth.auth_refresh_age = max(5, min(60, settings.oidc.token_life_s // 2))
    c.CryptKeeper.keys = [hashlib.sha256(settings.secret("auth-state-key").encode()).digest()]
