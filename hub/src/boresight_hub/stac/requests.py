"""From requests of the STAC API to a :class:`~boresight_hub.stac.storage.Query`.

Search parameters are checked here and not by the framework's models, so that every refusal says
which value broke which rule.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from boresight_hub.settings import StacSettings
from boresight_hub.stac import cql2_nodes, cql2_sql, instants, paging, spatial
from boresight_hub.stac.cql2_nodes import Node
from boresight_hub.stac.cql2_sql import Condition
from boresight_hub.stac.dialect import Dialect
from boresight_hub.stac.problems import RequestError
from boresight_hub.stac.storage import MAX_IDS, Query

_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_QUERY_OPS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_QUERY_PATTERNS = {"startsWith": "{}%", "endsWith": "%{}", "contains": "%{}%"}
_MAX_COLLECTIONS = 1_000
_MAX_QUERY = 100


def query_of(
    settings: StacSettings,
    dialect: Dialect,
    *,
    collections: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    bbox: Sequence[float] | None = None,
    intersects: object = None,
    datetime: str | None = None,
    limit: int | None = None,
    token: str | None = None,
    sortby: Sequence[tuple[str, bool]] = (),
    query: object = None,
    filter_expr: str | Mapping[str, Any] | None = None,
    filter_crs: str | None = None,
) -> Query:
    """Check the parameters of a search.

    Raises
    ------
    RequestError, Cql2Error
        When one of them breaks a rule.
    """
    _check_unicode([collections, ids, intersects, datetime, token, sortby, query, filter_expr])
    return Query(
        order=paging.order_of(dialect, sortby),
        limit=_limit(settings, limit),
        collections=_names(collections, "collections", _MAX_COLLECTIONS),
        ids=_names(ids, "ids", MAX_IDS),
        area=_area(bbox, intersects),
        time_us=_time(datetime),
        condition=_condition(dialect, query, filter_expr, filter_crs),
        token=token or None,
    )


def sort_terms(terms: Sequence[str] | None) -> list[tuple[str, bool]]:
    """Pairs of field and whether descending of a GET parameter: ``a``, ``+a``, ``-a``."""
    return [(term.lstrip("+- "), term.startswith("-")) for term in terms or () if term.strip("+- ")]


def bbox_of_get(value: str | None) -> list[float] | None:
    """Numbers of a GET parameter with commas between.

    Raises
    ------
    RequestError
    """
    if not value:
        return None
    try:
        return [float(part) for part in value.split(",")]
    except ValueError as exc:
        raise RequestError(
            f"The bbox {value[:100]!r} is not 4 or 6 numbers with commas between."
        ) from exc


def names_of_get(value: str | None) -> list[str] | None:
    """Names of a GET parameter with commas between."""
    return [name for name in value.split(",") if name] or None if value else None


def filter_of_get(
    filter_expr: str | None, filter_lang: str | None
) -> str | Mapping[str, Any] | None:
    """Filter of a GET request: text, or JSON when it is said to be."""
    if not filter_expr or filter_lang != "cql2-json":
        return filter_expr or None
    return _json_object(filter_expr, "filter")


def json_parameter(value: str | None, name: str) -> Mapping[str, Any] | None:
    """JSON object of a GET parameter, such as ``intersects`` and ``query``."""
    return None if not value else _json_object(value, name)


def _json_object(text: str, name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RequestError(f"The parameter {name!r} is no JSON.") from exc
    if not isinstance(value, dict):
        raise RequestError(f"The parameter {name!r} is no JSON object.")
    return value


def _check_unicode(values: object) -> None:
    """Refuse halves of surrogate pairs, which JSON can write and no database can bind."""
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise RequestError(
            "The request holds text that is no Unicode, or is nested too deep.",
            remedy="Leave such values out.",
        ) from exc


def _limit(settings: StacSettings, limit: int | None) -> int:
    if limit is None:
        return min(settings.default_limit, settings.max_limit)
    if limit < 1:
        raise RequestError(f"The limit is {limit}; it is at least 1.", remedy="Leave it out.")
    return min(limit, settings.max_limit)


def _names(names: Sequence[str] | None, what: str, most: int) -> Sequence[str] | None:
    if names is None:
        return None
    if len(names) > most:
        raise RequestError(f"{what} has {len(names)} entries; at most {most} are searched for.")
    return names or None


def _area(bbox: Sequence[float] | None, intersects: object) -> Any:
    if bbox is not None and intersects is not None:
        raise RequestError("There are both bbox and intersects.", remedy="Give one of them.")
    try:
        if bbox is not None:
            return spatial.boxes_geometry(spatial.split_bbox(bbox))
        if intersects is not None:
            return spatial.mend(spatial.parse_geometry(intersects))
    except ValueError as exc:
        raise RequestError(str(exc)) from exc
    return None


def _time(datetime: str | None) -> tuple[int, int] | None:
    if datetime is None:
        return None
    try:
        return instants.interval_us(datetime)
    except ValueError as exc:
        raise RequestError(str(exc)) from exc


def _condition(
    dialect: Dialect,
    query: object,
    filter_expr: str | Mapping[str, Any] | None,
    filter_crs: str | None,
) -> Condition | None:
    if filter_crs is not None and filter_crs != _CRS84:
        raise RequestError(
            f"The filter-crs is {filter_crs[:100]!r}; geometries are read in {_CRS84}.",
            remedy="Leave filter-crs out, and give longitude and latitude.",
        )
    nodes: list[Node] = []
    if query:
        nodes += _query_nodes(query)
    if filter_expr:
        nodes.append(cql2_nodes.parse(filter_expr))
    if not nodes:
        return None
    node = nodes[0] if len(nodes) == 1 else {"op": "and", "args": nodes}
    return cql2_sql.translate(dialect, node)


def _query_nodes(query: object) -> list[Node]:
    """CQL2 JSON of the query extension."""
    if not isinstance(query, Mapping) or len(query) > _MAX_QUERY:
        raise RequestError(f"query is no JSON object of at most {_MAX_QUERY} properties.")
    nodes: list[Node] = []
    for name, tests in query.items():
        if not isinstance(tests, Mapping):
            raise RequestError(
                f"query.{name[:100]} is no object such as {{'lt': 10}}.",
                remedy="Name the operator.",
            )
        for op, value in tests.items():
            nodes.append(_query_node({"property": name}, op, value))
    return nodes


def _query_node(of: Node, op: str, value: Any) -> Node:
    if op in _QUERY_OPS:
        exact = {"op": _QUERY_OPS[op], "args": [of, value]}
        number = _as_number(value)
        if number is None:
            return exact
        # values of a query string are text; let "10" find the number as well
        return {"op": "or", "args": [exact, {"op": _QUERY_OPS[op], "args": [of, number]}]}
    if op == "in":
        if not isinstance(value, list):
            raise RequestError("The operator 'in' of query takes a list.")
        numbers = [number for v in value if (number := _as_number(v)) is not None]
        one_of = {"op": "in", "args": [of, [*value, *numbers]]}
        # a property such as instruments is a list itself
        return {"op": "or", "args": [one_of, {"op": "a_overlaps", "args": [of, value]}]}
    if op in _QUERY_PATTERNS:
        if not isinstance(value, str):
            raise RequestError(f"The operator {op!r} of query takes a text.")
        escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return {"op": "like", "args": [of, _QUERY_PATTERNS[op].format(escaped)]}
    raise RequestError(
        f"{op[:40]!r} is no operator of query; there are "
        f"{', '.join([*_QUERY_OPS, 'in', *_QUERY_PATTERNS])}."
    )


def _as_number(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        return float(value)
    except ValueError:
        return None
