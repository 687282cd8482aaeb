"""STAC APIs of other vendors on loopback: static answers, and faults on demand."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_bounds

FIXTURES = Path(__file__).parents[2] / "extensions" / "jupyterlab-stac" / "tests" / "fixtures"
#: how long a slow one takes; other answers take seconds too where all processors are busy
SLOW_S = 20.0
VENDORS = {
    "earth-search": "Earth Search",
    "planetary-computer": "Planetary Computer",
    "cdse": "Copernicus Data Space",
}


class Vendors(ThreadingHTTPServer):
    """Serves the fixtures; ``faults`` says which vendor fails how.

    Parameters
    ----------
    files : Path
        Folder of assets.
    """

    daemon_threads = True

    def __init__(self, files: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.faults: dict[str, str] = {}
        self.searches: list[dict[str, Any]] = []

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def url(self, vendor: str) -> str:
        return f"http://{self.netloc}/{vendor}"

    def content(self, vendor: str, name: str) -> Any:
        """One fixture, with addresses of this server."""
        path = FIXTURES / vendor / f"{name}.json"
        if not path.exists():
            return None
        text = path.read_text()
        return json.loads(
            text.replace("{root}", self.url(vendor)).replace("{files}", self.url("files"))
        )


class _Handler(BaseHTTPRequestHandler):
    server: Vendors

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        vendor, _, path = parts.path.lstrip("/").partition("/")
        if vendor == "files":
            self._file(path)
            return
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        for name in ("ids", "collections"):
            if name in query:
                query[name] = query[name].split(",")
        self._answer(vendor, path, query)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        vendor, _, path = urlsplit(self.path).path.lstrip("/").partition("/")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(vendor, path, json.loads(body or b"{}"))

    def _answer(self, vendor: str, path: str, asked: dict[str, Any]) -> None:
        fault = self.server.faults.get(vendor, "") if path == "search" else ""
        if fault == "slow":
            time.sleep(SLOW_S)
        elif fault == "html":
            self._send(200, b"<h1>Welcome</h1>", "text/html")
            return
        elif fault:
            self._send(int(fault), b'{"detail": "no"}', "application/json")
            return
        name = path.strip("/") or "root"
        if name == "search":
            self.server.searches.append(asked)
            name = f"search-{1 if asked.get('next') else 0}"
        found = self.server.content(vendor, name)
        if found is not None and asked.get("ids"):
            pages = [self.server.content(vendor, f"search-{i}") for i in range(2)]
            every = [item for page in pages if page for item in page["features"]]
            found = {"type": "FeatureCollection", "links": [],
                     "features": [i for i in every if i["id"] in asked["ids"]]}  # fmt: skip
        if found is None:
            self._send(404, b'{"detail": "Not found"}', "application/json")
        else:
            self._send(200, json.dumps(found).encode(), "application/geo+json")

    def _file(self, name: str) -> None:
        path = self.server.files / name
        if not path.is_file():
            self._send(404, b"", "text/plain")
            return
        content = path.read_bytes()
        kind = "image/png" if name.endswith("png") else "image/tiff"
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            last = min(int(end) if end else len(content) - 1, len(content) - 1)
            part = content[int(begin) : last + 1]
            extent = {"Content-Range": f"bytes {begin}-{last}/{len(content)}"}
            self._send(206, part, kind, **extent)
        else:
            self._send(200, content, kind)

    def _send(self, status: int, content: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status == 429:
            self.send_header("Retry-After", "7")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            # who asked may have stopped to wait
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def vendors(folder: Path) -> Iterator[Vendors]:
    """Run the vendors' APIs; assets are written into ``folder``."""
    write_assets(folder)
    server = Vendors(folder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def write_assets(folder: Path) -> None:
    """Terrain of a few octaves: red band, colours, thumbnails."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(6)
    for name, bands, side, dtype, scale in (
        ("red.tif", 1, 1024, "uint16", 3000.0),
        ("visual.tif", 3, 512, "uint8", 200.0),
        *((f"thumbnail-{i}.png", 3, 128, "uint8", 220.0) for i in range(3)),
    ):
        terrain = _terrain(rng, side)
        tints = np.array([[1.0, 0.85, 0.6], [0.5, 0.8, 0.55], [0.45, 0.65, 0.9]])
        tint = tints[int(name[-5]) if name.startswith("thumb") else 0, :bands]
        data = (terrain[np.newaxis] * tint[:, np.newaxis, np.newaxis] * scale + 20).astype(dtype)
        if name.endswith("png"):
            Image.fromarray(np.moveaxis(data, 0, -1)).save(folder / name)
            continue
        bounds = from_bounds(6e5, 48e5, 6e5 + side * 10, 48e5 + side * 10, side, side)
        options: dict[str, Any] = {
            "driver": "GTiff",
            "crs": "EPSG:32631",
            "transform": bounds,
            "tiled": True,
            "blockxsize": 256,
            "blockysize": 256,
            "compress": "deflate",
            "nodata": 0,
        }
        with rasterio.open(
            folder / name, "w", width=side, height=side, count=bands, dtype=dtype, **options
        ) as image:
            image.write(data)
            image.build_overviews([2, 4])


def _terrain(rng: np.random.Generator, side: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    rows, cols = np.mgrid[0:side, 0:side] / side
    terrain = np.zeros((side, side))
    for octave in range(1, 6):
        a, b, phase, turn = rng.uniform(0.5, 1, 4)
        terrain += np.sin(2 * np.pi * (2**octave * (a * rows + turn * cols) / 2 + phase)) * np.cos(
            2 * np.pi * 2**octave * b * cols / 2
        ) / 1.7**octave  # fmt: skip
    low, high = terrain.min(), terrain.max()
    scaled: np.ndarray[Any, np.dtype[np.float64]] = (terrain - low) / (high - low)
    return scaled
