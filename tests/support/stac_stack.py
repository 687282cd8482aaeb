"""A STAC service as a process of its own, and the one origin it stands behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from boresight_hub.settings import HubSettings, StacSettings
from support.origin import Origin
from support.ports import START_TIMEOUT_S, free_base_port

FOREIGN = "https://sentinel-cogs.s3.us-west-2.amazonaws.com/"


class Catalogue:
    """The service as a process of its own, behind one origin."""

    def __init__(self, state_dir: Path, **stac: object) -> None:
        self.settings = HubSettings(
            state_dir=state_dir, port=free_base_port(), stac=StacSettings(**stac)
        )
        self.origin = Origin(self.settings)
        self.process: subprocess.Popen | None = None
        self._log = state_dir / "stac.log"
        self.start()

    def start(self) -> None:
        env = {
            **os.environ,
            "BORESIGHT_STATE_DIR": str(self.settings.state_dir),
            "BORESIGHT_PORT": str(self.settings.port),
            "BORESIGHT_STAC": self.settings.stac.model_dump_json(),
        }
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "boresight_hub.stac"], env=env, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(self.log())
            try:
                url = f"{self.settings.url_of('stac')}/services/stac/health"
                if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise RuntimeError(self.log())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=10)
        self.origin.close()

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def client(self, token: str | None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(
            base_url=self.settings.stac_url, headers=headers, timeout=60, trust_env=False
        )

    def href(self, collection: str, item: str, name: str = "image.tif") -> str:
        return f"{self.settings.s3_url}/catalogue/{collection}/{item}/{name}"


def polygon(west: float, south: float, size: float = 1.0) -> dict:
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def make_item(
    catalogue: Catalogue,
    collection: str,
    name: str,
    *,
    west: float = 10.0,
    south: float = 40.0,
    **properties: object,
) -> dict:
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": name,
        "collection": collection,
        "geometry": polygon(west, south),
        "bbox": [west, south, west + 1.0, south + 1.0],
        "properties": {"datetime": "2026-03-01T10:00:00Z", **properties},
        "assets": {
            "image": {
                "href": catalogue.href(collection, name),
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
                "title": "Image",
                "roles": ["data"],
            }
        },
        "links": [],
    }
