"""Puts the signing API together and mounts it in the access service."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, FastAPI

from boresight_hub.access.brokers import Broker
from boresight_hub.access.database import engine_for
from boresight_hub.access.refusals import RefusalError
from boresight_hub.access.signing.batch import BatchGrants
from boresight_hub.access.signing.callers import Callers
from boresight_hub.access.signing.core import Signer
from boresight_hub.access.signing.keystore import KeyStore
from boresight_hub.access.signing.native import NativeDialect
from boresight_hub.access.signing.planetary import PlanetaryDialect
from boresight_hub.access.signing.signouts import SignOuts
from boresight_hub.access.signing.teledetection import teledetection_app
from boresight_hub.settings import HubSettings

logger = logging.getLogger(__name__)


class SigningService:
    """The signing API with all its dialects, and what is made and ended in one's own name.

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
        self._broker = broker
        keys = KeyStore(engine_for(settings, "keys.sqlite"), secret)
        self.callers = Callers(settings, keys, broker)

    def install(self, app: FastAPI, router: APIRouter, *, prefix: str) -> None:
        """Add all routes to ``app``, those of the service in ``router`` before the others."""
        parts = (self._settings, self._signer, self.callers)
        NativeDialect(*parts).install(app, router)
        SignOuts(self._broker, self.callers).install(router)
        BatchGrants(self._settings, self.callers).install(router)
        app.include_router(router)
        planetary = PlanetaryDialect(*parts)
        app.mount(f"{prefix}/tld", teledetection_app(*parts))
        app.mount(f"{prefix}/pc", planetary.app())
        planetary.install_front(app)

    async def housekeeping(self) -> None:
        """Revoke what is past its end, as long as the service runs."""
        while True:
            try:
                removed = await self.callers.grants.remove_over()
                if removed:
                    logger.info("%d batch grants were past their end", removed)
            except RefusalError as exc:
                logger.warning("what is past its end cannot be removed now: %s", exc)
            await asyncio.sleep(self._settings.access.sweep_interval_s)

    async def close(self) -> None:
        """Close connections and files."""
        await self.callers.close()
