"""The same suite over both backends: `backend` is what every fixture here is made on."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from support import postgres as pg
from support.stac_shelf import ADMIN, Shelf, feature
from support.stac_stack import FOREIGN, Catalogue

from boresight_hub.settings import HubSettings
from boresight_hub.stac.principal import Principal


class Backend:
    """Makes settings of one backend: each call is another, empty catalogue."""

    def __init__(self, name: str, server: pg.Postgres | None) -> None:
        self.name, self.server = name, server

    def __call__(self, state_dir: Path) -> dict[str, Any]:
        if self.server is None:
            return {"backend": "sqlite"}
        self.server.keep_secret(state_dir)
        return {
            "backend": "pgstac",
            "pgstac": self.server.settings(self.server.make_database()),
        }

    def execute(self, settings: HubSettings, statement: str) -> None:
        """Do something to the database behind the service's back."""
        if self.server is None:
            with sqlite3.connect(settings.state_dir / "stac" / "stac.sqlite") as connection:
                connection.execute(statement)
            connection.close()
            return
        statement = statement.replace("table item ", "table pgstac.items ")
        with self.server.connect(settings.stac.pgstac.database) as connection:
            connection.execute(statement)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("pgstac", marks=pytest.mark.postgres)]
)
def backend(request: pytest.FixtureRequest) -> Backend:
    server = request.getfixturevalue("postgres") if request.param == "pgstac" else None
    return Backend(request.param, server)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Catalogue]:
    state_dir = tmp_path_factory.mktemp("state")
    made = Catalogue(
        state_dir,
        foreign_asset_prefixes=(FOREIGN,),
        max_body_bytes=4 * 2**20,
        count_timeout_s=5,  # counts are asserted
        **backend(state_dir),
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def people(catalogue: Catalogue) -> Iterator[SimpleNamespace]:
    """Clients of everybody who may come, by name."""
    token = catalogue.origin.token
    tokens = {
        **{name: token(name, "stac") for name in ("marie", "paul", "lea", "nobody")},
        "access": token(None, "stac"),
        "other_service": token(None, "stac", azp="hub"),
        "anonymous": None,
    }
    clients: dict[str, httpx.Client] = {k: catalogue.client(v) for k, v in tokens.items()}
    yield SimpleNamespace(**clients, tokens=tokens)
    for client in clients.values():
        client.close()


@pytest.fixture(scope="module")
def empty_shelf(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[Shelf]:
    folder = tmp_path_factory.mktemp("shelf")
    made = Shelf(folder, seed=False, **backend(folder))
    yield made
    made.close()


@pytest.fixture
def shelf(empty_shelf: Shelf) -> Iterator[Shelf]:
    """A catalogue with the collection `c`, and nothing in it."""
    empty_shelf.add_collection("c")
    yield empty_shelf
    empty_shelf.clear()


@pytest.fixture(scope="session")
def make_feature() -> Callable[..., dict]:
    return feature


@pytest.fixture(scope="session")
def admin() -> Principal:
    return ADMIN
