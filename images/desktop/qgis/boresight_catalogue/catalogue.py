"""The catalogue, asked in the name of this desktop's user."""

from __future__ import annotations

from dataclasses import dataclass, field

from .surroundings import Surroundings, ask, token_of

_MOST = 200
_RASTER = ("image/tiff", "image/jp2", "image/vnd.stac.geotiff")


@dataclass(frozen=True)
class Wish:
    """What is searched for.

    Attributes
    ----------
    collection : str
        Its id; all when empty.
    words : str
        Part of an item's id.
    begin, end : str
        Days as ``2026-11-22``; open when empty.
    bbox : tuple of float
        West, south, east, north [deg]; everywhere when empty.
    """

    collection: str = ""
    words: str = ""
    begin: str = ""
    end: str = ""
    bbox: tuple[float, ...] = field(default=())

    def body(self) -> dict:
        """The search as the API takes it."""
        body: dict = {"limit": _MOST}
        if self.collection:
            body["collections"] = [self.collection]
        if self.begin or self.end:
            begin = f"{self.begin}T00:00:00Z" if self.begin else ".."
            end = f"{self.end}T23:59:59Z" if self.end else ".."
            body["datetime"] = f"{begin}/{end}"
        if self.bbox:
            body["bbox"] = [round(degrees, 7) for degrees in self.bbox]
        return body


class Catalogue:
    """The STAC API of the environment.

    Parameters
    ----------
    surroundings : Surroundings
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def collections(self) -> list[dict]:
        """Collections that this user may read, by title."""
        found = self._ask("/collections")["collections"]
        return sorted(found, key=lambda c: (c.get("title") or c["id"]).lower())

    def search(self, wish: Wish) -> list[dict]:
        """Items, newest first as the API gives them, at most 200."""
        items = self._ask("/search", wish.body())["features"]
        words = wish.words.strip().lower()
        return [item for item in items if words in item["id"].lower()]

    def item(self, collection: str, item: str) -> dict:
        """One item."""
        return self._ask(f"/collections/{collection}/items/{item}")

    def rasters(self, item: dict) -> dict[str, str]:
        """Assets of an item that QGIS can draw from our S3: their paths for GDAL."""
        found = {}
        for name, asset in item["assets"].items():
            kind = (asset.get("type") or "").split(";")[0].strip()
            path = self._surroundings.gdal_path(asset["href"])
            if path and kind in _RASTER:
                found[name] = path
        return found

    def _ask(self, path: str, content: object = None) -> dict:
        part = self._surroundings
        return ask(f"{part.stac_url}{path}", f"Bearer {token_of(part.stac_token_file)}", content)
