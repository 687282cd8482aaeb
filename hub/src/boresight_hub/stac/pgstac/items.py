"""Items between our documents and pgSTAC's rows.

pgSTAC keeps of an item what differs from its *base item*: what the collection says of its items'
assets, at the time of writing. Taking apart and putting together are done here, by pgSTAC's own
package: the server's functions take milliseconds for each item, and lose every null. Where what
was taken apart would not come together again as it was, the document is kept whole beside it, in
``private``, which no client sees.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from typing import Any

from pypgstac.hydration import dehydrate, hydrate

from boresight_hub.stac.pgstac.connections import Connection, run
from boresight_hub.stac.pgstac.dialect import instant_text
from boresight_hub.stac.sql import Sql, merge
from boresight_hub.stac.texts import assemble, to_json
from boresight_hub.stac.validation import ItemRow

_OWN_COLUMNS = ("id", "geometry", "collection", "type")
_TAG = "pgstac:base_item"
_NO_GEOMETRY = {"type": "GeometryCollection", "geometries": []}
_SENT = (
    "jsonb_to_recordset(?::jsonb) as r(id text, geometry text, first timestamptz,"
    " last timestamptz, content jsonb, private jsonb)"
)


def columns(row: str) -> str:
    """Columns that :func:`documents` makes items of."""
    geometry = f"ST_AsGeoJSON({row}.geometry, 20)::jsonb"
    return f"{row}.id, {row}.collection, {geometry}, {row}.content, {row}.private->'boresight'"


def documents(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Items of rows of :func:`columns`."""
    rows = list(rows)
    bases = _bases(connection, sorted({row[1] for row in rows})) if rows else {}
    return [_presentable(_document(bases, *row[:5])) for row in rows]


def insert(connection: Connection, home: str, rows: Sequence[ItemRow]) -> None:
    """Keep items that are not there, in partitions made for them."""
    if not rows:
        return
    tag, base = _current_base(connection, home)
    sent = Sql(_SENT, (to_json([_row(row, tag, base) for row in rows]),))
    name = Sql("?::text", (home,))
    partitions = merge(
        "select pgstac.check_partition({}, part.firsts, part.lasts) from ("
        "select coalesce(date_trunc(c.partition_trunc, r.first), '-infinity') as start,"
        " tstzrange(min(r.first), max(r.first), '[]') as firsts,"
        " tstzrange(min(r.last), max(r.last), '[]') as lasts"
        " from {}, pgstac.collections c where c.id = {} group by 1 order by 1) part",
        name,
        sent,
        name,
    )
    run(connection, partitions)
    kept = merge(
        "insert into pgstac.items"
        " (id, geometry, collection, datetime, end_datetime, content, private)"
        " select r.id, ST_GeomFromGeoJSON(r.geometry), {}, r.first, r.last, r.content, r.private"
        " from {}",
        name,
        sent,
    )
    run(connection, kept)


def delete(connection: Connection, home: str, ids: Sequence[str]) -> None:
    """Remove items."""
    where = Sql("collection = ?::text and id = any(?::text[])", (home, list(ids)))
    run(connection, merge("delete from pgstac.items where {}", where))


def _row(row: ItemRow, tag: int | None, base: dict[str, Any]) -> dict[str, Any]:
    document = assemble(row.body, row.properties)
    geometry = document.get("geometry")
    content = dehydrate(base, document)
    for name in _OWN_COLUMNS:
        content.pop(name, None)
    if tag is not None:
        content[_TAG] = tag
    home = document["collection"]
    parts = copy.deepcopy(content)
    again = _document({(home, tag): base}, row.id, home, geometry, parts, None)
    return {
        "id": row.id,
        "geometry": to_json(geometry or _NO_GEOMETRY),
        "first": instant_text(row.start_us),
        "last": instant_text(row.end_us),
        "content": content,
        "private": None if _spelled(again) == _spelled(document) else {"boresight": document},
    }


def _document(
    bases: dict[tuple[str, int | None], dict[str, Any]],
    name: str,
    home: str,
    geometry: Any,
    content: dict[str, Any],
    whole: dict[str, Any] | None,
) -> dict[str, Any]:
    if whole is not None:
        return whole
    tag = content.get(_TAG)
    base = bases[home, tag] if (home, tag) in bases else bases[home, None]
    parts = {key: value for key, value in content.items() if key != _TAG}
    document: dict[str, Any] = hydrate(
        copy.deepcopy(base),
        {**parts, "id": name, "geometry": geometry, "collection": home, "type": "Feature"},
    )
    return document


def _presentable(document: dict[str, Any]) -> dict[str, Any]:
    if document.get("geometry") == _NO_GEOMETRY:
        document["geometry"] = None
    return document


def _bases(
    connection: Connection, homes: list[str]
) -> dict[tuple[str, int | None], dict[str, Any]]:
    """Base items by collection and tag; what has no tag was written before the first edit."""
    found: dict[tuple[str, int | None], dict[str, Any]] = {}
    current = Sql(
        "select id, base_item from pgstac.collections where id = any(?::text[])", (homes,)
    )
    for home, base in run(connection, current):
        found[home, None] = base
    edited = Sql(
        "select collection, id, base_item from pgstac.base_items where collection = any(?::text[])"
        " order by id desc",
        (homes,),
    )
    for home, tag, base in run(connection, edited):
        found[home, tag] = found[home, None] = base
    return found


def _current_base(connection: Connection, home: str) -> tuple[int | None, dict[str, Any]]:
    sql = Sql("select base_item_id, base_item from pgstac.current_base_item(?::text)", (home,))
    tag, base = run(connection, sql).fetchone() or (None, {})
    return tag, base


def _spelled(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)
