"""Somebody at work: in a server whose token files are kept fresh, or at a laptop outside."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from boresight import access
from boresight.access import objects, signin
from boresight_hub import oidc
from boresight_hub.embedded.people import write_private
from boresight_hub.environment import user_environment
from boresight_hub.settings import HubSettings
from support.idp import Environment

#: What the hub keeps in the folder of a holder.
FILES = ("s3", "stac", "access")


def forget_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what another test, or the machine, has set out of this process."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BORESIGHT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(objects, "_local", threading.local())
    signin._signed_in.cache_clear()


class TokenFiles:
    """The hub's part: files of one holder, renewed in place from a real sign-in."""

    def __init__(self, idp: Environment, username: str, folder: Path) -> None:
        self._settings = idp.settings
        self._tokens = idp.sign_in(username)
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.write()

    def write(self) -> None:
        for name in FILES:
            asked = oidc.exchange(self._settings, self._tokens["access_token"], name)
            write_private(self.folder / f"{name}.jwt", asyncio.run(asked).access_token)

    def renew(self) -> None:
        fresh = asyncio.run(oidc.refresh(self._settings, self._tokens["refresh_token"]))
        self._tokens["access_token"] = fresh.access_token
        self._tokens["refresh_token"] = fresh.refresh_token or self._tokens["refresh_token"]
        self.write()

    @contextmanager
    def kept_fresh(self, every_s: float) -> Iterator[None]:
        over = threading.Event()
        failures: list[BaseException] = []

        def keep() -> None:
            while not over.wait(every_s):
                try:
                    self.renew()
                except Exception as exc:  # noqa: BLE001 - shown by the test
                    failures.append(exc)
                    return

        keeper = threading.Thread(target=keep)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join(30)
        assert failures == []


def enter_server(
    settings: HubSettings, username: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make this process one of ``username``'s server."""
    forget_environment(monkeypatch)
    for name, value in user_environment(settings, username=username, token_dir=folder).items():
        monkeypatch.setenv(name, value)


def sign_in_here(idp: Environment, username: str, **options: Any) -> str:
    """Sign in as on a laptop; somebody opens the link in a browser."""
    said: list[str] = []

    def tell(text: str) -> None:
        said.append(text)
        link = next(word for word in text.split() if word.startswith("http"))
        threading.Thread(target=idp.accept_device, args=(link, username)).start()

    name = access.sign_in(idp.settings.public_url, tell=tell, **options)
    assert len(said) == 1
    return name


def image(rows: int = 512, cols: int = 512) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Pixels that no compression makes smaller."""
    return np.random.default_rng(4).integers(1, 60_000, (rows, cols), dtype=np.uint16)


def geotiff(folder: Path, pixels: np.ndarray[Any, Any]) -> bytes:
    """The same as a tiled GeoTIFF on the ground near Montpellier."""
    path = folder / "image.tif"
    rows, cols = pixels.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=cols,
        height=rows,
        count=1,
        dtype=pixels.dtype,
        crs="EPSG:32631",
        transform=from_origin(560_000, 4_830_000, 10, 10),
        nodata=0,
        tiled=True,
        blockxsize=64,
        blockysize=64,
    ) as image:
        image.write(pixels, 1)
    return path.read_bytes()
