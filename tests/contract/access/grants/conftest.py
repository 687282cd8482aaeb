from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.access_stack import image_bytes
from support.signing_stack import SigningStack


@pytest.fixture(
    scope="package", params=["sqlite", pytest.param("replicas", marks=pytest.mark.postgres)]
)
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SigningStack]:
    """Everything but the hub, with the real identity provider.

    Once with one access service and its files, once with two that share a PostgreSQL database.
    """
    state_dir = tmp_path_factory.mktemp("grants") / "state"
    more: dict[str, Any] = {}
    if request.param == "replicas":
        postgres = request.getfixturevalue("postgres")
        more = {"replicas": 2, "ledger": postgres.make_ledger(state_dir)}
    made = SigningStack(state_dir, token_life_s=60, **more)
    try:
        made.start()
        root = made.access.root()
        root.put_object(Bucket="catalogue", Key="co3d-l1/scene/image.tif", Body=image_bytes())
        root.put_object(Bucket="home", Key="marie/a.txt", Body=b"at home")
        root.put_object(Bucket="home", Key="paul/a.txt", Body=b"at paul's")
        yield made
    finally:
        made.close()
