"""Load rate and search latency of the catalogue on both backends, as one JSON record.

``python tests/bench/stac_search.py [--items N] [--record DIR] [--backends sqlite pgstac]``. What
is timed is a whole page at the level of the catalogue, from the parameters of a request to the
items in memory, the check of who may see them and the count included; not HTTP, not the token of
the person. Items and queries are random and the same in every run and on each backend: ground
tracks over two years, one collection. pgSTAC runs on a server of its own (an ordinary temporary
one, durable commits on), analysed after loading; where there is none it is left out, unless
BORESIGHT_REQUIRE_POSTGRES says that it has to be there.
"""

import argparse
import json
import os
import platform
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support import postgres

from boresight_hub.settings import HubSettings, StacSettings
from boresight_hub.stac import requests
from boresight_hub.stac.app import open_storage
from boresight_hub.stac.principal import Principal
from boresight_hub.stac.storage import Page
from boresight_hub.stac.validation import Rules
from boresight_hub.stac.visibility import Catalogue

START = datetime(2024, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=730)
SITES = ("La Crau", "Gobabeb", "Railroad Valley", "Ventoux", "Gizeh")
ADMIN = Principal(name="bench", is_admin=True)
CHUNK = 2_000
ROUNDS = 60


def items(count: int, settings: HubSettings) -> Iterator[dict]:
    rng = random.Random(20261121)
    for number in range(count):
        west, south = rng.uniform(-180, 179.7), rng.uniform(-70, 70)
        east, north = west + 0.3, south + 0.3
        skew = rng.uniform(0, 0.05)
        at = START + SPAN * rng.random()
        name = f"scene-{number:07d}"
        ring = [[west + skew, south], [east, south], [east - skew, north], [west, north]]
        base = f"{settings.s3_url}/catalogue/co3d-l1/{name}"
        yield {
            "type": "Feature",
            "stac_version": "1.1.0",
            "stac_extensions": ["https://stac-extensions.github.io/eo/v1.1.0/schema.json"],
            "id": name,
            "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            "bbox": [west, south, east, north],
            "properties": {
                "datetime": at.isoformat().replace("+00:00", "Z"),
                "platform": f"co3d-{number % 4 + 1}",
                "instruments": ["co3d-optical"],
                "gsd": 0.5,
                "eo:cloud_cover": round(rng.betavariate(0.5, 1.5) * 100, 2),
                "view:off_nadir": round(rng.uniform(0, 25), 2),
                "view:sun_elevation": round(rng.uniform(20, 70), 2),
                "site": rng.choice(SITES),
            },
            "assets": {
                "image": {"href": f"{base}/image.tif", "type": "image/tiff", "roles": ["data"]},
                "thumbnail": {"href": f"{base}/t.png", "roles": ["thumbnail"]},
            },
            "links": [],
        }


def load(catalogue: Catalogue, rules: Rules, settings: HubSettings, count: int) -> float:
    """Seconds it takes to check and keep ``count`` items, in commits of ``CHUNK``."""
    took = 0.0
    chunk: list[dict] = []
    for item in items(count, settings):
        chunk.append(item)
        if len(chunk) == CHUNK:
            took += keep(catalogue, rules, chunk)
            chunk = []
    return took + keep(catalogue, rules, chunk)


def keep(catalogue: Catalogue, rules: Rules, chunk: list[dict]) -> float:
    started = time.perf_counter()
    rows = [rules.item(item, "co3d-l1") for item in chunk]
    catalogue.bulk(ADMIN, "co3d-l1", rows, upsert=False)
    return time.perf_counter() - started


def searches(settings: StacSettings) -> dict[str, Callable[[random.Random], dict]]:
    def place(rng: random.Random) -> list[float]:
        west, south = rng.uniform(-170, 150), rng.uniform(-60, 50)
        return [west, south, west + 20, south + 15]

    def months(rng: random.Random) -> str:
        start = START + (SPAN - timedelta(days=120)) * rng.random()
        ends = (start, start + timedelta(days=120))
        return "/".join(end.isoformat().replace("+00:00", "Z") for end in ends)

    return {
        "bbox_datetime": lambda rng: {"bbox": place(rng), "datetime": months(rng), "limit": 100},
        "bbox_only": lambda rng: {"bbox": place(rng), "limit": 100},
        "datetime_only": lambda rng: {"datetime": months(rng), "limit": 100},
        "cql2_indexed": lambda rng: {
            "filter_expr": f"eo:cloud_cover < {rng.uniform(0.001, 5)}"
            f" AND site = '{rng.choice(SITES)}'"
        },
        "cql2_unindexed": lambda rng: {
            "filter_expr": f"view:off_nadir < {rng.uniform(2, 5)} AND view:sun_elevation > 60"
        },
        "cql2_spatial": lambda rng: {
            "filter_expr": "S_INTERSECTS(geometry, BBOX({},{},{},{}))".format(*place(rng))
            + " AND eo:cloud_cover < 20"
        },
        "sort_indexed": lambda rng: {
            "sortby": [("eo:cloud_cover", rng.random() < 0.5)], "limit": 50
        },
        "sort_unindexed_in_bbox": lambda rng: {
            "bbox": place(rng), "sortby": [("view:off_nadir", False)], "limit": 50
        },
        "by_id": lambda rng: {"ids": [f"scene-{rng.randrange(10_000):07d}"]},
    }  # fmt: skip


def timed(run: Callable[[], Page]) -> tuple[float, Page]:
    started = time.perf_counter()
    page = run()
    return (time.perf_counter() - started) * 1000, page


def summary(times_ms: list[float], **more: object) -> dict:
    ordered = sorted(times_ms)
    return {
        "p50_ms": round(statistics.median(ordered), 2),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 2),
        "max_ms": round(ordered[-1], 2),
        **more,
    }


def measure(catalogue: Catalogue, settings: StacSettings, rounds: int) -> dict:
    record = {}
    for name, draw in searches(settings).items():
        rng = random.Random(7)
        times, found = [], []
        for _ in range(rounds):
            parameters = draw(rng)
            query = requests.query_of(settings, catalogue.dialect, **parameters)
            took, page = timed(lambda q=query: catalogue.page(ADMIN, q))
            times.append(took)
            found.append(len(page.items))
        record[name] = summary(times, mean_items=round(statistics.mean(found), 1))
    return record


def deep_paging(catalogue: Catalogue, settings: StacSettings, count: int) -> dict:
    """Pages from the front to the far end: the last has to be as quick as the first."""
    times, token, seen = [], None, 0
    pages = min(400, max(2, count // 100))
    while len(times) < pages:
        query = requests.query_of(settings, catalogue.dialect, limit=100, token=token)
        took, page = timed(lambda q=query: catalogue.page(ADMIN, q))
        times.append(took)
        seen += len(page.items)
        if page.following is None:
            break
        token = dict(catalogue.tokens(ADMIN, query, page))["next"]
    quarter = max(1, len(times) // 4)
    return summary(
        times,
        pages=len(times),
        items=seen,
        first_quarter_p50_ms=round(statistics.median(times[:quarter]), 2),
        last_quarter_p50_ms=round(statistics.median(times[-quarter:]), 2),
    )


class OnSqlite:
    """An empty catalogue in a file."""

    name = "sqlite"
    version = sqlite3.sqlite_version

    def __init__(self, folder: Path) -> None:
        self.stac: dict[str, Any] = {"backend": "sqlite"}
        self._file = folder / "stac" / "stac.sqlite"

    def settle(self) -> float:
        """Nothing to do after loading."""
        return 0.0

    def size_mb(self) -> float:
        return self._file.stat().st_size / 1e6

    def close(self) -> None:
        pass


class OnPgstac:
    """An empty catalogue on a server of our own."""

    name = "pgstac"

    def __init__(self, folder: Path) -> None:
        self._server = postgres.Postgres(postgres.programs(), durable=True)
        self._server.keep_secret(folder)
        self._database = self._server.make_database()
        self.stac = {"backend": "pgstac", "pgstac": self._server.settings(self._database)}
        self.version = str(self._ask("select version() || ', PostGIS ' || postgis_lib_version()"))

    def settle(self) -> float:
        """What autovacuum does on a server that has the time [s]."""
        started = time.perf_counter()
        self._ask("vacuum analyze")
        return time.perf_counter() - started

    def size_mb(self) -> float:
        return int(self._ask("select pg_database_size(current_database())")) / 1e6

    def close(self) -> None:
        self._server.close()

    def _ask(self, statement: str) -> Any:
        with self._server.connect(self._database) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None


BACKENDS = {"sqlite": OnSqlite, "pgstac": OnPgstac}


@contextmanager
def prepared(name: str) -> Iterator[tuple[HubSettings, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        backend = BACKENDS[name](Path(folder))
        try:
            stac = StacSettings(**backend.stac, query_timeout_s=60)
            yield HubSettings(state_dir=Path(folder), stac=stac), backend
        finally:
            backend.close()


def record_of(name: str, count: int, rounds: int) -> dict:
    with prepared(name) as (settings, backend):
        storage = open_storage(settings)
        rules, catalogue = Rules(settings), Catalogue(storage)
        catalogue.create_collection(ADMIN, rules.collection(COLLECTION))
        took_s = load(catalogue, rules, settings, count)
        record = {
            "version": backend.version,
            "load_s": round(took_s, 2),
            "load_items_per_s": round(count / took_s),
            "settle_s": round(backend.settle(), 2),
            "database_mb": round(backend.size_mb(), 1),
            "searches": measure(catalogue, settings.stac, rounds),
            "deep_paging": deep_paging(catalogue, settings.stac, count),
        }
        storage.close()
    return record


def ratios(records: dict[str, dict]) -> dict:
    """How many times as long pgSTAC takes as SQLite."""
    ours, theirs = records["sqlite"], records["pgstac"]
    cases = {
        **{name: (one, theirs["searches"][name]) for name, one in ours["searches"].items()},
        "deep_paging": (ours["deep_paging"], theirs["deep_paging"]),
    }
    return {
        name: {key: round(b[key] / max(a[key], 0.01), 2) for key in ("p50_ms", "p95_ms")}
        for name, (a, b) in cases.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--record", type=Path, help="folder the record is kept in as well")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    arguments = parser.parse_args()
    wanted = list(arguments.backends)
    if "pgstac" in wanted and postgres.programs() is None:
        if os.environ.get("BORESIGHT_REQUIRE_POSTGRES"):
            sys.exit("no PostgreSQL with PostGIS here: apt install postgresql-15-postgis-3")
        wanted.remove("pgstac")
    records = {name: record_of(name, arguments.items, arguments.rounds) for name in wanted}
    record = {
        "bench": "stac_search",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "items": arguments.items,
        "python": platform.python_version(),
        "backends": records,
        "pgstac_to_sqlite": ratios(records) if len(records) == 2 else None,
        "max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    text = json.dumps(record, indent=2)
    sys.stdout.write(text + "\n")
    if arguments.record:
        day = record["date"][:10]
        name = f"stac_search-{day}-{arguments.items}.json"
        (arguments.record / name).write_text(text + "\n")


COLLECTION = {
    "type": "Collection",
    "stac_version": "1.1.0",
    "id": "co3d-l1",
    "description": "Random scenes",
    "license": "other",
    "extent": {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [["2024-01-01T00:00:00Z", None]]},
    },
    "links": [],
}


if __name__ == "__main__":
    main()
