"""Shapes of requests, for the framework and the OpenAPI description.

They say what is text, number or list; the rules are in :mod:`boresight_hub.stac.requests`, whose
refusals are better reading. Annotations are read at run time: no ``from __future__`` here.
"""

from typing import Annotated, Any, Literal

import attr
from fastapi import Body, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from stac_fastapi.types.search import APIRequest

_FILTER = "CQL2 filter"
_DATETIME = "Instant, or interval with a slash between; .. leaves an end open (RFC 3339)"


@attr.s
class SearchGet(APIRequest):
    """Parameters of GET /search."""

    collections: Annotated[str | None, Query(description="Ids with commas between")] = attr.ib(
        default=None
    )
    ids: Annotated[str | None, Query(description="Ids with commas between")] = attr.ib(default=None)
    bbox: Annotated[str | None, Query(description="West, south, east, north [degree]")] = attr.ib(
        default=None
    )
    intersects: Annotated[str | None, Query(description="GeoJSON geometry")] = attr.ib(default=None)
    datetime: Annotated[str | None, Query(description=_DATETIME)] = attr.ib(default=None)
    limit: Annotated[int | None, Query(description="Items of a page")] = attr.ib(default=None)
    token: Annotated[str | None, Query(description="Place of the page")] = attr.ib(default=None)
    sortby: Annotated[str | None, Query(description="Fields; - in front: descending")] = attr.ib(
        default=None
    )
    fields: Annotated[str | None, Query(description="Fields to keep; - in front: to leave out")] = (
        attr.ib(default=None)
    )
    query: Annotated[str | None, Query(description="Query extension, JSON")] = attr.ib(default=None)
    filter_expr: Annotated[str | None, Query(alias="filter", description=_FILTER)] = attr.ib(
        default=None
    )
    filter_lang: Annotated[Literal["cql2-text", "cql2-json"] | None, Query(alias="filter-lang")] = (
        attr.ib(default=None)
    )
    filter_crs: Annotated[str | None, Query(alias="filter-crs")] = attr.ib(default=None)


@attr.s
class ItemsGet(APIRequest):
    """Parameters of GET /collections/{collection_id}/items."""

    collection_id: Annotated[str, Path(description="Collection id")] = attr.ib()
    bbox: Annotated[str | None, Query(description="West, south, east, north [degree]")] = attr.ib(
        default=None
    )
    datetime: Annotated[str | None, Query(description=_DATETIME)] = attr.ib(default=None)
    limit: Annotated[int | None, Query(description="Items of a page")] = attr.ib(default=None)
    token: Annotated[str | None, Query(description="Place of the page")] = attr.ib(default=None)
    sortby: Annotated[str | None, Query(description="Fields; - in front: descending")] = attr.ib(
        default=None
    )
    fields: Annotated[str | None, Query(description="Fields to keep; - in front: to leave out")] = (
        attr.ib(default=None)
    )
    query: Annotated[str | None, Query(description="Query extension, JSON")] = attr.ib(default=None)
    filter_expr: Annotated[str | None, Query(alias="filter", description=_FILTER)] = attr.ib(
        default=None
    )
    filter_lang: Annotated[Literal["cql2-text", "cql2-json"] | None, Query(alias="filter-lang")] = (
        attr.ib(default=None)
    )
    filter_crs: Annotated[str | None, Query(alias="filter-crs")] = attr.ib(default=None)


def _one_or_more(value: object) -> object:
    """A single name is often sent without the list around it."""
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str] | None, BeforeValidator(_one_or_more)]


class SortField(BaseModel):
    """A field to sort by."""

    field: str = Field(min_length=1)
    direction: Literal["asc", "desc"] = "asc"


class FieldsPost(BaseModel):
    """Fields to keep and to leave out."""

    include: list[str] | None = None
    exclude: list[str] | None = None


class SearchPost(BaseModel):
    """Body of POST /search."""

    model_config = ConfigDict(extra="ignore")

    collections: Names = None
    ids: Names = None
    bbox: list[float] | None = Field(None, description="West, south, east, north [degree]")
    intersects: dict[str, Any] | None = Field(None, description="GeoJSON geometry")
    datetime: str | None = Field(None, description=_DATETIME)
    limit: int | None = None
    token: str | None = None
    sortby: list[SortField] | None = None
    fields: FieldsPost = FieldsPost()
    query: dict[str, Any] | None = None
    filter_expr: dict[str, Any] | str | None = Field(None, alias="filter", description=_FILTER)
    filter_lang: Literal["cql2-text", "cql2-json"] | None = Field(None, alias="filter-lang")
    filter_crs: str | None = Field(None, alias="filter-crs")


Document = Annotated[dict[str, Any], Body()]


@attr.s
class CreateCollection(APIRequest):
    """Body of POST /collections."""

    document: Document = attr.ib()


@attr.s
class EditCollection(APIRequest):
    """Body of PUT /collections/{collection_id}."""

    collection_id: Annotated[str, Path()] = attr.ib()
    document: Document = attr.ib()


@attr.s
class PatchCollection(APIRequest):
    """Body of PATCH /collections/{collection_id}."""

    collection_id: Annotated[str, Path()] = attr.ib()
    patch: Annotated[dict[str, Any] | list[dict[str, Any]], Body()] = attr.ib()


@attr.s
class CreateItem(APIRequest):
    """Body of POST /collections/{collection_id}/items: an item, or a FeatureCollection."""

    collection_id: Annotated[str, Path()] = attr.ib()
    document: Document = attr.ib()


@attr.s
class EditItem(APIRequest):
    """Body of PUT /collections/{collection_id}/items/{item_id}."""

    collection_id: Annotated[str, Path()] = attr.ib()
    item_id: Annotated[str, Path()] = attr.ib()
    document: Document = attr.ib()


@attr.s
class PatchItem(APIRequest):
    """Body of PATCH /collections/{collection_id}/items/{item_id}."""

    collection_id: Annotated[str, Path()] = attr.ib()
    item_id: Annotated[str, Path()] = attr.ib()
    patch: Annotated[dict[str, Any] | list[dict[str, Any]], Body()] = attr.ib()


@attr.s
class BulkItems(APIRequest):
    """Body of POST /collections/{collection_id}/bulk_items."""

    collection_id: Annotated[str, Path()] = attr.ib()
    items: Annotated[dict[str, Any], Body(embed=True)] = attr.ib()
    method: Annotated[Literal["insert", "upsert"], Body(embed=True)] = attr.ib(default="insert")
