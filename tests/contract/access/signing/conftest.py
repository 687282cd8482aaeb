from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.access_stack import AccessStack, image_bytes
from support.signing_stack import SigningStack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessStack]:
    """Real store, catalogue and access service; tokens of a provider whose key the tests have."""
    made = AccessStack(tmp_path_factory.mktemp("signing") / "state")
    try:
        made.start()
        for key in ("co3d-l1/scene/image.tif", "co3d-l1/scene/été 1+2.txt"):
            made.root().put_object(Bucket="catalogue", Key=key, Body=f"content of {key}".encode())
        made.root().put_object(Bucket="catalogue", Key="sentinel2-l1/s/a.txt", Body=b"other group")
        made.root().put_object(Bucket="home", Key="marie/a.txt", Body=b"at home")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningStack]:
    """The same behind the real proxy, with the real identity provider."""
    made = SigningStack(tmp_path_factory.mktemp("real") / "state", token_life_s=12)
    try:
        made.start()
        root = made.access.root()
        root.put_object(Bucket="catalogue", Key="co3d-l1/scene/image.tif", Body=image_bytes())
        root.put_object(Bucket="catalogue", Key="sentinel2-l1/s/a.txt", Body=b"other group")
        root.put_object(Bucket="home", Key="marie/a.txt", Body=b"at home")
        yield made
    finally:
        made.close()
