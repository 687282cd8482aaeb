"""Token files of workers: made before a worker starts, removed for certain after it has ended.

Every holder leaves a note in a folder before the hub is asked, and the note goes after the hub has
removed the files. So neither a killed gateway nor an absent hub leaves credentials behind that are
renewed for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from boresight_hub.errors import ServiceError
from boresight_hub.gateway.hubapi import HubApi

log = logging.getLogger(__name__)

_SWEEP_S = 15.0


class TokenHolders:
    """Holders of this gateway.

    Parameters
    ----------
    folder : Path
        Where the notes are.
    hub : HubApi
    """

    def __init__(self, folder: Path, hub: HubApi) -> None:
        self._folder = folder
        self._hub = hub
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def create(self, username: str, holder: str) -> Path:
        """Have the token files of ``holder`` made; returns their folder."""
        (self._folder / holder).write_text(username)
        return await self._hub.create_token_files(username, holder)

    async def remove(self, holder: str) -> None:
        """Have the token files of ``holder`` removed, now or by a later :meth:`sweep`."""
        note = self._folder / holder
        try:
            username = note.read_text()
        except FileNotFoundError:
            return
        try:
            await self._hub.remove_token_files(username, holder)
        except ServiceError as exc:
            log.warning("The token files of %s stay for now: %s", holder, exc)
            return
        note.unlink(missing_ok=True)

    async def sweep(self, live: set[str]) -> None:
        """Remove every holder that is not ``live``."""
        stale = [note.name for note in self._folder.iterdir() if note.name not in live]
        await asyncio.gather(*(self.remove(holder) for holder in stale))

    async def sweep_forever(self, live: Callable[[], set[str]]) -> None:
        """Sweep now and again."""
        while True:
            await self.sweep(live())
            await asyncio.sleep(_SWEEP_S)
