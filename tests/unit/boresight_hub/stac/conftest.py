from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from boresight_hub.settings import HubSettings, StacSettings
from boresight_hub.stac.database import Database
from boresight_hub.stac.principal import Principal
from boresight_hub.stac.search import Searcher
from boresight_hub.stac.store import Store
from boresight_hub.stac.validation import Rules

ADMIN = Principal(name="lea", groups=frozenset({"boresight-admins"}), is_admin=True)


class Shelf:
    """A catalogue in a file, without the service around it."""

    def __init__(self, folder: Path) -> None:
        self.settings = HubSettings(
            state_dir=folder, stac=StacSettings(count_timeout_s=5, count_limit=500)
        )
        self.database = Database(folder / "stac.sqlite", query_timeout_s=20)
        self.rules, self.store = Rules(self.settings), Store(self.database)
        self.searcher = Searcher(
            self.database,
            count_limit=self.settings.stac.count_limit,
            count_timeout_s=self.settings.stac.count_timeout_s,
        )

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
        self.store.create_collection(ADMIN, self.rules.collection(document))

    def add_items(self, collection: str, *items: dict) -> None:
        rows = [self.rules.item(item, collection) for item in items]
        self.store.create_items(ADMIN, collection, rows)


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


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    made.add_collection("c")
    yield made
    made.database.close()


@pytest.fixture
def make_feature() -> Callable[..., dict]:
    return feature


@pytest.fixture
def admin() -> Principal:
    return ADMIN
