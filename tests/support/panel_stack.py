"""The catalogue's panel over our own services: private images in a store; Labs of people."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from support.access_stack import AccessStack
from support.bare_lab import BareLab, bare_lab
from support.stac_vendors import write_assets

COLLECTION = "co3d-l1"
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
#: items in one request
_CHUNK = 1000
#: tokens live five minutes
_RENEWED_EVERY_S = 60.0


class PanelStack:
    """Store, catalogue and access service; what is in the catalogue is seen by marie, not by paul.

    Parameters
    ----------
    folder : Path
    stac : dict, optional
        Settings of the catalogue: its backend.
    **access
        Settings of the access service.
    """

    def __init__(self, folder: Path, stac: dict[str, Any] | None = None, **access: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.services = AccessStack(folder / "state", stac=stac, **access)
        self.settings = self.services.settings
        self._people: set[str] = set()
        self._over = threading.Event()
        self._renewer = threading.Thread(target=self._renew, daemon=True)

    def start(self) -> None:
        self.services.start()
        self._renewer.start()

    def close(self) -> None:
        self._over.set()
        if self._renewer.is_alive():
            self._renewer.join(10)
        self.services.close()

    def _renew(self) -> None:
        """Keep token files fresh, as the hub does."""
        while not self._over.wait(_RENEWED_EVERY_S):
            for username in list(self._people):
                self.services.holder(username)

    def href(self, item: str, name: str) -> str:
        return f"{self.settings.s3_url}/catalogue/{COLLECTION}/{item}/{name}"

    def add_private_image(self, item: str, *, west: float = 4.0, south: float = 43.0) -> None:
        """Put an item into the catalogue whose image and thumbnail are in the store."""
        files = self._folder / "files"
        write_assets(files)
        store = self.services.root()
        for name, source, kind in (
            ("image.tif", "red.tif", "image/tiff"),
            ("thumbnail.png", "thumbnail-0.png", "image/png"),
        ):
            store.put_object(
                Bucket="catalogue",
                Key=f"{COLLECTION}/{item}/{name}",
                Body=(files / source).read_bytes(),
                ContentType=kind,
            )
        document = scene(item, west, south, "2026-03-01T10:00:00Z")
        document["assets"] = {
            "image": {
                "href": self.href(item, "image.tif"),
                "type": _COG,
                "title": "Image",
                "roles": ["data"],
            },
            "thumbnail": {
                "href": self.href(item, "thumbnail.png"),
                "type": "image/png",
                "roles": ["thumbnail"],
            },
        }
        self.add(document)

    def add(self, *items: dict[str, Any]) -> None:
        """Put items into the collection, as its administrator."""
        assert self.services.origin
        headers = {"Authorization": f"Bearer {self.services.origin.token('lea', 'stac')}"}
        for start in range(0, len(items), _CHUNK):
            chunk = {item["id"]: item for item in items[start : start + _CHUNK]}
            answer = httpx.post(
                f"{self.settings.stac_url}/collections/{COLLECTION}/bulk_items",
                json={"items": chunk, "method": "insert"},
                headers=headers,
                timeout=120,
                trust_env=False,
            )
            told = answer.raise_for_status().json()
            assert not told["skipped"], told["errors"][:3]

    @contextmanager
    def lab(self, username: str, **options: Any) -> Iterator[BareLab]:
        """Run a Lab of somebody, in which the panel has their credentials; ``options`` as of it."""
        folder = self._folder / f"lab-{username}-{random.randrange(10**6)}"
        with bare_lab(folder, {"apis": []}, environ=self.environ(username), **options) as lab:
            yield lab

    def environ(self, username: str) -> Mapping[str, str]:
        """Variables of somebody's server, whose token files are kept fresh from now on."""
        self._people.add(username)
        return self.services.holder(username)


def scene(name: str, west: float, south: float, acquired_at: str, **more: Any) -> dict[str, Any]:
    """An item of a third of a degree, without assets."""
    side = 0.3
    east, north = west + side, south + side
    ring = [[west, south], [east, south + 0.03], [east - 0.03, north], [west, north], [west, south]]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": name,
        "collection": COLLECTION,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": acquired_at, "platform": "co3d-1", "gsd": 0.5} | more,
        "assets": {},
        "links": [],
    }


def scenes(count: int, seed: int = 6) -> list[dict[str, Any]]:
    """Scenes at random over the west of the Mediterranean, the same ones in every run."""
    rng = random.Random(seed)
    return [
        scene(
            f"scene-{number:05d}",
            round(rng.uniform(-8.0, 18.0), 4),
            round(rng.uniform(32.0, 48.0), 4),
            f"2026-{1 + number % 12:02d}-{1 + number % 28:02d}T10:{number % 60:02d}:00Z",
            **{"eo:cloud_cover": round(rng.uniform(0, 100), 1)},
        )
        for number in range(count)
    ]
