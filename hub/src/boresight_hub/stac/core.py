"""Reading: the core client of stac-fastapi, and the queryables.

Methods are plain functions, which the framework runs in threads: a slow query holds no other.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import attr
from stac_fastapi.extensions.filter.client import BaseFiltersClient
from stac_fastapi.types import stac
from stac_fastapi.types.core import BaseCoreClient
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from boresight_hub.settings import StacSettings
from boresight_hub.stac import queryables, requests
from boresight_hub.stac.cql2_nodes import Cql2Error
from boresight_hub.stac.fields import DEFAULTS, Fields
from boresight_hub.stac.links import GEOJSON, JSON, SCHEMA, Link, Links
from boresight_hub.stac.models import FieldsPost, SearchPost
from boresight_hub.stac.principal import Principal
from boresight_hub.stac.storage import Page, Query
from boresight_hub.stac.visibility import Catalogue, shown


@attr.s(auto_attribs=True)
class Services:
    """What the routes work with."""

    catalogue: Catalogue
    links: Links
    settings: StacSettings


def principal_in(request: Request) -> Principal:
    """Who asks, as the middleware found."""
    principal: Principal = request.state.principal
    return principal


class CoreClient(BaseCoreClient):
    """Landing page, collections, items and searches."""

    def __init__(self, services: Services, **kwargs: Any) -> None:
        super().__init__(landing_page_id="boresight", **kwargs)
        self._services = services

    def landing_page(self, **kwargs: Any) -> stac.LandingPage:
        """Say what there is; collections are listed for those who may see them."""
        return stac.LandingPage(
            type="Catalog",
            id=self.landing_page_id,
            title=self.title,
            description=self.description,
            stac_version=self.stac_version,
            conformsTo=self.conformance_classes(),
            links=self._services.links.landing(),
        )

    def all_collections(self, **kwargs: Any) -> Response:  # type: ignore[override]
        """List the collections that exist for whoever asks."""
        principal = principal_in(kwargs["request"])
        links = self._services.links
        found = [
            links.collection(shown(collection, principal))
            for collection in self._services.catalogue.collections(principal)
        ]
        return JSONResponse(
            {
                "collections": found,
                "links": links.collections(),
                "numberMatched": len(found),
                "numberReturned": len(found),
            }
        )

    def get_collection(self, collection_id: str, **kwargs: Any) -> Response:  # type: ignore[override]
        """Give one collection."""
        principal = principal_in(kwargs["request"])
        found = self._services.catalogue.collection(principal, collection_id)
        document = self._services.links.collection(shown(found, principal))
        return JSONResponse(document, headers={"ETag": f'"{found.etag}"'})

    def get_item(self, item_id: str, collection_id: str, **kwargs: Any) -> Response:  # type: ignore[override]
        """Give one item."""
        principal = principal_in(kwargs["request"])
        found = self._services.catalogue.item(principal, collection_id, item_id)
        document = self._services.links.item(found.document)
        return JSONResponse(document, media_type=GEOJSON, headers={"ETag": f'"{found.etag}"'})

    def item_collection(  # type: ignore[override]
        self, collection_id: str, **kwargs: Any
    ) -> Response:
        """Search the items of one collection."""
        request: Request = kwargs.pop("request")
        query, fields = self._of_get(kwargs)
        principal = principal_in(request)
        page = self._services.catalogue.page(principal, query, home=collection_id)
        address = self._services.links.url("collections", collection_id, "items")
        return self._answer(principal, query, page, fields, address, dict(request.query_params))

    def get_search(self, **kwargs: Any) -> Response:  # type: ignore[override]
        """Search items by parameters of the address."""
        request: Request = kwargs.pop("request")
        query, fields = self._of_get(kwargs)
        principal = principal_in(request)
        page = self._services.catalogue.page(principal, query)
        address = self._services.links.url("search")
        return self._answer(principal, query, page, fields, address, dict(request.query_params))

    def post_search(self, search_request: SearchPost, **kwargs: Any) -> Response:  # type: ignore[override]
        """Search items by a body."""
        body = search_request
        if isinstance(body.filter_expr, str) and body.filter_lang != "cql2-text":
            raise Cql2Error("The filter is a text, and filter-lang is not cql2-text.")
        query = requests.query_of(
            self._services.settings,
            self._services.catalogue.dialect,
            collections=body.collections,
            ids=body.ids,
            bbox=body.bbox,
            intersects=body.intersects,
            datetime=body.datetime,
            limit=body.limit,
            token=body.token,
            sortby=[(key.field, key.direction == "desc") for key in body.sortby or ()],
            query=body.query,
            filter_expr=body.filter_expr,
            filter_crs=body.filter_crs,
        )
        fields = _fields_of_post(body.fields)
        principal = principal_in(kwargs["request"])
        page = self._services.catalogue.page(principal, query)
        again = body.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"token"})
        address = self._services.links.url("search")
        return self._answer(principal, query, page, fields, address, body=again)

    def _of_get(self, given: dict[str, Any]) -> tuple[Query, Fields]:
        """Query and fields of the parameters of an address."""
        query = requests.query_of(
            self._services.settings,
            self._services.catalogue.dialect,
            collections=requests.names_of_get(given.get("collections")),
            ids=requests.names_of_get(given.get("ids")),
            bbox=requests.bbox_of_get(given["bbox"]),
            intersects=requests.json_parameter(given.get("intersects"), "intersects"),
            datetime=given["datetime"],
            limit=given["limit"],
            token=given["token"],
            sortby=requests.sort_terms(requests.names_of_get(given["sortby"])),
            query=requests.json_parameter(given["query"], "query"),
            filter_expr=requests.filter_of_get(given["filter_expr"], given["filter_lang"]),
            filter_crs=given["filter_crs"],
        )
        return query, Fields.of_terms(requests.names_of_get(given["fields"]))

    def _answer(
        self,
        principal: Principal,
        query: Query,
        page: Page,
        fields: Fields,
        address: str,
        parameters: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Response:
        links = self._services.links
        around: list[Link] = [
            {"rel": "root", "type": JSON, "href": links.root},
            {"rel": "self", "type": GEOJSON, "href": _with(address, parameters or {})},
        ]
        for rel, token in self._services.catalogue.tokens(principal, query, page):
            link: Link = {"rel": rel, "type": GEOJSON}
            if body is None:
                href = _with(address, {**(parameters or {}), "token": token})
                around.append({**link, "method": "GET", "href": href})
            else:
                again = {**body, "token": token}
                around.append({**link, "method": "POST", "href": address, "body": again})
        content: dict[str, Any] = {
            "type": "FeatureCollection",
            "features": [fields.apply(links.item(item)) for item in page.items],
            "links": around,
            "numberReturned": len(page.items),
        }
        if page.matched is not None:
            content["numberMatched"] = page.matched
        return JSONResponse(content, media_type=GEOJSON)


class FiltersClient(BaseFiltersClient):
    """The queryables of what whoever asks can read."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def get_queryables(  # type: ignore[override]
        self, collection_id: str | None = None, **kwargs: Any
    ) -> Response:
        """JSON Schema of the queryables of the catalogue, or of one collection."""
        principal = principal_in(kwargs["request"])
        homes = self._services.catalogue.property_types(principal, collection_id, queryables.SAMPLE)
        found = queryables.schema(homes, self._services.links, collection_id)
        return Response(json.dumps(found), media_type=SCHEMA)


def _fields_of_post(wanted: FieldsPost) -> Fields:
    asked_for_nothing = not wanted.include and "include" in wanted.model_fields_set
    if asked_for_nothing and wanted.exclude:
        left = [path for path in DEFAULTS if path not in wanted.exclude]
        return Fields.of(left, wanted.exclude)
    return Fields.of(wanted.include, wanted.exclude)


def _with(address: str, parameters: dict[str, str]) -> str:
    return f"{address}?{urlencode(parameters)}" if parameters else address
