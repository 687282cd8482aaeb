"""The STAC service as an application."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from typing import Any

import anyio.to_thread
import httpx
from fastapi import APIRouter, FastAPI
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import EmptyRequest
from stac_fastapi.extensions import (
    FieldsExtension,
    FilterExtension,
    QueryExtension,
    SortExtension,
    TokenPaginationExtension,
)
from stac_fastapi.extensions.fields import FieldsConformanceClasses
from stac_fastapi.extensions.filter import FilterConformanceClasses
from stac_fastapi.extensions.query import QueryConformanceClasses
from stac_fastapi.extensions.sort.sort import SortConformanceClasses
from stac_fastapi.types.config import ApiSettings
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

import boresight_hub
from boresight_hub.oidc import TokenVerifier
from boresight_hub.settings import HubSettings
from boresight_hub.stac import models, problems, seeds
from boresight_hub.stac.core import CoreClient, FiltersClient, Services
from boresight_hub.stac.links import Links
from boresight_hub.stac.middleware import Authentication, BodyLimit, PublicAddress
from boresight_hub.stac.storage import Storage
from boresight_hub.stac.transactions import TransactionRoutes, Transactions
from boresight_hub.stac.validation import Rules
from boresight_hub.stac.visibility import Catalogue

logger = logging.getLogger(__name__)

PREFIX = "/services/stac"
_THREADS = 8
_TITLE = "Boresight catalogue"
_DESCRIPTION = "Source imagery and products. You see the collections that your groups may read."


def create_app(settings: HubSettings) -> FastAPI:
    """Make the application; its backend is opened, and seeded when it is new."""
    storage = open_storage(settings)
    catalogue = Catalogue(storage)
    rules = Rules(settings)
    if settings.stac.seed:
        planted = catalogue.plant(seeds.rows(rules))
        if planted:
            logger.info("made the collections %s", ", ".join(planted))
    services = Services(catalogue=catalogue, links=Links(settings.stac_url), settings=settings.stac)

    # authorities are loaded only where they are needed: they take 4 MiB
    http = httpx.AsyncClient(
        timeout=settings.oidc.http_timeout_s, verify=settings.issuer.startswith("https:")
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # more threads than connections would only wait for them
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        yield
        await http.aclose()
        storage.close()

    app = FastAPI(
        title=_TITLE,
        description=_DESCRIPTION,
        version=boresight_hub.__version__,
        openapi_url=f"{PREFIX}/api",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    client = CoreClient(services)
    verifier = TokenVerifier(settings, settings.stac.audience, http=http)
    StacApi(
        settings=_api_settings(),
        client=client,
        app=app,
        router=APIRouter(prefix=PREFIX),
        extensions=_extensions(services, rules),
        search_get_request_model=models.SearchGet,
        search_post_request_model=models.SearchPost,
        collections_get_request_model=EmptyRequest,
        items_get_request_model=models.ItemsGet,
        exceptions={},
        # the framework puts each in front of those before it: the last is the outermost
        middlewares=[
            Middleware(BodyLimit, max_bytes=settings.stac.max_body_bytes),
            Middleware(Authentication, settings=settings, verifier=verifier),
            Middleware(GZipMiddleware, minimum_size=2048, compresslevel=5),
            Middleware(PublicAddress, settings=settings),
        ],
        health_check=lambda: _health(catalogue),
    )
    problems.install(app)
    _add_pages(app, client, catalogue)
    return app


def open_storage(settings: HubSettings) -> Storage:
    """Open the backend that the settings name."""
    # the other backend is not imported: its driver takes memory
    if settings.stac.backend == "pgstac":
        from boresight_hub.stac.pgstac.storage import PgstacStorage

        return PgstacStorage.of(settings)
    from boresight_hub.stac.sqlite.storage import SqliteStorage

    return SqliteStorage.of(settings)


def _api_settings() -> ApiSettings:
    return ApiSettings(
        _env_file=None,
        stac_fastapi_title=_TITLE,
        stac_fastapi_description=_DESCRIPTION,
        stac_fastapi_version=boresight_hub.__version__,
        stac_fastapi_landing_id="boresight",
        openapi_url=f"{PREFIX}/api",
    )


def _extensions(services: Services, rules: Rules) -> list[Any]:
    cql2 = FilterConformanceClasses
    return [
        FieldsExtension(
            conformance_classes=[FieldsConformanceClasses.SEARCH, FieldsConformanceClasses.ITEMS]
        ),
        QueryExtension(
            conformance_classes=[QueryConformanceClasses.SEARCH, QueryConformanceClasses.ITEMS]
        ),
        SortExtension(
            conformance_classes=[
                "https://api.stacspec.org/v1.0.0/item-search#sort",
                "https://api.stacspec.org/v1.0.0/ogcapi-features#sort",
                SortConformanceClasses.ITEM_SEARCH_SORT,
                SortConformanceClasses.FEATURES_SORT,
            ]
        ),
        TokenPaginationExtension(),
        FilterExtension(
            client=FiltersClient(services),
            conformance_classes=[
                cql2.FILTER,
                cql2.SEARCH,
                "https://api.stacspec.org/v1.0.0/item-search#filter",
                cql2.ITEMS,
                cql2.BASIC_CQL2,
                cql2.CQL2_JSON,
                cql2.CQL2_TEXT,
                cql2.ADVANCED_COMPARISON_OPERATORS,
                cql2.CASE_INSENSITIVE_COMPARISON,
                cql2.ACCENT_INSENSITIVE_COMPARISON,
                cql2.BASIC_SPATIAL_FUNCTIONS,
                cql2.BASIC_SPATIAL_FUNCTIONS_PLUS,
                cql2.SPATIAL_FUNCTIONS,
                cql2.TEMPORAL_FUNCTIONS,
                cql2.ARRAY_FUNCTIONS,
                cql2.PROPERTY_PROPERTY,
                cql2.ARITHMETIC,
            ],
        ),
        TransactionRoutes(client=Transactions(services, rules)),
    ]


def _add_pages(app: FastAPI, client: CoreClient, catalogue: Catalogue) -> None:
    """Add what the framework does not: the root without a slash, health, a page for people."""

    async def landing_page() -> Response:
        return JSONResponse(client.landing_page())

    def health() -> Response:
        return JSONResponse(_health(catalogue))

    async def documentation(_: Request) -> Response:
        return HTMLResponse(_documentation(app))

    app.add_api_route(PREFIX, landing_page, methods=["GET"], include_in_schema=False)
    app.add_api_route(f"{PREFIX}/health", health, methods=["GET"], include_in_schema=False)
    app.add_api_route(f"{PREFIX}/api.html", documentation, methods=["GET"], include_in_schema=False)


def _documentation(app: FastAPI) -> str:
    """List of the routes. Self-contained: the usual page loads scripts from elsewhere."""
    rows = "".join(
        f"<tr><td>{escape(method.upper())}<td><code>{escape(path)}</code>"
        f"<td>{escape(str(operation.get('summary', '')))}"
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_TITLE}</title>'
        f"<h1>{_TITLE}</h1><p>{_DESCRIPTION}</p>"
        f'<p>Machine-readable: <a href="{PREFIX}/api">OpenAPI description</a>.</p>'
        f"<table>{rows}</table></html>"
    )


def _health(catalogue: Catalogue) -> dict[str, str]:
    catalogue.check()
    return {"status": "UP"}
