from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.access_stack import image_bytes
from support.signing_stack import SigningStack


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningStack]:
    """Everything but the hub, with the real identity provider."""
    made = SigningStack(tmp_path_factory.mktemp("grants") / "state", token_life_s=60)
    try:
        made.start()
        root = made.access.root()
        root.put_object(Bucket="catalogue", Key="co3d-l1/scene/image.tif", Body=image_bytes())
        root.put_object(Bucket="home", Key="marie/a.txt", Body=b"at home")
        root.put_object(Bucket="home", Key="paul/a.txt", Body=b"at paul's")
        yield made
    finally:
        made.close()
