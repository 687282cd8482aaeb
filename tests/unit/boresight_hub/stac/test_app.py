"""The application, asked in its own process."""

import asyncio
import time

import httpx
import pytest

from boresight_hub.settings import HubSettings, StacSettings
from boresight_hub.stac.app import PREFIX, create_app
from boresight_hub.stac.sqlite.search import Searcher


@pytest.fixture
def settings(tmp_path):
    return HubSettings(state_dir=tmp_path)


def client_of(app) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url=f"http://inside{PREFIX}", timeout=30)


async def test_a_slow_search_holds_nobody_up(settings, monkeypatch):
    page = Searcher.page

    def slow(*args, **kwargs):
        time.sleep(1.0)
        return page(*args, **kwargs)

    monkeypatch.setattr(Searcher, "page", slow)
    async with client_of(create_app(settings)) as client:
        started = time.monotonic()
        searches = [asyncio.create_task(client.get("/search")) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert (await client.get("/health")).json() == {"status": "UP"}
        assert time.monotonic() - started < 0.9
        assert [(await search).status_code for search in searches] == [200] * 3
        assert time.monotonic() - started < 2.9, "they ran at the same time"


async def test_links_start_with_the_public_address_whoever_is_asked(settings):
    async with client_of(create_app(settings)) as client:
        hostile = {
            "Host": "evil.example",
            "X-Forwarded-Host": "evil.example",
            "Forwarded": "host=e",
        }
        for path in ("", "/", "/collections", "/search", "/queryables", "/conformance"):
            answer = await client.get(path, headers=hostile)
            assert answer.status_code == 200
            assert "evil" not in answer.text
            for link in answer.json().get("links", []):
                assert link["href"].startswith(settings.stac_url)
        moved = await client.get("/collections/", headers=hostile)
        assert "evil" not in moved.headers.get("location", "")


async def test_every_advertised_link_answers(settings):
    async with client_of(create_app(settings)) as client:
        links = (await client.get("")).json()["links"]
        assert {"self", "root", "data", "search", "conformance", "service-desc", "service-doc"} <= {
            link["rel"] for link in links
        }
        for link in links:
            path = link["href"].removeprefix(settings.stac_url)
            answer = await client.request(link.get("method", "GET"), path, json={})
            assert answer.status_code == 200, link
            assert answer.headers["content-type"].split(";")[0] == link["type"].split(";")[0], link


async def test_seeds_come_once(settings):
    create_app(settings)
    from boresight_hub.stac.sqlite.database import Database

    def names() -> set[str]:
        database = Database(settings.folder("stac") / "stac.sqlite")
        with database.reading() as connection:
            found = {name for (name,) in connection.execute("select id from collection")}
        database.close()
        return found

    assert names() == {"co3d-l1", "co3d-dsm", "sentinel2-l1"}
    database = Database(settings.folder("stac") / "stac.sqlite")
    with database.writing() as connection:
        connection.execute("delete from collection")
    database.close()
    create_app(settings)
    assert names() == set(), "what an admin deleted does not come back"


def test_no_seeds_when_not_wanted(tmp_path):
    app = create_app(HubSettings(state_dir=tmp_path, stac=StacSettings(seed=False)))
    assert app is not None


@pytest.mark.parametrize("pragma", ["user_version = 99", "user_version = 0"])
def test_a_database_that_is_not_ours_is_left_alone(settings, pragma):
    from boresight_hub.errors import StateError
    from boresight_hub.stac.sqlite.database import Database

    path = settings.folder("stac") / "stac.sqlite"
    database = Database(path)
    with database.writing() as connection:
        connection.execute("create table precious (x)")
    database.close()
    import sqlite3

    other = sqlite3.connect(path)
    other.execute(f"pragma {pragma}")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="version"):
        Database(path)
    assert path.read_bytes() == before
