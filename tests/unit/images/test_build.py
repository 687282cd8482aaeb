"""The list of images: order, what is asked for, sizes as the builder tells them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def build() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("image_build", ROOT / "images" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["image_build"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["image_build"]


def test_every_image_has_its_dockerfile_and_says_who_it_is_from(build: ModuleType) -> None:
    catalogue = build.Catalogue.load(ROOT / "images" / "images.yaml")
    assert {image.name for image in catalogue.chosen([], tests=False)} == {
        "boresight-hub",
        "boresight-services",
        "boresight-calibration",
    }
    assert {image.name for image in catalogue.chosen([], tests=True) if image.by_name} == set()
    assert [i.name for i in catalogue.chosen(["boresight-desktop"], tests=False)] == [
        "boresight-desktop"
    ]
    own = {image.name for image in catalogue.images}
    for image in catalogue.images:
        text = (ROOT / image.dockerfile).read_text()
        # the last stage is what is shipped
        last = [line for line in text.splitlines() if line.startswith("FROM ")][-1]
        tag = f":{catalogue.tag}" if image.parent in own else ""
        assert last.split()[1] == f"{image.parent}{tag}"
        assert "org.opencontainers.image.title" in text
        assert "\nUSER 1000\n" in text
        assert ("/usr/share/boresight/sbom.cdx.json" in text) is image.sbom


def _catalogue(tmp_path: Path, parents: dict[str, str]) -> Path:
    images = {n: {"dockerfile": "x", "parent": p, "budget_mb": 1} for n, p in parents.items()}
    path = tmp_path / "images.yaml"
    path.write_text(yaml.safe_dump({"tag": "1", "base": "debian", "images": images}))
    return path


def test_parents_come_first(build: ModuleType, tmp_path: Path) -> None:
    path = _catalogue(tmp_path, {"c": "b", "b": "a", "a": "debian"})
    assert [image.name for image in build.Catalogue.load(path).images] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "parents", [{"a": "b", "b": "a"}, {"a": "nowhere"}], ids=["ring", "unknown"]
)
def test_parent_that_cannot_be_is_named(
    build: ModuleType, tmp_path: Path, parents: dict[str, str]
) -> None:
    with pytest.raises(build.BuildError, match=r"^a"):
        build.Catalogue.load(_catalogue(tmp_path, parents))


LISTING = """\
REPOSITORY                 TAG            IMAGE ID       CREATED         SIZE
localhost/boresight-hub    0.1.0          0123456789ab   2 minutes ago   612 MB
localhost/boresight-hub    0.0.9          0123456789ac   2 days ago      1.2 GB
docker.io/library/debian   bookworm-slim  0123456789ad   2 days ago      226 MB
"""


def test_sizes_as_the_builder_tells_them(build: ModuleType) -> None:
    assert build.listed_size_mb(LISTING, "boresight-hub:0.1.0") == 612
    assert build.listed_size_mb(LISTING, "boresight-hub:0.0.9") == 1200
    with pytest.raises(build.BuildError, match="not among the images"):
        build.listed_size_mb(LISTING, "boresight-hub:9")


def test_image_over_its_budget_is_refused(build: ModuleType) -> None:
    class Engine:
        def build(self, image: object, reference: str) -> None:
            pass

        def size_mb(self, reference: str) -> float:
            return 100.0

    fits = build.Image(name="a", dockerfile="x", parent="debian", budget_mb=100)
    build.build(Engine(), [fits], "1")
    over = build.Image(name="a", dockerfile="x", parent="debian", budget_mb=99)
    with pytest.raises(build.BuildError, match="a:1 has 100 MB and may have 99 MB"):
        build.build(Engine(), [over], "1")
