from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.access_stack import image_bytes
from support.minio import Minio, MinioBuildError, role_arn
from support.ports import free_base_port
from support.signing_stack import SigningStack

from boresight_hub.settings import PORT_OFFSETS, HubSettings
from boresight_hub.settings_access import AccessSettings


class PassThroughStack(SigningStack):
    """The access service before a store with an STS of its own; the real identity provider."""

    minio: Minio

    def start(self, *names: str) -> None:
        self.start_provider()
        self.minio = Minio(self.settings)
        self.minio.start()
        self.access.start(*(names or ("stac", "access")))

    def close(self) -> None:
        self.minio.stop()
        super().close()


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PassThroughStack]:
    port = free_base_port()
    url = f"http://127.0.0.1:{port + PORT_OFFSETS['s3']}"
    made = PassThroughStack(
        tmp_path_factory.mktemp("pass-through") / "state",
        token_life_s=60,
        port=port,
        s3={"endpoint_url": url},
        broker="pass-through",
        upstream={"sts_url": url, "role_arn": role_arn(HubSettings(access=AccessSettings()))},
    )
    try:
        made.start()
    except MinioBuildError as exc:
        pytest.skip(f"MinIO, the peer of these tests, cannot be built: {exc}")
    root, content = made.minio.root(), image_bytes()
    root.put_object(Bucket="catalogue", Key="co3d-l1/scene/image.tif", Body=content)
    root.put_object(Bucket="catalogue", Key="sentinel2-l1/scene/image.tif", Body=content)
    for name in ("marie", "paul"):
        root.put_object(Bucket="home", Key=f"{name}/a.txt", Body=b"at home")
        root.put_object(Bucket="home", Key=f"{name}/image.tif", Body=content)
    try:
        yield made
    finally:
        made.close()
