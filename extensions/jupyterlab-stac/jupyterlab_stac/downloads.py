"""Assets fetched into the reader's own folder, with progress; a file is there when all of it is."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jupyterlab_stac.client import Client
from jupyterlab_stac.errors import DownloadError, PanelError, RequestError

_CHUNK_BYTES = 1 << 20
_MAX_AT_ONCE = 4
_MAX_KEPT = 50
_SPARE_BYTES = 64 << 20
_UNSAFE = re.compile(r"[^\w.\-+ ]")


@dataclass
class Download:
    """One file on its way.

    Parameters
    ----------
    key : str
    href : str
        As the catalogue has it.
    path : str
        Below the server's root.
    """

    key: str
    href: str
    path: str
    state: str = "running"
    done_bytes: int = 0
    total_bytes: int | None = None
    error: dict[str, Any] | None = None
    task: asyncio.Task[None] | None = None

    def to_json(self) -> dict[str, Any]:
        """As the panel takes it."""
        names = ("key", "href", "path", "state", "done_bytes", "total_bytes", "error")
        return {name: getattr(self, name) for name in names}


class Downloads:
    """The files of this server's reader.

    Parameters
    ----------
    client : Client
    root : Path
        Folder of the server; nothing is written elsewhere.
    address_of : callable
        Address of an href that is good for a while.
    """

    def __init__(
        self, client: Client, root: Path, address_of: Callable[[str], Awaitable[str]]
    ) -> None:
        self._client = client
        self._root = root
        self._address_of = address_of
        self._all: dict[str, Download] = {}

    def list(self) -> list[dict[str, Any]]:
        """All, the newest first."""
        return [download.to_json() for download in reversed(self._all.values())]

    def start(self, href: str, folder: str) -> Download:
        """Begin to fetch ``href`` into ``folder``, which is below the root.

        Raises
        ------
        DownloadError
            When too many run, or the folder is not there.
        """
        if sum(one.state == "running" for one in self._all.values()) >= _MAX_AT_ONCE:
            raise DownloadError(
                f"{_MAX_AT_ONCE} files are on their way already.",
                remedy="Wait for one of them.",
                kind="downloads",
                count=_MAX_AT_ONCE,
            )
        root = self._root.resolve()
        target = (root / folder.lstrip("/")).resolve()
        if not target.is_relative_to(root) or not target.is_dir():
            raise DownloadError(
                f"There is no folder {folder[:200]!r} below the server's own.",
                remedy="Choose one in the file browser.",
                kind="folder",
                folder=folder[:200],
            )
        path = _free(target, name_of(href), {one.path for one in self._all.values()}, root)
        download = Download(secrets.token_hex(8), href, str(path.relative_to(root)))
        self._all[download.key] = download
        self._forget_old()
        download.task = asyncio.create_task(self._run(download, path))
        return download

    async def cancel(self, key: str) -> None:
        """End one and remove what there is of it; one that has ended is forgotten.

        Raises
        ------
        RequestError
            When there is none of this key.
        """
        download = self._all.get(key)
        if download is None:
            raise RequestError(f"There is no download {key[:40]!r}.")
        if download.state != "running" or download.task is None:
            del self._all[key]
            return
        download.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await download.task

    async def close(self) -> None:
        """End all."""
        running = [one.task for one in self._all.values() if one.task and not one.task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, download: Download, path: Path) -> None:
        part = path.with_name(f".{path.name}.part")
        try:
            await self._fetch(download, part)
            # never over a file that came there meanwhile
            part.rename(_free(path.parent, path.name, set(), self._root.resolve()))
            download.state = "done"
        except asyncio.CancelledError:
            download.state = "cancelled"
            raise
        except PanelError as exc:
            download.state, download.error = "failed", exc.to_json()
        except OSError as exc:
            told = DownloadError(
                f"{path.name} cannot be written ({exc.strerror}).", kind="write", name=path.name
            )
            download.state, download.error = "failed", told.to_json()
        finally:
            part.unlink(missing_ok=True)

    async def _fetch(self, download: Download, part: Path) -> None:
        address = await self._address_of(download.href)
        # an address that is signed carries what it needs
        async with self._client.open(address, with_token=False) as response:
            if response.status >= 300:
                raise DownloadError(
                    f"The store answers {response.status}.",
                    remedy="Try again: its address may have ended.",
                    kind="store",
                    status=response.status,
                )
            total = response.content_length
            download.total_bytes = total
            _check_room(part.parent, total or 0)
            with part.open("xb") as file:
                async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                    await asyncio.to_thread(file.write, chunk)
                    download.done_bytes += len(chunk)
            if total is not None and download.done_bytes != total:
                raise DownloadError(
                    f"{download.done_bytes} of {total} bytes came.",
                    remedy="Try again.",
                    kind="short",
                )

    def _forget_old(self) -> None:
        ended = [key for key, one in self._all.items() if one.state != "running"]
        for key in ended[: max(0, len(self._all) - _MAX_KEPT)]:
            del self._all[key]


def name_of(href: str) -> str:
    """A name for the file that is safe on any system."""
    last = unquote(urlsplit(href).path).rstrip("/").rpartition("/")[2]
    return _UNSAFE.sub("_", last).lstrip(". ")[:150] or "asset"


def _free(folder: Path, name: str, taken: set[str], root: Path) -> Path:
    stem, dot, suffix = name.partition(".")
    for number in range(1000):
        path = folder / (f"{stem}-{number}{dot}{suffix}" if number else name)
        if not path.exists() and str(path.relative_to(root)) not in taken:
            return path
    raise DownloadError(f"There are a thousand files like {name!r} already.", kind="write")


def _check_room(folder: Path, wanted_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if wanted_bytes + _SPARE_BYTES > free:
        raise DownloadError(
            f"The file has {wanted_bytes >> 20} MiB, and {free >> 20} MiB are free.",
            remedy="Delete what is not needed, or open the asset in place.",
            kind="room",
            wanted_bytes=wanted_bytes,
            free_bytes=free,
        )
