"""What the page for the laptop says is done, block by block, as its reader does it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest
import rasterio
from support.people import TokenFiles, enter_server, geotiff, image
from support.signing_stack import Program, SigningStack

from boresight import access

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "hub" / "docs" / "how-to" / "laptop.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, content) for kind, content in _BLOCK.findall(PAGE.read_text())]

SIGN_IN, CATALOGUE, ARRAYS, QGIS, GDAL, RASTERIO, PROFILE, BOTO3, TOKEN = range(9)


def test_every_block_is_run() -> None:
    kinds = ["sh", "python", "python", "sh", "sh", "python", "ini", "python", "python"]
    assert [kind for kind, _ in BLOCKS] == kinds


class Reader:
    """Somebody with a shell and a home of their own."""

    def __init__(self, stack: SigningStack, home: Path) -> None:
        self._stack = stack
        self.home = home
        (home / "bin").mkdir()
        (home / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (home / "bin" / "python").chmod(0o755)
        tools = Path(sys.executable).parent
        self.environment = {
            "PATH": f"{home / 'bin'}:{tools}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "AWS_CONFIG_FILE": str(home / "aws-config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "*",
        }

    def block(self, number: int) -> str:
        settings = self._stack.settings
        content = BLOCKS[number][1]
        for there, here in {
            "http://127.0.0.1:8000": settings.public_url,
            "http://127.0.0.1:8001": settings.s3_url,
            "ITEM": "scene",
        }.items():
            content = content.replace(there, here)
        return content

    def run(self, number: int) -> str:
        shell = BLOCKS[number][0] == "sh"
        command = ["sh", "-e", "-c"] if shell else [sys.executable, "-c"]
        done = subprocess.run(
            [*command, self.block(number)],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def pixels() -> Any:
    return image()


@pytest.fixture(scope="module")
def reader(outside: SigningStack, pixels: Any, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """After the page's first block; there is an item called scene."""
    stack = outside
    folder = tmp_path_factory.mktemp("reader")
    content = geotiff(folder, pixels)
    stack.access.root().put_object(Bucket="products", Key="co3d-dsm/scene/dsm.tif", Body=content)
    with pytest.MonkeyPatch.context() as patch:
        files = TokenFiles(stack.idp, "marie", folder / "tokens")
        enter_server(stack.settings, "marie", files.folder, patch)
        item = pystac.Item(
            "scene",
            {"type": "Point", "coordinates": [3.7, 43.6]},
            [3.7, 43.6, 3.8, 43.7],
            datetime(2026, 1, 1, tzinfo=UTC),
            {
                "proj:code": "EPSG:32631",
                "proj:shape": [512, 512],
                "proj:transform": [10, 0, 560_000, 0, -10, 4_830_000],
            },
            stac_extensions=["https://stac-extensions.github.io/projection/v2.0.0/schema.json"],
            collection="co3d-dsm",
        )
        href = access.to_href("s3://products/co3d-dsm/scene/dsm.tif")
        item.add_asset("dsm", pystac.Asset(href, roles=["data"], media_type=pystac.MediaType.COG))
        access.publish_item(item)
    made = Reader(stack, folder)
    program = Program(["sh", "-c", made.block(SIGN_IN)], made.environment)
    stack.accept_device(program.link(), "marie")
    assert "Signed in as marie." in program.wait()
    return made


def test_pystac_client(reader: Reader) -> None:
    printed = reader.run(CATALOGUE)
    assert re.search(r"^scene http://\S+X-Amz-Signature=", printed, re.MULTILINE)


def test_arrays(reader: Reader, pixels: Any) -> None:
    mean, form = reader.run(ARRAYS).splitlines()
    assert float(mean) == pytest.approx(pixels.mean(), rel=1e-4)
    assert form == "EPSG:32631 (1, 512, 512)"


def test_qgis(reader: Reader) -> None:
    address = reader.run(QGIS).strip()
    # as its dialogue opens what is pasted
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open(f"/vsicurl/{address}") as opened,
    ):
        assert opened.shape == (512, 512)


def test_gdal(reader: Reader, pixels: Any) -> None:
    assert '"shape": [512, 512]' in reader.run(GDAL)
    assert reader.run(RASTERIO).split() == ["EPSG:32631", str(pixels[:64, :64].mean())]


def test_boto3(reader: Reader) -> None:
    (reader.home / "aws-config").write_text(reader.block(PROFILE))
    assert "co3d-dsm/scene/dsm.tif" in reader.run(BOTO3)


def test_token(reader: Reader) -> None:
    assert "'co3d-dsm'" in reader.run(TOKEN)
