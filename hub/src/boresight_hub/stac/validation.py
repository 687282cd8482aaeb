"""Rules for what is written into the catalogue; a refusal says value, rule and remedy."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError
from stac_pydantic import Collection, Item

from boresight_hub.settings import HubSettings
from boresight_hub.stac import instants, spatial
from boresight_hub.stac.principal import READ_GROUPS, WRITE_GROUPS
from boresight_hub.stac.problems import RequestError
from boresight_hub.stac.texts import to_json

SERVED_RELS = frozenset({"self", "root", "parent", "collection", "items", "item", "child"})
"""Link relations the service makes itself; what a client sends of them is dropped."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+~-]{0,199}", re.ASCII)
_COLLECTION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_GROUP = re.compile(r"[^\s,][^\x00-\x1f,]{0,199}")
_MAX_DEPTH = 32
_MAX_INTEGER = 10**300
_MAX_OBJECT_BYTES = 2 * 2**20


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item as it is stored; the fields are the columns of ``item``."""

    id: str
    sort_us: int
    start_us: int
    end_us: int
    datetime_us: int | None
    bounds: tuple[float, float, float, float] | None
    boxes: tuple[spatial.Box, ...]
    etag: str
    properties: str
    geometry: bytes | None
    body: str


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection as it is stored."""

    id: str
    read_groups: frozenset[str] | None
    write_groups: frozenset[str] | None
    body: str
    etag: str


class Rules:
    """Checks items and collections against the settings of this instance."""

    def __init__(self, settings: HubSettings) -> None:
        self._s3_url = settings.s3_url
        self._buckets = (settings.s3.catalogue_bucket, settings.s3.products_bucket)
        self._foreign = settings.stac.foreign_asset_prefixes

    def item(self, raw: object, collection_id: str, item_id: str | None = None) -> ItemRow:
        """Check an item that is to stand in ``collection_id`` (as ``item_id``, when given).

        Raises
        ------
        RequestError
            When it breaks a rule.
        """
        if not isinstance(raw, dict):
            raise RequestError("An item is a JSON object.", remedy="Send a GeoJSON Feature.")
        _check_json(raw)
        raw = {"links": [], **raw}  # the service makes most of them; many clients send none
        if raw.get("type") != "Feature":
            raise RequestError(
                f"The type is {_shown(raw.get('type'))}; that of an item is 'Feature'."
            )
        identifier = raw.get("id")
        if not isinstance(identifier, str) or not _ID.fullmatch(identifier):
            raise RequestError(
                f"The id {_shown(identifier)} is not 1 to 200 letters, digits and ._:+~-, "
                "starting with a letter or digit.",
                remedy="Choose such an id: it becomes a part of URLs and of object names.",
            )
        if item_id is not None and identifier != item_id:
            raise RequestError(
                f"The item's id is {identifier!r}, the address says {item_id[:200]!r}.",
                remedy="Make them equal; an item cannot be renamed.",
            )
        if raw.get("collection", collection_id) != collection_id:
            raise RequestError(
                f"The item's collection is {_shown(raw['collection'])}, the address says "
                f"{collection_id!r}.",
                remedy="Make them equal; an item cannot be moved.",
            )
        try:
            Item.model_validate(raw)
        except ValidationError as exc:
            raise RequestError(
                f"The item {identifier!r} is not STAC: {_first_errors(exc)}",
                remedy="See the STAC item specification.",
            ) from exc
        self._check_assets(raw["assets"], identifier, collection_id)
        links = _own_links(raw["links"], identifier)
        geometry = _item_geometry(raw)
        times = _item_times(raw["properties"], identifier)
        properties = to_json(raw["properties"])
        body = to_json(
            {
                **{k: v for k, v in raw.items() if k not in ("properties", "links", "collection")},
                "collection": collection_id,
                "links": links,
            }
        )
        return ItemRow(
            id=identifier,
            **times,
            bounds=None if geometry is None else geometry.bounds,
            boxes=() if geometry is None else tuple(spatial.index_boxes(geometry)),
            etag=_etag(properties, body),
            properties=properties,
            geometry=None if geometry is None else geometry.wkb,
            body=body,
        )

    def collection(self, raw: object, collection_id: str | None = None) -> CollectionRow:
        """Check a collection (that is to be ``collection_id``, when given).

        Raises
        ------
        RequestError
            When it breaks a rule.
        """
        if not isinstance(raw, dict):
            raise RequestError("A collection is a JSON object.", remedy="Send a STAC Collection.")
        _check_json(raw)
        raw = {"links": [], **raw}
        identifier = raw.get("id")
        if not isinstance(identifier, str) or not _COLLECTION_ID.fullmatch(identifier):
            raise RequestError(
                f"The id {_shown(identifier)} is not 1 to 100 letters, digits and ._-, starting "
                "with a letter or digit.",
                remedy="Choose such an id: it is the first part of every object's name in S3.",
            )
        if collection_id is not None and identifier != collection_id:
            raise RequestError(
                f"The collection's id is {identifier!r}, the address says {collection_id[:200]!r}.",
                remedy="Make them equal; a collection cannot be renamed.",
            )
        try:
            Collection.model_validate(raw)
        except ValidationError as exc:
            raise RequestError(
                f"The collection {identifier!r} is not STAC: {_first_errors(exc)}",
                remedy="See the STAC collection specification.",
            ) from exc
        self._check_assets(raw.get("assets") or {}, identifier, identifier)
        groups = {
            name: _groups(raw[name], name) for name in (READ_GROUPS, WRITE_GROUPS) if name in raw
        }
        body = to_json(
            {
                **{k: v for k, v in raw.items() if k not in (READ_GROUPS, WRITE_GROUPS)},
                "links": _own_links(raw["links"], identifier),
            }
        )
        return CollectionRow(
            identifier, groups.get(READ_GROUPS), groups.get(WRITE_GROUPS), body, _etag(body)
        )

    def _check_assets(self, assets: Mapping[str, Any], owner: str, collection_id: str) -> None:
        for key, asset in assets.items():
            for href in _hrefs(asset):
                if not self._is_ours(href, collection_id) and not self._is_foreign(href):
                    allowed = " or ".join(
                        f"{self._s3_url}/{bucket}/{collection_id}/" for bucket in self._buckets
                    )
                    raise RequestError(
                        f"The asset {key[:100]!r} of {owner!r} has the href {_shown(href)}, which "
                        f"is outside our buckets: an href starts with {allowed}.",
                        remedy="Upload the file there, and give that address.",
                    )

    def _is_ours(self, href: str, collection_id: str) -> bool:
        rest = href.removeprefix(f"{self._s3_url}/")
        if rest == href or re.search(r"[?#\\\s\x00-\x1f]", rest):
            return False
        bucket, *key = rest.split("/")
        if bucket not in self._buckets or len(key) < 2 or key[0] != collection_id:
            return False
        # what a client or a server might unescape must not lead elsewhere
        return all(
            part not in ("", ".", "..") and not re.search(r"[/\\%\x00-\x1f]", part)
            for part in map(unquote, key)
        )

    def _is_foreign(self, href: str) -> bool:
        return ".." not in unquote(href) and href.startswith(self._foreign)


def _check_json(raw: Mapping[str, Any]) -> None:
    level: list[Any] = [raw]
    for _ in range(_MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, int) and abs(value) > _MAX_INTEGER:
                raise RequestError(
                    "The object holds an integer of more than 300 digits.",
                    remedy="Write it as text.",
                )
            if isinstance(value, str) and "\0" in value:
                raise RequestError(
                    f"The object holds the text {_shown(value)}, with a NUL in it.",
                    remedy="Leave NUL out: not every database can keep it.",
                )
            if isinstance(value, Mapping):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        if not below:
            break
        level = below
    else:
        raise RequestError(f"The object is nested deeper than {_MAX_DEPTH}.", remedy="Flatten it.")
    try:
        size = len(to_json(raw).encode())
    except ValueError as exc:  # NaN, Infinity, half a surrogate pair
        raise RequestError(
            "The object holds NaN, Infinity or text that is no Unicode.",
            remedy="Leave such values out.",
        ) from exc
    if size > _MAX_OBJECT_BYTES:
        raise RequestError(
            f"The object has {size} bytes; at most {_MAX_OBJECT_BYTES} are kept.",
            remedy="Put what is large into an asset.",
        )


def _item_geometry(raw: Mapping[str, Any]) -> Any:
    value = raw.get("geometry")
    if value is None:
        if raw.get("bbox") is not None:
            raise RequestError(
                f"The item {raw['id']!r} has a bbox and no geometry.",
                remedy="Give both, or neither.",
            )
        return None
    try:
        geometry = spatial.parse_geometry(value)
        spatial.split_bbox(raw["bbox"])
    except ValueError as exc:
        raise RequestError(
            f"The item {raw['id']!r}: {exc}", remedy="Give the footprint in CRS84."
        ) from exc
    if reason := spatial.why_invalid(geometry):
        raise RequestError(
            f"The geometry of {raw['id']!r} is not valid: {reason}.",
            remedy="Give a footprint without self-intersections.",
        )
    return geometry


def _item_times(properties: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    try:
        at, start, end = (
            instants.instant_us(properties[name]) if properties.get(name) is not None else None
            for name in ("datetime", "start_datetime", "end_datetime")
        )
    except (ValueError, TypeError) as exc:
        raise RequestError(f"The item {item_id!r}: {exc}") from exc
    if (start is None) != (end is None) or (at is None and start is None):
        raise RequestError(
            f"The item {item_id!r} has neither a datetime nor both start_datetime and "
            "end_datetime.",
            remedy="Give an instant, or datetime null and the two ends of the range.",
        )
    first = start if start is not None else at or 0
    last = end if end is not None else first
    if first > last:
        raise RequestError(f"The item {item_id!r} ends before it starts.")
    if at is not None and not first <= at <= last:
        raise RequestError(
            f"The item {item_id!r} has a datetime outside its own range.",
            remedy="Give a datetime between start_datetime and end_datetime, or null.",
        )
    return {
        "sort_us": first if at is None else at,
        "start_us": first,
        "end_us": last,
        "datetime_us": at,
    }


def _own_links(links: Any, owner: str) -> list[Any]:
    kept = []
    for link in links:
        if link.get("rel") in SERVED_RELS:
            continue
        parts = urlsplit(str(link.get("href", "")))
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise RequestError(
                f"The link {_shown(link.get('rel'))} of {owner!r} has the href "
                f"{_shown(link.get('href'))}; it has to be an absolute http or https URL.",
                remedy="Give the whole address.",
            )
        kept.append(link)
    return kept


def _hrefs(asset: Any) -> Iterator[str]:
    """Addresses of an asset, those of the alternate-assets extension included."""
    yield str(asset["href"])
    alternates = asset.get("alternate")
    if isinstance(alternates, Mapping):
        for alternate in alternates.values():
            if isinstance(alternate, Mapping) and "href" in alternate:
                yield str(alternate["href"])


def _groups(value: object, name: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(
        isinstance(group, str) and _GROUP.fullmatch(group) for group in value
    ):
        raise RequestError(
            f"{name} is {_shown(value)}; it is a list of names of groups.",
            remedy="Give a list, which may be empty.",
        )
    return frozenset(value)


def _etag(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _first_errors(exc: ValidationError) -> str:
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'item'}: {e['msg']}" for e in errors[:3])[
        :500
    ]


def _shown(value: object) -> str:
    return repr(value)[:200]
