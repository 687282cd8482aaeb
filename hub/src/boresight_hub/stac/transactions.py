"""Writing: items, many items at once, and collections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attr
from fastapi import APIRouter, FastAPI
from stac_fastapi.api.models import CollectionUri, ItemUri
from stac_fastapi.api.routes import create_async_endpoint
from stac_fastapi.extensions.transaction import TransactionConformanceClasses
from stac_fastapi.types.extension import ApiExtension
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from boresight_hub.stac import models, patch
from boresight_hub.stac.core import Services, principal_in
from boresight_hub.stac.links import GEOJSON
from boresight_hub.stac.problems import RequestError
from boresight_hub.stac.validation import ItemRow, Rules
from boresight_hub.stac.visibility import checked_ids, shown

MAX_ITEMS = 10_000


class Transactions:
    """The routes that write."""

    def __init__(self, services: Services, rules: Rules) -> None:
        self._catalogue = services.catalogue
        self._links = services.links
        self._rules = rules

    def create_item(
        self, collection_id: str, document: dict[str, Any], request: Request
    ) -> Response:
        """Keep a new item, or all items of a FeatureCollection, or none."""
        principal = principal_in(request)
        self._catalogue.require_writable(principal, collection_id)
        several = document.get("type") == "FeatureCollection"
        features = document.get("features") if several else [document]
        if not isinstance(features, list) or not 1 <= len(features) <= MAX_ITEMS:
            raise RequestError(f"A FeatureCollection has a list of 1 to {MAX_ITEMS} `features`.")
        rows = [self._rules.item(feature, collection_id) for feature in features]
        checked_ids(rows)
        self._catalogue.create_items(principal, collection_id, rows)
        if several:
            return JSONResponse(
                {"created": [row.id for row in rows]}, status_code=201, media_type=GEOJSON
            )
        stored = self._catalogue.item(principal, collection_id, rows[0].id)
        return JSONResponse(
            self._links.item(stored.document),
            status_code=201,
            media_type=GEOJSON,
            headers={
                "Location": self._links.url("collections", collection_id, "items", rows[0].id),
                "ETag": f'"{stored.etag}"',
            },
        )

    def update_item(
        self, collection_id: str, item_id: str, document: dict[str, Any], request: Request
    ) -> Response:
        """Replace an item."""
        return self._edit_item(request, collection_id, item_id, lambda _: document)

    def patch_item(
        self, collection_id: str, item_id: str, patch: object, request: Request
    ) -> Response:
        """Change parts of an item."""
        return self._edit_item(request, collection_id, item_id, _patching(patch))

    def delete_item(self, collection_id: str, item_id: str, request: Request) -> Response:
        """Remove an item."""
        self._catalogue.delete_item(
            principal_in(request), collection_id, item_id, _if_match(request)
        )
        return Response(status_code=204)

    def bulk_items(
        self, collection_id: str, items: dict[str, Any], method: str, request: Request
    ) -> Response:
        """Keep many items in one commit; what is refused is listed, the rest is kept."""
        principal = principal_in(request)
        self._catalogue.require_writable(principal, collection_id)
        if len(items) > MAX_ITEMS:
            raise RequestError(
                f"There are {len(items)} items; at most {MAX_ITEMS} are kept at a time."
            )
        rows: list[ItemRow] = []
        errors: list[dict[str, str]] = []
        for name, item in items.items():
            try:
                rows.append(self._rules.item(item, collection_id, name))
            except RequestError as exc:
                errors.append({"id": name[:200], "msg": str(exc)})
        upsert = method == "upsert"
        exist = self._catalogue.bulk(principal, collection_id, rows, upsert=upsert)
        errors += [{"id": name, "msg": f"The item {name!r} exists."} for name in exist]
        return JSONResponse(
            {
                "received": len(items),
                "success": len(items) - len(errors),
                "skipped": len(errors),
                "errors": errors,
            }
        )

    def create_collection(self, document: dict[str, Any], request: Request) -> Response:
        """Keep a new collection."""
        principal = principal_in(request)
        self._catalogue.require_admin(principal)
        row = self._rules.collection(document)
        self._catalogue.create_collection(principal, row)
        stored = self._catalogue.collection(principal, row.id)
        return JSONResponse(
            self._links.collection(shown(stored, principal)),
            status_code=201,
            headers={
                "Location": self._links.url("collections", row.id),
                "ETag": f'"{stored.etag}"',
            },
        )

    def update_collection(
        self, collection_id: str, document: dict[str, Any], request: Request
    ) -> Response:
        """Replace a collection."""
        return self._edit_collection(request, collection_id, lambda _: document)

    def patch_collection(self, collection_id: str, patch: object, request: Request) -> Response:
        """Change parts of a collection."""
        return self._edit_collection(request, collection_id, _patching(patch))

    def delete_collection(self, collection_id: str, request: Request) -> Response:
        """Remove an empty collection."""
        principal = principal_in(request)
        self._catalogue.delete_collection(principal, collection_id, _if_match(request))
        return Response(status_code=204)

    def _edit_item(
        self,
        request: Request,
        collection_id: str,
        item_id: str,
        edit: Callable[[dict[str, Any]], object],
    ) -> Response:
        etag = self._catalogue.edit_item(
            principal_in(request),
            collection_id,
            item_id,
            edit,
            lambda raw: self._rules.item(raw, collection_id, item_id),
            _if_match(request),
        )
        return Response(status_code=204, headers={"ETag": f'"{etag}"'})

    def _edit_collection(
        self, request: Request, collection_id: str, edit: Callable[[dict[str, Any]], object]
    ) -> Response:
        etag = self._catalogue.edit_collection(
            principal_in(request),
            collection_id,
            edit,
            lambda raw: self._rules.collection(raw, collection_id),
            _if_match(request),
        )
        return Response(status_code=204, headers={"ETag": f'"{etag}"'})


@attr.s
class TransactionRoutes(ApiExtension):
    """The transaction extensions of items and collections, and bulk items.

    The framework's own extension parses bodies into models and gives them back changed (times
    rewritten, numbers turned): here what was sent is checked, and kept as it was sent.
    """

    client: Transactions = attr.ib(kw_only=True)
    conformance_classes: list[str] = attr.ib(
        factory=lambda: [
            TransactionConformanceClasses.ITEMS,
            TransactionConformanceClasses.COLLECTIONS,
        ]
    )

    def register(self, app: FastAPI) -> None:
        """Add the routes."""
        client = self.client
        router = APIRouter(prefix=app.state.router_prefix)
        home = "/collections/{collection_id}"
        item = home + "/items/{item_id}"
        for method, path, endpoint, model, status in (
            ("POST", "/collections", client.create_collection, models.CreateCollection, 201),
            ("PUT", home, client.update_collection, models.EditCollection, 204),
            ("PATCH", home, client.patch_collection, models.PatchCollection, 204),
            ("DELETE", home, client.delete_collection, CollectionUri, 204),
            ("POST", home + "/items", client.create_item, models.CreateItem, 201),
            ("PUT", item, client.update_item, models.EditItem, 204),
            ("PATCH", item, client.patch_item, models.PatchItem, 204),
            ("DELETE", item, client.delete_item, ItemUri, 204),
            ("POST", home + "/bulk_items", client.bulk_items, models.BulkItems, 200),
        ):
            router.add_api_route(
                path,
                create_async_endpoint(endpoint, model),
                methods=[method],
                name=endpoint.__name__.replace("_", " ").capitalize(),
                status_code=status,
                response_model=None,
            )
        app.include_router(router, tags=["Transactions"])


def _patching(change: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: patch.apply(document, change)


def _if_match(request: Request) -> str | None:
    value: str | None = request.headers.get("if-match")
    return value
