"""What the server does for the panel; the routes in `handlers` only translate HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from jupyterlab_stac.client import Answer, Client
from jupyterlab_stac.downloads import Downloads
from jupyterlab_stac.errors import (
    HostError,
    PanelError,
    PreviewError,
    RequestError,
    SlowError,
)
from jupyterlab_stac.hosts import Hosts, host_of
from jupyterlab_stac.preview import Preview, PreviewRequest, read_preview
from jupyterlab_stac.providers import MAX_HREFS, Providers, Signed
from jupyterlab_stac.remembered import Remembered

_PREVIEW_S = 30.0

logger = logging.getLogger(__name__)


class Catalogue:
    """APIs, tokens, signatures, pictures and downloads of one reader.

    Parameters
    ----------
    apis : sequence of dict
        Configured ones: ``url``, ``title``.
    hosts : sequence of str
        Configured beside those of the APIs, as `Hosts` takes them.
    providers : Providers
    remembered : Remembered
    root : Path
        Folder that downloads go below.
    may_add : bool
        Whether the reader may add public hosts.
    timeout_s : float
    """

    def __init__(
        self,
        *,
        apis: Sequence[dict[str, Any]],
        hosts: Sequence[str],
        providers: Providers,
        remembered: Remembered,
        root: Path,
        may_add: bool = True,
        timeout_s: float = 30.0,
    ) -> None:
        self.providers = providers
        self.may_add = may_add
        self._remembered = remembered
        self._configured = [*_offered(providers), *apis]
        of_signers = [entry for signer in providers.signers for entry in signer.hosts()]
        self.hosts = Hosts([*hosts, *of_signers], remembered.hosts if may_add else ())
        for api in self._configured:
            self.hosts.configure(api["url"])
        self.client = Client(self.hosts, providers.headers, timeout_s=timeout_s)
        self.downloads = Downloads(self.client, root, self._address_of)
        # GDAL blocks a thread until its own time-outs
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="stac-preview")

    def settings(self) -> dict[str, Any]:
        """What the panel has to know."""
        known = {api["url"] for api in self._configured}
        added = [
            {"url": url, "title": title, "added": True, "has_token": False, "code": None}
            for url, title in self._remembered.apis.items()
            if url not in known and self.may_add
        ]
        configured = [
            {
                "url": api["url"],
                "title": api.get("title") or api["url"],
                "added": False,
                "has_token": self.providers.has_token(api["url"]),
                "code": api.get("code"),
            }
            for api in self._configured
        ]
        return {
            "apis": [*configured, *added],
            "may_add": self.may_add,
            "signers": [signer.name for signer in self.providers.signers],
            "hosts_added": list(self._remembered.hosts),
        }

    def add_api(self, url: str, title: str) -> dict[str, Any]:
        """Remember an API, and allow its host."""
        url = _root(url)
        self._check_may_add(url)
        if not self.hosts.allows(url):
            self._remembered.add_host(self.hosts.add(url))
        self._remembered.add_api(url, title.strip()[:100] or host_of(url)[1])
        return self.settings()

    def remove_api(self, url: str) -> dict[str, Any]:
        """Forget an API that was added."""
        self._remembered.remove_api(url)
        return self.settings()

    def add_host(self, url: str) -> dict[str, Any]:
        """Allow the host of an asset."""
        self._check_may_add(url)
        if not self.hosts.allows(url):
            self._remembered.add_host(self.hosts.add(url))
        return self.settings()

    def remove_host(self, entry: str) -> dict[str, Any]:
        """Allow it no more."""
        self.hosts.remove(entry)
        self._remembered.remove_host(entry)
        return self.settings()

    async def ask(self, url: str, method: str = "GET", body: Any = None) -> Answer:
        """Ask an API in the reader's name."""
        accept = "application/geo+json, application/json"
        return await self.client.ask(url, method=method, body=body, accept=accept)

    async def sign(self, hrefs: Sequence[str]) -> dict[str, Any]:
        """Signed addresses; see `Providers.sign`.

        Raises
        ------
        RequestError
            When there are too many.
        """
        if len(hrefs) > MAX_HREFS or not all(isinstance(href, str) for href in hrefs):
            raise RequestError(f"{len(hrefs)} hrefs; at most {MAX_HREFS} are signed at once.")
        signed, refused = await asyncio.to_thread(self.providers.sign, hrefs)
        return {
            "signed": {href: one.to_json() for href, one in signed.items()},
            "refused": {href: error.to_json() for href, error in refused.items()},
            # the browser's clock may be wrong
            "now": datetime.now(UTC).isoformat(),
        }

    async def preview(self, href: str, wanted: PreviewRequest) -> Preview:
        """Read a picture of an asset.

        Raises
        ------
        HostError, PreviewError, SigningError, UnreachableError
        """
        signer = self.providers.signer_of(href)
        path = await asyncio.to_thread(signer.gdal_path, href) if signer else None
        if path is None:
            path = f"/vsicurl/{await self._reachable(await self._address_of(href))}"
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(self._threads, read_preview, path, wanted)
        try:
            return await asyncio.wait_for(reading, _PREVIEW_S)
        except TimeoutError as exc:
            raise SlowError(
                f"No picture within {_PREVIEW_S:g} s.",
                remedy="Try again, or open the asset in a notebook.",
                host=urlsplit(href).hostname or "",
                seconds=_PREVIEW_S,
            ) from exc

    async def close(self) -> None:
        """End what runs."""
        await self.downloads.close()
        await self.client.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _address_of(self, href: str) -> str:
        signed, refused = await asyncio.to_thread(self.providers.sign, [href])
        if href in refused:
            raise refused[href]
        found: Signed = signed[href]
        return found.address

    async def _reachable(self, address: str) -> str:
        """Where an address leads to by allowed hosts; GDAL would follow whatever it is told."""
        options: dict[str, Any] = {"headers": {"Range": "bytes=0-0"}, "with_token": False}
        async with self.client.open(address, **options) as response:
            if response.status >= 300:
                raise PreviewError(
                    f"The store answers {response.status}.",
                    remedy="It may be gone, or not yours to read.",
                    kind="store",
                    status=response.status,
                )
            return str(response.url)

    def _check_may_add(self, url: str) -> None:
        if not self.may_add and not self.hosts.allows(url):
            raise HostError(
                f"The host {host_of(url)[1][:100]!r} is not one that this server asks, and adding "
                "hosts is switched off.",
                remedy="Have an operator configure it: StacPanel.hosts.",
                kind="host-fixed",
                host=host_of(url)[1][:100],
            )


def _offered(providers: Providers) -> list[dict[str, Any]]:
    try:
        return providers.apis()
    except PanelError:
        raise
    except Exception:
        logger.exception("a provider's APIs are left out")
        return []


def _root(url: str) -> str:
    """Address of an API's root without what does not belong to it."""
    host_of(url.strip())
    parts = urlsplit(url.strip())
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, ""))
