"""Links of the STAC API. They all start with the public address of the catalogue."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

JSON = "application/json"
GEOJSON = "application/geo+json"
SCHEMA = "application/schema+json"
QUERYABLES_REL = "http://www.opengis.net/def/rel/ogc/1.0/queryables"

Link = dict[str, Any]


class Links:
    """Makes links below ``root``, the public address without slash at the end."""

    def __init__(self, root: str) -> None:
        self.root = root

    def url(self, *parts: str) -> str:
        """Address of a path below the root; each part is quoted."""
        return "/".join((self.root, *(quote(part, safe="") for part in parts)))

    def landing(self) -> list[Link]:
        """Links of the landing page."""
        return [
            self._root("self", "This document"),
            self._root("root"),
            _link("data", JSON, self.url("collections"), title="Collections"),
            _link("conformance", JSON, self.url("conformance")),
            _link("search", GEOJSON, self.url("search"), method="GET", title="Item search"),
            _link("search", GEOJSON, self.url("search"), method="POST", title="Item search"),
            _link(QUERYABLES_REL, SCHEMA, self.url("queryables"), title="Queryables"),
            _link(
                "service-desc",
                "application/vnd.oai.openapi+json;version=3.0",
                self.url("api"),
                title="OpenAPI description",
            ),
            _link("service-doc", "text/html", self.url("api.html"), title="Documentation"),
        ]

    def collections(self) -> list[Link]:
        """Links of the list of collections."""
        return [
            self._root("root"),
            _link("self", JSON, self.url("collections")),
            self._root("parent"),
        ]

    def collection(self, document: dict[str, Any]) -> dict[str, Any]:
        """Put links into a collection."""
        name = document["id"]
        own = document.get("links") or []
        document["links"] = [
            _link("self", JSON, self.url("collections", name)),
            self._root("root"),
            self._root("parent"),
            _link("items", GEOJSON, self.url("collections", name, "items")),
            _link(QUERYABLES_REL, SCHEMA, self.url("collections", name, "queryables")),
            *own,
        ]
        return document

    def item(self, document: dict[str, Any]) -> dict[str, Any]:
        """Put links into an item."""
        home, name = document["collection"], document["id"]
        own = document.get("links") or []
        document["links"] = [
            _link("self", GEOJSON, self.url("collections", home, "items", name)),
            self._root("root"),
            _link("parent", JSON, self.url("collections", home)),
            _link("collection", JSON, self.url("collections", home)),
            *own,
        ]
        return document

    def _root(self, rel: str, title: str = "Boresight catalogue") -> Link:
        return _link(rel, JSON, self.root, title=title)


def _link(rel: str, media_type: str, href: str, **more: str) -> Link:
    return {"rel": rel, "type": media_type, "href": href, **more}
