"""Footprints in a document of the real JupyterGIS, which is installed for that."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect
from support.bare_lab import bare_lab
from support.browser import CHROMIUM
from support.panel_page import Panel
from support.stac_vendors import VENDORS, vendors

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.soak,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]

UV = shutil.which("uv") or "uv"
EXTENSION = Path(__file__).parents[3] / "extensions" / "jupyterlab-stac"
PACKAGES = ("jupytergis-core", "jupytergis-lab", "jupyter-collaboration", "ipykernel")
DOCUMENT = {
    "schemaVersion": "0.7.0",
    "layers": {},
    "sources": {},
    "options": {"latitude": 43.5, "longitude": 4.5, "zoom": 6, "bearing": 0, "pitch": 0,
                "projection": "EPSG:3857"},
    "layerTree": [],
    "metadata": {},
}  # fmt: skip

_LAYERS = """() => {
    const found = [...window.jupyterapp.shell.widgets('main')]
        .find(one => /\\.jgis$/i.test(one.context?.path ?? ''));
    const { layers, sources } = found.context.model.sharedModel;
    return [Object.values(layers), Object.values(sources)];
}"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with Lab, JupyterGIS and the panel, and nothing of an environment."""
    folder = tmp_path_factory.mktemp("gis") / "venv"
    python = folder / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    wanted = (f"jupyterlab=={version('jupyterlab')}", *PACKAGES, str(EXTENSION))
    subprocess.run([UV, "pip", "install", "--quiet", "--python", str(python), *wanted], check=True)
    return str(python)


def test_footprints_go_into_the_document_that_is_open(
    python: str, context: BrowserContext, tmp_path: Path
) -> None:
    with vendors(tmp_path / "files") as apis:
        settings = {
            "apis": [{"url": apis.url(name), "title": title} for name, title in VENDORS.items()],
            "hosts": [apis.netloc],
        }
        with bare_lab(tmp_path / "lab", settings, python=python) as lab:
            (lab.root / "map.jGIS").write_text(json.dumps(DOCUMENT))
            page = context.new_page()
            panel = Panel(page, lab)
            panel.open()
            panel.choose("Earth Search")
            panel.search()
            panel.cards().first.click()
            add = panel.root.get_by_role("button", name="Add to JupyterGIS")
            assert add.count() == 0, "no document is open"
            panel.command("docmanager:open", path="map.jGIS")
            page.wait_for_function(
                "() => [...window.jupyterapp.shell.widgets('main')]"
                ".some(one => /\\.jgis$/i.test(one.context?.path ?? '') && one.context.isReady)"
            )
            panel.command("jupyterlab-stac:open")
            expect(add.first).to_be_visible()
            add.first.click()
            page.wait_for_function(f"() => ({_LAYERS})()[0].length > 0")
            layers, sources = page.evaluate(_LAYERS)
            page.locator(".lm-TabBar-tab", has_text="map.jGIS").click()
            panel.picture("panel-jupytergis")
            page.close()
    assert [layer["name"] for layer in layers] == ["S2A_31TFJ_20240101_0_L2A"]
    assert sources[0]["type"] == "GeoJSONSource"
    (feature,) = sources[0]["parameters"]["data"]["features"]
    assert feature["geometry"]["type"] == "Polygon"
