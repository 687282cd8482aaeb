"""What is in catalogue and buckets, to see that nothing was lost and nothing half-written."""

from __future__ import annotations

import json
from dataclasses import dataclass

import boto3
import httpx

from support.environment import Environment

COLLECTIONS = "co3d-l1,co3d-dsm"


@dataclass(frozen=True)
class Holdings:
    """What is in catalogue and buckets."""

    objects: dict[str, str]
    items: dict[str, str]

    @property
    def names(self) -> set[str]:
        return {*self.objects, *self.items}

    def lost_or_changed_in(self, later: Holdings) -> list[str]:
        pairs = ((self.objects, later.objects), (self.items, later.items))
        return [name for old, new in pairs for name in old if new.get(name) != old[name]]


def holdings(environment: Environment) -> Holdings:
    """ETag of each object, as the store's administrator; content of each item, as the engineer."""
    settings = environment.settings
    store = boto3.client(
        "s3",
        endpoint_url=settings.s3_url,
        region_name=settings.s3.region,
        aws_access_key_id=settings.secret("s3-root-access-key"),
        aws_secret_access_key=settings.secret("s3-root-secret-key"),
    )
    objects = {
        f"{bucket}/{entry['Key']}": entry["ETag"]
        for bucket in ("catalogue", "products", "home")
        for page in store.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for entry in page.get("Contents", [])
    }
    token = environment.state / "run" / "tokens" / "marie" / "server-default" / "stac.jwt"
    query: dict[str, str] = {"collections": COLLECTIONS, "limit": "1000"}
    answer = httpx.get(
        f"{settings.stac_url}/search",
        params=query,
        headers={"Authorization": f"Bearer {token.read_text()}"},
        timeout=30,
        trust_env=False,
    )
    items = {
        item["id"]: json.dumps([item["assets"], item["geometry"]], sort_keys=True)
        for item in answer.raise_for_status().json()["features"]
    }
    return Holdings(objects, items)
