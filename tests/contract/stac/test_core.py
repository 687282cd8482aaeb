"""The service as its clients see it: a process of its own behind one origin."""

import pystac_client
from support.stac_stack import make_item


def test_pystac_client_finds_what_was_published(catalogue, people):
    item = make_item(catalogue, "co3d-l1", "core-1", **{"eo:cloud_cover": 7.5})
    created = people.marie.post("/collections/co3d-l1/items", json=item)
    assert created.status_code == 201, created.text
    assert (
        created.headers["location"]
        == f"{catalogue.settings.stac_url}/collections/co3d-l1/items/core-1"
    )
    client = pystac_client.Client.open(
        catalogue.settings.stac_url,
        headers={"Authorization": f"Bearer {people.tokens['marie']}"},
    )
    assert {c.id for c in client.get_collections()} == {"co3d-l1", "co3d-dsm"}
    found = list(
        client.search(
            collections=["co3d-l1"],
            bbox=[10.2, 40.2, 10.4, 40.4],
            datetime="2026-03",
            filter={"op": "<", "args": [{"property": "eo:cloud_cover"}, 10]},
        ).items()
    )
    assert [i.id for i in found] == ["core-1"]
    assert found[0].properties == item["properties"]
    assert found[0].assets["image"].href == item["assets"]["image"]["href"]
