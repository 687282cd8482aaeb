"""Puts the signing API together and mounts it in the access service."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from boresight_hub.access.broker import Broker
from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.core import Signer
from boresight_hub.access.signing.keystore import KeyStore
from boresight_hub.access.signing.native import NativeDialect
from boresight_hub.access.signing.planetary import PlanetaryDialect
from boresight_hub.access.signing.teledetection import teledetection_app
from boresight_hub.settings import HubSettings


class SigningService:
    """The signing API with all its dialects.

    Parameters
    ----------
    settings : HubSettings
    broker : Broker
        Stays the caller's: it is not closed here.

    Raises
    ------
    SettingsError
        When the service's secret is missing.
    StateError
        When the file of API keys is not ours.
    """

    def __init__(self, settings: HubSettings, broker: Broker) -> None:
        self._settings = settings
        secret = settings.secret("access-signing-key")
        self._signer = Signer(settings, broker)
        self._callers = Callers(
            settings, KeyStore(settings.folder("access") / "keys.sqlite", secret)
        )

    def install(self, app: FastAPI, router: APIRouter, *, prefix: str) -> None:
        """Add all routes to ``app``, those of the service in ``router`` before the others."""
        parts = (self._settings, self._signer, self._callers)
        NativeDialect(*parts).install(app, router)
        app.include_router(router)
        planetary = PlanetaryDialect(*parts)
        app.mount(f"{prefix}/tld", teledetection_app(*parts))
        app.mount(f"{prefix}/pc", planetary.app())
        planetary.install_front(app)

    async def close(self) -> None:
        """Close connections and files."""
        await self._callers.close()
