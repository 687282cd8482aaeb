"""A catalogue without the service around it: storage, rules and the layer of visibility."""

from __future__ import annotations

from pathlib import Path

from boresight_hub.settings import HubSettings, StacSettings
from boresight_hub.stac import cql2_nodes, cql2_sql, requests
from boresight_hub.stac.app import open_storage
from boresight_hub.stac.principal import Principal
from boresight_hub.stac.storage import Page, Query
from boresight_hub.stac.validation import Rules
from boresight_hub.stac.visibility import Catalogue

ADMIN = Principal(name="lea", groups=frozenset({"boresight-admins"}), is_admin=True)


class Shelf:
    """A catalogue in a file or in a database."""

    def __init__(self, folder: Path, **stac: object) -> None:
        self.settings = HubSettings(
            state_dir=folder,
            stac=StacSettings(
                **{"count_timeout_s": 5, "count_limit": 500, "query_timeout_s": 20} | stac
            ),
        )
        self.storage = open_storage(self.settings)
        self.rules, self.catalogue = Rules(self.settings), Catalogue(self.storage)

    def close(self) -> None:
        self.storage.close()

    def clear(self) -> None:
        """Remove every item and collection."""
        with self.storage.reading() as reading:
            homes = [collection.id for collection in reading.collections()]
        for home in homes:
            page = self.find(ADMIN, limit=10_000, collections=[home])
            with self.storage.writing(home) as writing:
                for item in page.items:
                    writing.delete_item(home, item["id"])
            self.catalogue.delete_collection(ADMIN, home, None)

    def add_collection(self, name: str, **groups: list[str]) -> None:
        document = {
            "type": "Collection",
            "stac_version": "1.1.0",
            "id": name,
            "description": name,
            "license": "other",
            "extent": {
                "spatial": {"bbox": [[-180, -90, 180, 90]]},
                "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
            },
            "links": [],
            **{f"boresight:{key}": value for key, value in groups.items()},
        }
        self.catalogue.create_collection(ADMIN, self.rules.collection(document))

    def add_items(self, collection: str, *items: dict) -> None:
        rows = [self.rules.item(item, collection) for item in items]
        self.catalogue.create_items(ADMIN, collection, rows)

    def query(self, **parameters: object) -> Query:
        return requests.query_of(self.settings.stac, self.storage.dialect, **parameters)

    def find(self, principal: Principal, **parameters: object) -> Page:
        return self.catalogue.page(principal, self.query(**parameters))

    def count(self, expression: object, home: str = "c") -> int:
        """Items of a collection that a filter holds for."""
        condition = cql2_sql.translate(self.storage.dialect, cql2_nodes.parse(expression))
        assert condition.sql.text.count("?") == len(condition.sql.values)
        order = self.query().order
        query = Query(order, limit=10_000, collections=[home], condition=condition)
        return len(self.catalogue.page(ADMIN, query).items)


def feature(name: str, geometry: dict | None = None, **properties: object) -> dict:
    geometry = geometry or {"type": "Point", "coordinates": [1.0, 1.0]}
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": name,
        "geometry": geometry,
        "bbox": [-180, -90, 180, 90],
        "properties": {"datetime": "2020-01-01T00:00:00Z", **properties},
        "assets": {},
        "links": [],
    }
