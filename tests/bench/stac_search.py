"""Load rate and search latency of the catalogue's database, as one JSON record.

``python tests/bench/stac_search.py [--items N] [--record DIR]``. What is timed is a whole page at
the level of the database, from the parameters of a request to the items in memory, the count
included; not HTTP, not the token. Items are random and the same in every run: ground tracks over
two years, one collection in four groups of areas.
"""

import argparse
import json
import platform
import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from boresight_hub.stac.database import Database
from boresight_hub.stac.search import Page, Searcher
from boresight_hub.stac.store import Store

from boresight_hub.settings import HubSettings, StacSettings
from boresight_hub.stac import paging, requests
from boresight_hub.stac.principal import Principal
from boresight_hub.stac.validation import Rules

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


def load(store: Store, rules: Rules, settings: HubSettings, count: int) -> float:
    """Seconds it takes to check and keep ``count`` items, in commits of ``CHUNK``."""
    took = 0.0
    chunk: list[dict] = []
    for item in items(count, settings):
        chunk.append(item)
        if len(chunk) == CHUNK:
            took += keep(store, rules, chunk)
            chunk = []
    return took + keep(store, rules, chunk)


def keep(store: Store, rules: Rules, chunk: list[dict]) -> float:
    started = time.perf_counter()
    store.bulk(ADMIN, "co3d-l1", [rules.item(item, "co3d-l1") for item in chunk], upsert=False)
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


def measure(searcher: Searcher, settings: StacSettings, rounds: int) -> dict:
    record = {}
    for name, draw in searches(settings).items():
        rng = random.Random(7)
        times, found = [], []
        for _ in range(rounds):
            parameters = draw(rng)
            took, page = timed(
                lambda p=parameters: searcher.page(ADMIN, requests.query_of(settings, **p))
            )
            times.append(took)
            found.append(len(page.items))
        record[name] = summary(times, mean_items=round(statistics.mean(found), 1))
    return record


def deep_paging(searcher: Searcher, settings: StacSettings, count: int) -> dict:
    """Pages from the front to the far end: the last has to be as quick as the first."""
    times, token, seen = [], None, 0
    pages = min(400, max(2, count // 100))
    while len(times) < pages:
        query = requests.query_of(settings, limit=100, token=token)
        took, page = timed(lambda q=query: searcher.page(ADMIN, q))
        times.append(took)
        seen += len(page.items)
        if page.following is None:
            break
        token = paging.encode(query.order, page.following)
    quarter = max(1, len(times) // 4)
    return summary(
        times,
        pages=len(times),
        items=seen,
        first_quarter_p50_ms=round(statistics.median(times[:quarter]), 2),
        last_quarter_p50_ms=round(statistics.median(times[-quarter:]), 2),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--record", type=Path, help="folder the record is kept in as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = HubSettings(state_dir=Path(folder))
        path = settings.folder("stac") / "stac.sqlite"
        database = Database(path, query_timeout_s=60)
        rules, store = Rules(settings), Store(database)
        store.create_collection(ADMIN, rules.collection(COLLECTION))
        took_s = load(store, rules, settings, arguments.items)
        searcher = Searcher(
            database,
            count_limit=settings.stac.count_limit,
            count_timeout_s=settings.stac.count_timeout_s,
        )
        record = {
            "bench": "stac_search",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "items": arguments.items,
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "load_s": round(took_s, 2),
            "load_items_per_s": round(arguments.items / took_s),
            "database_mb": round(path.stat().st_size / 1e6, 1),
            "searches": measure(searcher, settings.stac, arguments.rounds),
            "deep_paging": deep_paging(searcher, settings.stac, arguments.items),
            "max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        database.close()
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
