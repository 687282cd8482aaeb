"""What only the backend on PostgreSQL promises."""

import copy
import json
import subprocess
import sys
import time

import httpx
import pytest
from support import postgres as pg
from support.stac_shelf import Shelf, feature
from support.stac_stack import Catalogue, make_item

from boresight_hub.errors import StateError
from boresight_hub.settings import HubSettings, StacSettings
from boresight_hub.stac.app import open_storage
from boresight_hub.stac.problems import RequestError

pytestmark = pytest.mark.postgres

HOME = "/collections/co3d-l1"


@pytest.fixture
def server(postgres):
    """A server of the test's own, which it may stop."""
    made = pg.Postgres(pg.require())
    yield made
    made.close()


def settings_of(folder, server, **pgstac) -> dict:
    server.keep_secret(folder)
    made = server.settings(server.make_database())
    return {"backend": "pgstac", "pgstac": made.model_copy(update=pgstac)}


@pytest.fixture
def shelf(tmp_path, postgres):
    made = Shelf(tmp_path, seed=False, **settings_of(tmp_path, postgres))
    yield made
    made.close()


def test_setup_is_run_twice_without_harm(tmp_path, postgres):
    database = postgres.make_database()
    admin = postgres.admin(database).stac.pgstac
    env = {
        "PATH": "/usr/bin:/bin",
        "BORESIGHT_STAC__PGSTAC__HOST": admin.host,
        "BORESIGHT_STAC__PGSTAC__PORT": str(admin.port),
        "BORESIGHT_STAC__PGSTAC__DATABASE": database,
        "BORESIGHT_STAC__PGSTAC__SSLMODE": "disable",
    }

    def key() -> bytes:
        with postgres.connect(database) as connection:
            return connection.execute("select token_key from boresight.setting").fetchone()[0]

    before = key()
    command = [sys.executable, "-m", "boresight_hub.stac.pgstac.setup", "--user", "postgres"]
    done = subprocess.run(
        command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pgSTAC 0.10.")
    assert key() == before, "page tokens stay good"


def test_the_service_is_no_superuser_and_sees_no_other_database(tmp_path, postgres):
    import psycopg

    database = postgres.make_database()
    given = {
        "host": "127.0.0.1", "port": postgres.port, "dbname": database,
        "user": pg.SERVICE_USER, "password": postgres.password,
    }  # fmt: skip
    with psycopg.connect(**given) as connection:
        row = connection.execute(
            "select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles"
            " where rolname = current_user"
        ).fetchone()
        assert row == (False, False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update boresight.setting set version = 9")


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("update boresight.setting set version = 99", "0.10.0 and 99"),
        ("insert into pgstac.migrations values ('9.9.9', now() + interval '1 day')", "9.9.9 and 1"),
        ("drop schema boresight cascade", "nothing of the kind"),
    ],
)
def test_a_database_of_another_version_is_refused(tmp_path, postgres, statement, says):
    stac = settings_of(tmp_path, postgres)
    settings = HubSettings(state_dir=tmp_path, stac=StacSettings(**stac))
    open_storage(settings).close()
    with postgres.connect(stac["pgstac"].database) as connection:
        connection.execute(statement)
    with pytest.raises(StateError, match=r"stac\.pgstac\.setup") as refused:
        open_storage(settings)
    assert says in str(refused.value)


@pytest.mark.parametrize("change", [{"user": "somebody"}, {"database": "none"}, {"port": 1}])
def test_no_way_in_is_said_without_the_password(tmp_path, postgres, change, caplog):
    good = settings_of(tmp_path, postgres)
    open_storage(HubSettings(state_dir=tmp_path, stac=StacSettings(**good))).close()
    pgstac = good["pgstac"].model_copy(update=change)
    stac = StacSettings(backend="pgstac", pgstac=pgstac, query_timeout_s=2)
    caplog.set_level("DEBUG")
    with pytest.raises(StateError, match="BORESIGHT_STAC__PGSTAC") as refused:
        open_storage(HubSettings(state_dir=tmp_path, stac=stac))
    assert caplog.text, "the reason stands in the log"
    for text in (str(refused.value), caplog.text):
        assert postgres.password not in text


def test_a_server_that_restarts_is_an_outage_and_not_an_end(tmp_path, server):
    made = Catalogue(tmp_path, query_timeout_s=2, **settings_of(tmp_path, server))
    try:
        with made.client(made.origin.token("marie", "stac")) as client:
            assert client.get(HOME).status_code == 200
            server.stop()
            for path in (HOME, "/search", "/health"):
                answer = client.get(path)
                assert answer.status_code == 503, answer.text
                assert set(answer.json()) == {"code", "description", "remedy"}
                for word in ("postgres", "127.0.0.1", "boresight_stac"):
                    assert word not in answer.text
            server.start()
            deadline = time.monotonic() + 60
            while client.get(HOME).status_code != 200 and time.monotonic() < deadline:
                time.sleep(0.5)
            created = client.post(f"{HOME}/items", json=make_item(made, "co3d-l1", "after"))
            assert created.status_code == 201
        assert server.password not in made.log()
        assert "password" not in made.log()
    finally:
        made.close()


def test_two_replicas_are_one_catalogue(tmp_path, postgres):
    """Groups, items and page tokens of one are those of the other; one of two equal writes wins."""
    stac = settings_of(tmp_path, postgres)
    first = Catalogue(tmp_path, **stac)
    try:
        folder = tmp_path / "second"
        folder.mkdir()
        postgres.keep_secret(folder)
        second = Catalogue(folder, **stac)
        try:
            here = first.client(first.origin.token("lea", "stac"))
            there = second.client(second.origin.token("lea", "stac"))
            with here, there:
                for name in ("a", "b", "c"):
                    item = make_item(first, "co3d-l1", name)
                    assert here.post(f"{HOME}/items", json=item).status_code == 201
                page = there.get("/search?limit=1").json()
                href = next(link["href"] for link in page["links"] if link["rel"] == "next")
                query = href.split("?", 1)[1]
                assert here.get(f"/search?{query}").json()["features"][0]["id"] == "b"
                assert there.patch(HOME, json={"boresight:read_groups": []}).status_code == 204
                with first.client(first.origin.token("marie", "stac")) as marie:
                    assert marie.get(HOME).status_code == 404
        finally:
            second.close()
    finally:
        first.close()


STRANGE = {
    "numbers": [0, -1, 1.5, 1e-9, 123456789012345678, 1e16, 0.1, 5.0],
    "texts": [
        "",
        "ü",
        "日本",
        "\U0001f6f0",
        "a\"b\\c/d'e",
        "line\nline",
        "\x01",
        "null",
        "%s {} ?",
    ],
    "nothing": None,
    "deep": {"a": {"b": [{"c": None}, {}, []]}},
    "": "a name of nothing",
    "a.b": 1,
    "pgstac:base_item": 7,
}


def test_an_item_comes_back_as_it_was_sent(shelf, admin):
    """Also where it repeats, contradicts or lacks what the collection says of its items' assets."""
    shelf.add_collection("c")
    changed = json.loads(shelf.catalogue.collection(admin, "c").body) | {
        "item_assets": {
            "image": {"type": "image/tiff", "roles": ["data"], "title": "Image", "x": {"y": 1}},
            "absent": {"type": "text/plain"},
        }
    }
    shelf.catalogue.edit_collection(
        admin, "c", lambda _: changed, lambda raw: shelf.rules.collection(raw, "c"), None
    )
    base = f"{shelf.settings.s3_url}/catalogue/c/i"
    assets = [
        {"image": {"href": f"{base}/a.tif", "type": "image/tiff", "roles": ["data"]}},
        {"image": {"href": f"{base}/a.tif", "type": "image/png", "roles": ["data", "more"]}},
        {"image": {"href": f"{base}/a.tif", "title": None, "x": {}, "roles": []}},
        {"other": {"href": f"{base}/a.tif", "x": {"y": 1}}},
        {},
    ]
    geometries = [
        {"type": "Point", "coordinates": [1.123456789012345, -2.5]},
        {"type": "Point", "coordinates": [1.5, 2.5, 100.25]},
        {"type": "LineString", "coordinates": [[0.1, 0.2], [3, 4]]},
        None,
        {"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [1, 1], [0, 0]]]]},
    ]
    for number, (asset, geometry) in enumerate(zip(assets, geometries, strict=True)):
        item = feature(f"i{number}", **STRANGE) | {"assets": asset, "geometry": geometry}
        item["foreign"] = {"top": ["level"]}
        if geometry is None:
            del item["bbox"]
        sent = copy.deepcopy(item) | {"collection": "c"}
        shelf.add_items("c", item)
        stored = shelf.catalogue.item(admin, "c", f"i{number}")
        assert stored.document == sent
        (found,) = shelf.find(admin, ids=[f"i{number}"]).items
        assert found == sent
    # what the collection says of assets later changes no item that is there
    shelf.catalogue.edit_collection(
        admin, "c", lambda doc: doc | {"item_assets": {"image": {"z": 1}}},
        lambda raw: shelf.rules.collection(raw, "c"), None,
    )  # fmt: skip
    assert shelf.catalogue.item(admin, "c", "i4").document == sent


def test_the_etag_of_a_write_is_that_of_the_next_read(shelf, admin):
    shelf.add_collection("c")
    shelf.add_items("c", feature("i", value=1e16))
    etag = shelf.catalogue.edit_item(
        admin, "c", "i", lambda doc: doc | {"properties": doc["properties"] | {"w": 1e22}},
        lambda raw: shelf.rules.item(raw, "c", "i"), None,
    )  # fmt: skip
    assert shelf.catalogue.item(admin, "c", "i").etag == etag


def test_what_is_loaded_by_other_tools_is_the_admins_alone(tmp_path, postgres):
    """Groups in a document are none: only this service sets them."""
    stac = settings_of(tmp_path, postgres)
    made = Catalogue(tmp_path, **stac)
    try:
        lea = made.client(made.origin.token("lea", "stac"))
        marie = made.client(made.origin.token("marie", "stac"))
        with lea, marie:
            document = lea.get(HOME).json() | {"id": "loaded", "links": []}
            assert document["boresight:read_groups"] == ["co3d-calibration"]
            item = make_item(made, "loaded", "i")
            with postgres.connect(stac["pgstac"].database) as connection:
                for function, body in (("create_collection", document), ("create_item", item)):
                    connection.execute(f"select pgstac.{function}(%s::jsonb)", (json.dumps(body),))
            assert lea.get("/collections/loaded/items/i").status_code == 200
            assert lea.get("/collections/loaded").json()["boresight:read_groups"] == []
            for path in ("/collections/loaded", "/collections/loaded/items/i"):
                assert marie.get(path).status_code == 404
            assert not marie.get("/search?ids=i").json()["features"]
            opened = {"boresight:read_groups": ["co3d-calibration"]}
            assert lea.patch("/collections/loaded", json=opened).status_code == 204
            assert "boresight:read_groups" not in marie.get("/collections/loaded").json()
            assert len(marie.get("/search?ids=i").json()["features"]) == 1
    finally:
        made.close()


def test_a_search_touches_no_partition_of_others(shelf, admin):
    """So that neither an error nor the time a filter takes tells of what others keep."""
    from boresight_hub.stac.pgstac.connections import run
    from boresight_hub.stac.sql import Sql, merge

    for name in ("mine", "theirs"):
        shelf.add_collection(name)
        shelf.add_items(name, feature("i", number=5))
    query = shelf.query(filter_expr="number > 1 AND S_INTERSECTS(geometry, BBOX(0,0,2,2))")
    searcher = shelf.storage._searcher
    with shelf.storage.reading() as reading:
        run_on = reading._connection
        partitions = dict(
            run_on.execute("select collection, partition from pgstac.partition_stats").fetchall()
        )
        for scope, touched in ((["mine"], ["mine"]), (["mine", "theirs"], ["mine", "theirs"])):
            where = searcher._where(scope, query)
            sql = merge("explain select from pgstac.items item where {}", where)
            plan = "\n".join(line for (line,) in run(run_on, Sql(sql.text, sql.values)))
            assert {c for c, name in partitions.items() if name in plan} == set(touched), plan


def test_a_filter_that_cannot_be_computed_is_refused(shelf, admin):
    shelf.add_collection("c")
    shelf.add_items("c", feature("i", big=1e300))
    assert shelf.count("big * big > 0") == 1
    product: dict = {"property": "big"}
    for _ in range(10):  # a product of 1024 factors, and flat
        product = {"op": "*", "args": [product, product]}
    with pytest.raises(RequestError, match="too large"):
        shelf.count({"op": ">", "args": [product, 0]})
    assert shelf.count("big > 0") == 1, "the connection is as good as new"


def test_memory_at_rest(tmp_path, postgres):
    import psutil

    made = Catalogue(tmp_path, **settings_of(tmp_path, postgres))
    try:
        with httpx.Client(trust_env=False) as client:
            url = f"{made.settings.url_of('stac')}/services/stac/health"
            assert client.get(url).json() == {"status": "UP"}
        # of its own: libraries are shared with the other services
        memory = psutil.Process(made.process.pid).memory_info()
        assert (memory.rss - memory.shared) / 2**20 < 80
    finally:
        made.close()
